"""What the three axes of a shown array stand for: its tables, its rows, its columns."""

from __future__ import annotations

from .manifest import Asked
from .recorder import Call

KEYS = {"S", "P", "R", "dS", "dP", "dR"}  # variables of attention.py whose last axis is the keys
TABLES = {"W", "dW", "dE", "decoder", "dword", "dposition", "dsegment"}  # one row a row of a parameter

Axes = tuple[str, str, str]


def axes(shape: tuple[int, ...], variable: str, call: Call | None, asked: Asked) -> Axes:
    """Of each axis "token", "key" (a key token), "asked" (a token the loss asks for), "head",
    "component", or for a parameter "row" and "column"; "" for an axis of length 1 that stands for nothing.
    """
    T = len(asked.tokens)
    if call is None or variable in TABLES:
        return "", "row" if len(shape) > 1 else "", "column"
    if call.module == "blocks.multi_head_attention" and variable == "concat":  # (B, T, A, D)
        return "token", "head", "component"
    if len(shape) == 5:  # (B, T, 3, A, D)
        return "token × Q, K, V", "head", "component"
    if len(shape) == 4 and shape[2] == T:  # (B, A, T, ...)
        over_keys = call.module == "blocks.softmax" or (call.module == "blocks.attention" and variable in KEYS)
        return "head", "token", "key" if over_keys else "component"
    if len(shape) == 3 and shape[1] == T:  # (B, T, ...)
        return "", "token", "component"
    if len(shape) == 2 and shape == (1, T):  # (B, T)
        return "", "", "token"
    if len(shape) == 2 and call.block.startswith(asked.task) and len(shape) == 2 and _asks_by_place(asked, shape[0]):
        return "", "asked", "component"
    if len(shape) == 2 and shape[0] == T:  # (N, ...), the rows of linear.py
        return "", "token", "component"
    return "", "row" if len(shape) > 1 and shape[0] > 1 else "", "component"


def _asks_by_place(asked: Asked, rows: int) -> bool:
    return asked.task == "masked_lm" and rows == len(asked.outputs)
