"""p = softmax(s_1 ... s_K),   s_k the score of BERT(prompt, choice k):   which choice fits a prompt best"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import bert, softmax
from ..tasks import multiple_choice
from . import encoding
from .batching import cls_rows
from .outputs import Choice
from .run import Model, Options, finite, head, run


def choose(model: Model, questions: Sequence[tuple[Any, Any]], options: Options) -> list[Choice]:
    """questions: pairs of a prompt and its choices, at least two -> the best choice for each."""
    params = head(model, "multiple_choice")
    texts = [
        encoding.choices(choices, f"{encoding.row_name(row, len(questions))}: choices")
        for row, (_, choices) in enumerate(questions)
    ]
    prompts = [
        encoding.text(prompt, f"{encoding.row_name(row, len(questions))}: prompt")
        for row, (prompt, _) in enumerate(questions)
    ]
    pairs = [(prompt, choice) for prompt, choices in zip(prompts, texts, strict=True) for choice in choices]

    def scores(encoded: bert.Output, batch: bert.Inputs) -> list[float]:
        values, _ = multiple_choice.forward(encoded, params, model.config)  # (B,)
        return [float(value) for value in finite(values)]

    encoded_pairs = encoding.encode(model.tokenizer, pairs, model.config.max_position_embeddings, options.special)
    remaining = iter(run(model, encoded_pairs, scores, options, cls_rows))
    results = []
    for choices in texts:
        p = softmax.forward(np.array([[next(remaining) for _ in choices]]))[0][0]
        best = int(p.argmax())
        results.append(Choice(best, choices[best], float(p[best]), tuple(float(value) for value in p)))
    return results
