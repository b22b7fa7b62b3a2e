"""An exercise about sentence embeddings."""

from __future__ import annotations

from ...numerics.arrays import Array
from ...tasks.sentence_embedding import Cache
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (B, K H) -> dh (B, T, H)"""
    share, _, norm = cache
    dv = dy
    if norm is not None:
        dv = dy / norm
    dpooled = dv.reshape(len(dv), share.shape[2], -1)  # (B, K H) -> (B, K, H)
    dh: Array = (share * dpooled[:, None]).sum(axis=2)  # (B, T, K, H) -> (B, T, H)
    return dh


EXERCISE = Exercise(
    title="What cannot be changed by stretching",
    block="sentence_embedding",
    level="medium",
    hints=(
        "Stretch v by 2: does v / |v| change?",
        "Then dv must be orthogonal to v. Which part of dy has to be taken away?",
    ),
    wrong="The length |v| is held constant: what only changes it is not taken away.",
    why="With u = v / |v| the Jacobian is (δ_ij - u_i u_j) / |v|: the second term comes from |v|, which moves with "
    "v. Without it dv has a part along v that the loss does not feel, so vectors grow or shrink from step to "
    "step to no purpose. Cases without normalization are right.",
    backward=backward,
)
