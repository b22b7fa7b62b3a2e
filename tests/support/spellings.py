"""The arrays of a tiny model under the names that each publisher gives them."""

import numpy as np

from numpy_bert.checkpoints import names, saving
from numpy_bert.numerics import tree


def arrays_of(bert, **changes):
    """Its arrays as Hugging Face names them, with some replaced; None takes one away."""
    arrays = dict(saving.hugging_face(bert.params, names.architectures_of(bert.heads, ())))
    arrays |= changes
    return {name: array for name, array in arrays.items() if array is not None}


def assert_same(params, expected):
    assert [name for name, _ in tree.items(params)] == [name for name, _ in tree.items(expected)]
    for (name, array), (_, other) in zip(tree.items(params), tree.items(expected), strict=True):
        assert array.dtype == other.dtype, name
        assert np.array_equal(array, other), name


# (Hugging Face's name, array) -> (theirs, array as they store it)
SPELLINGS = {
    "hugging_face": lambda name, array: (name, array),
    "old": lambda name, array: (
        "module." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
        array,
    ),
    "bare": lambda name, array: (name.removeprefix("bert."), array),
    "google": lambda name, array: (names.google(name).name, array.T if names.google(name).transposed else array),
    "flax": lambda name, array: (
        name.replace("LayerNorm.weight", "LayerNorm.scale").replace("_embeddings.weight", "_embeddings.embedding")
        .replace(".weight", ".kernel").replace(".", "/"),
        array.T if array.ndim == 2 and "embeddings" not in name else array,
    ),
    "keras": lambda name, array: (
        ("bert/tf_bert_model/" if name.startswith("bert.") else "x___" if name.startswith("cls.") else "")
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        .replace("_embeddings.weight", "_embeddings.embeddings").replace(".weight", ".kernel")
        .replace(".layer.", ".layer_._").replace(".", "/").replace("layer_/_", "layer_._") + ":0",
        array.T if array.ndim == 2 and "embeddings" not in name else array,
    ),
}  # fmt: skip
