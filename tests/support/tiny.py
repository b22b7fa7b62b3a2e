"""A tiny BERT with random weights and a vocabulary of real words, for tests that need a whole model."""

import numpy as np

from numpy_bert.config import BertConfig
from numpy_bert.model import Bert
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PLAIN = "i liked this movie the a film was good bad dull very and it rains to berlin train actor plot fun not"
WORDS = [*SPECIAL, *PLAIN.split(), "##s", "##ing", "##ed", "##ny", ".", ",", "!", "?"]


def tiny_config(**changes):
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 20,
        "max_position_embeddings": 24,
        "num_labels": 3,
    }
    return BertConfig(**(sizes | changes))


def tiny_bert(heads=tuple(objective.HEADS), seed=0, dtype="float32", has_pooler=True, **changes):
    """Weights of scale 1/2, far from the 0 and 1 of a fresh model."""
    config, rng = tiny_config(**changes), np.random.default_rng(seed)
    shapes = objective.shapes(config, heads, has_pooler)
    params = tree.map(lambda shape: rng.normal(0.0, 0.5, shape.dims).astype(dtype), shapes)
    return Bert(config, params, WordPieceTokenizer(WORDS))
