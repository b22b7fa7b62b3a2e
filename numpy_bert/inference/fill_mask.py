"""p = softmax(masked_lm(BERT(text))) at each [MASK]:   the likeliest tokens in its place"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import bert, softmax
from ..errors import Error, show
from ..numerics.arrays import Array
from ..rules import as_integer
from ..tasks import masked_lm, rows
from . import encoding
from .outputs import Prediction
from .run import Model, Options, finite, head, run


def predict(model: Model, texts: Sequence[Any], top_k: int, options: Options) -> list[list[list[Prediction]]]:
    """For each text, for each of its [MASK], in order, the top_k likeliest tokens. Error: a text without a [MASK]."""
    params = head(model, "masked_lm")
    tokenizer, config = model.tokenizer, model.config
    # The ids that have a token and a row: a vocabulary may be padded.
    candidates = np.flatnonzero([token != "" for token in tokenizer.tokens[: config.vocab_size]])
    if not len(candidates):
        raise Error("fill_mask: expected a tokenizer with a vocabulary, got ids alone; load(path, tokenizer=FOLDER)")
    top_k = as_integer("top_k", top_k, 1, len(candidates))
    encoded_texts = encoding.encode(tokenizer, texts, config.max_position_embeddings, special=True)
    for row, (text, (ids, _)) in enumerate(zip(texts, encoded_texts, strict=True)):
        if tokenizer.mask_id not in ids:
            got = f"got none within {len(ids)} tokens: {show(text)}"
            raise Error(
                f"{encoding.row_name(row, len(texts))}: expected at least one {tokenizer.special_tokens.mask}, {got}"
            )

    def is_masked(batch: bert.Inputs) -> Array:
        is_mask: Array = batch.ids.token == tokenizer.mask_id  # (B, T)
        return is_mask if batch.mask is None else is_mask & batch.mask

    def read(batch: bert.Inputs) -> Array:
        return rows.cls_and(is_masked(batch))

    def predictions(encoded: bert.Output, batch: bert.Inputs) -> list[list[list[Prediction]]]:
        assert batch.rows is not None
        # M rows of each text, N masked tokens in all texts together
        is_mask = np.take_along_axis(is_masked(batch), batch.rows, axis=1)  # (B, T) -> (B, M)
        logits, _ = masked_lm.forward(encoded, params, config, positions=np.flatnonzero(is_mask))  # (N, V)
        p, _ = softmax.forward(finite(logits))
        results: list[list[list[Prediction]]] = [[] for _ in is_mask]
        for row, probabilities in zip(np.nonzero(is_mask)[0], p, strict=True):
            best = candidates[np.argsort(-probabilities[candidates], kind="stable")[:top_k]]
            results[row].append([Prediction(tokenizer.tokens[i], int(i), float(probabilities[i])) for i in best])
        return results

    return run(model, encoded_texts, predictions, options, read)
