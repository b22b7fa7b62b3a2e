"""Documents in the order of their score for a query: by a cross-encoder, or by the similarity of vectors.

A cross-encoder reads query and document together and its head has one output, s = activation(head(BERT(q, d)));
without an activation in the checkpoint it is the sigmoid, as in sentence-transformers.

Source: CrossEncoder.rank, cross_encoder/model.py of sentence-transformers 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import bert
from ..errors import Error
from ..numerics.arrays import Array
from ..rules import as_integer
from ..tasks import sequence_classification
from . import classification, encoding, similarity, vectors
from .activations import FUNCTIONS
from .batching import cls_rows
from .run import Options, finite, head, run
from .vectors import Form, SentenceModel


def rank(
    model: SentenceModel, query: str, documents: Sequence[Any], top_k: int | None, options: Options
) -> list[dict[str, Any]]:
    """[{"corpus_id": place among the documents, "score": ...}, ...], the best first, at equal scores the first."""
    encoding.text(query, "query")
    for row, document in enumerate(documents):
        encoding.text(document, f"documents: row {row}")
    if top_k is not None:
        top_k = as_integer("top_k", top_k, 1)
    scores = (
        pair_scores(model, query, documents, options)
        if is_cross(model)
        else _similarities(model, query, documents, options)
    )
    order = np.argsort(-scores, kind="stable")[:top_k]
    return [{"corpus_id": int(i), "score": float(scores[i])} for i in order]


def is_cross(model: SentenceModel) -> bool:
    """Whether the head scores pairs. Error: the checkpoint is a cross-encoder with more than one output."""
    if "sequence_classification" not in model.heads:
        return False
    labels = model.config.num_labels
    if labels != 1 and model.settings.kind == "CrossEncoder":
        raise Error(f"rank: expected a cross-encoder with one label, got {labels}; classify() gives all of them")
    return labels == 1


def pair_scores(model: SentenceModel, query: str, documents: Sequence[Any], options: Options) -> Array:
    """(n,): the score of each document for the query, by the head."""
    params = head(model, "sequence_classification")
    activation = FUNCTIONS[classification.score_activation(model) or "sigmoid"]
    pairs = [(query, document) for document in documents]
    limit = classification.limit(model)
    texts, cut = encoding.encode_counting(model.tokenizer, pairs, limit, prompt=model.settings.prompt())
    encoding.warn_of_cuts(cut, limit)

    def scores(encoded: bert.Output, batch: bert.Inputs) -> list[float]:
        logits, _ = sequence_classification.forward(encoded, params, model.config)  # (B, 1)
        return [float(score) for score in activation(finite(logits))[:, 0]]

    return np.array(run(model, texts, scores, options, cls_rows), np.float64)


def _similarities(model: SentenceModel, query: str, documents: Sequence[Any], options: Options) -> Array:
    """(n,): the similarity of each document to the query, each with its prompt."""
    settings = model.settings
    size = settings.truncate_dim
    a = vectors.embed(model, [query], Form(settings.query_prompt, size), Options(None, options.threads))
    b = vectors.embed(model, documents, Form(settings.document_prompt, size), options)
    scores: Array = similarity.matrix(settings.similarity(), a, b)[0]
    return scores
