"""How a user of PyTorch or ONNX Runtime batches texts: sorted by length, 32 at a time, padded to the longest."""

from __future__ import annotations

import numpy as np

SEP = 102


def padded(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and mask, (B, T) each, as a tokenizer's padding makes them."""
    longest = max(len(text) for text in texts)
    ids = np.zeros((len(texts), longest), np.int64)
    mask = np.zeros((len(texts), longest), np.int64)
    for i, text in enumerate(texts):
        ids[i, : len(text)] = text
        mask[i, : len(text)] = 1
    return ids, mask


def sorted_batches(texts: list[list[int]], size: int) -> list[list[int]]:
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def segments(ids: np.ndarray) -> np.ndarray:
    """Segment ids of pairs, (B, T) like the ids: 1 behind the first [SEP]."""
    return ((ids == SEP).cumsum(axis=1) - (ids == SEP) > 0).astype(np.int64)
