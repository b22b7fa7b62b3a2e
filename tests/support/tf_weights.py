"""The weights in tests/data/tf_files: a rule gives every element, so that files and tests agree without a list.

Element i of the tensor called `name` is ((40503 i + CRC-32 of the name) mod 2^16 - 2^15) / 2^12: exact in float32, and
all distinct in a tensor of up to 2^16 elements. Of the narrower dtypes the low bits are left out.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

LAYERS, HIDDEN, INNER, VOCABULARY, POSITIONS = 2, 4, 16, 15, 16


def weights(name: str, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray[Any, np.dtype[Any]]:
    """The tensor; bfloat16 as the float32 that it stands for."""
    numbers = np.arange(math.prod(shape), dtype=np.int64) * 40503 + zlib.crc32(name.encode())
    if dtype in ("float16", "bfloat16"):
        values = ((numbers % 256) - 128) / 16
        return values.reshape(shape).astype(np.float16 if dtype == "float16" else np.float32)
    if dtype in ("float32", "float64"):
        return ((numbers % 65536 - 32768) / 4096).reshape(shape).astype(dtype)
    if dtype == "bool":
        return (numbers % 3 == 0).reshape(shape)
    return numbers.reshape(shape).astype(dtype)


def google_shapes() -> dict[str, tuple[int, ...]]:
    """The trained variables of Google's BERT with both of its pre-training heads."""

    def dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}/kernel": (inputs, outputs), f"{name}/bias": (outputs,)}

    def norm(name: str) -> dict[str, tuple[int, ...]]:
        return {f"{name}/LayerNorm/beta": (HIDDEN,), f"{name}/LayerNorm/gamma": (HIDDEN,)}

    shapes: dict[str, tuple[int, ...]] = {
        "bert/embeddings/word_embeddings": (VOCABULARY, HIDDEN),
        "bert/embeddings/position_embeddings": (POSITIONS, HIDDEN),
        "bert/embeddings/token_type_embeddings": (2, HIDDEN),
        **norm("bert/embeddings"),
        **dense("bert/pooler/dense", HIDDEN, HIDDEN),
        "cls/predictions/output_bias": (VOCABULARY,),
        **dense("cls/predictions/transform/dense", HIDDEN, HIDDEN),
        **norm("cls/predictions/transform"),
        "cls/seq_relationship/output_weights": (2, HIDDEN),
        "cls/seq_relationship/output_bias": (2,),
    }
    for layer in range(LAYERS):
        here = f"bert/encoder/layer_{layer}"
        for part in ("query", "key", "value"):
            shapes |= dense(f"{here}/attention/self/{part}", HIDDEN, HIDDEN)
        shapes |= dense(f"{here}/attention/output/dense", HIDDEN, HIDDEN) | norm(f"{here}/attention/output")
        shapes |= dense(f"{here}/intermediate/dense", HIDDEN, INNER)
        shapes |= dense(f"{here}/output/dense", INNER, HIDDEN) | norm(f"{here}/output")
    return shapes
