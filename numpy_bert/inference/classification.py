"""p = softmax(head(BERT(text))):   the class of a text or of a pair, and whether a sentence follows another

With a head for several classes a text, p = sigmoid(head(BERT(text))), of each class by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..blocks import bert, softmax
from ..config import BertConfig
from ..errors import Error
from ..numerics.arrays import Array
from ..numerics.sigmoid import sigmoid
from ..tasks import next_sentence, sequence_classification
from . import encoding, vectors
from .activations import FUNCTIONS
from .batching import cls_rows
from .outputs import Classification
from .run import Model, Options, finite, head, run
from .vectors import SentenceModel


def classify(model: SentenceModel, texts: Sequence[Any], options: Options) -> list[Classification]:
    """The class of each text or pair."""
    params = head(model, "sequence_classification")
    activation = score_activation(model) or "identity"

    def classes(encoded: bert.Output, batch: bert.Inputs) -> list[Classification]:
        logits, _ = sequence_classification.forward(encoded, params, model.config)  # (B, C)
        return [_classification(FUNCTIONS[activation](row), model.config) for row in finite(logits)]

    encoded_texts = encoding.encode(model.tokenizer, texts, limit(model), options.special)
    return run(model, encoded_texts, classes, options, cls_rows)


def score_activation(model: SentenceModel) -> str | None:
    """What a cross-encoder's folder wants done to the one output of its head; None where it says nothing."""
    return model.settings.activation() if model.config.num_labels == 1 else None


def limit(model: SentenceModel) -> int:
    """The number of tokens at which a text or pair is cut."""
    try:
        return vectors.limit(model)
    except Error:  # of the pooling, which is not used here
        return model.config.max_position_embeddings


def _classification(logits: Array, config: BertConfig) -> Classification:
    names = config.label_names
    if config.is_regression:
        return Classification(None, None, _scores(names if len(names) > 1 else ("value",), logits))
    several = config.problem == "multi_label_classification"
    p = sigmoid(logits) if several else softmax.forward(logits[None])[0][0]
    best = int(p.argmax())
    return Classification(names[best], float(p[best]), _scores(names, p))


def _scores(names: Sequence[str], values: Array) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def follows(model: Model, pairs: Sequence[Any], options: Options) -> list[float]:
    """For each pair of texts the probability that the second follows the first."""
    params = head(model, "next_sentence")

    def probabilities(encoded: bert.Output, batch: bert.Inputs) -> list[float]:
        logits, _ = next_sentence.forward(encoded, params, model.config)  # (B, 2)
        p, _ = softmax.forward(finite(logits))
        return [float(row[next_sentence.FOLLOWS]) for row in p]

    texts = encoding.encode(model.tokenizer, pairs, model.config.max_position_embeddings, options.special)
    return run(model, texts, probabilities, options, cls_rows)
