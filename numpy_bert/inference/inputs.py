"""Validation of arrays: what a caller passes becomes checked bert.Inputs, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..blocks.bert import Inputs
from ..blocks.embedding import Ids
from ..config import BertConfig
from ..errors import Error, describe
from ..numerics.arrays import Array


def checked(
    token_ids: ArrayLike,
    segment_ids: ArrayLike | None,
    attention_mask: ArrayLike | None,
    position_ids: ArrayLike | None,
    config: BertConfig,
) -> Inputs:
    """token_ids (B, T) integers; the others alike, or None: all 0, nothing padded, 0 to T - 1 in each row.

    A single row (T,) counts as a batch of one. attention_mask is 1 (or True) on the tokens of a text, 0 on padding.
    """
    tokens = _integers("token_ids", token_ids, None)
    if tokens.ndim == 1:
        tokens = tokens[None]  # (T,) -> (1, T)
        segment_ids, attention_mask, position_ids = map(_row, (segment_ids, attention_mask, position_ids))
    if tokens.ndim != 2:
        raise Error(f"token_ids: expected shape (B, T), got {tokens.shape}")
    B, T = tokens.shape
    if T == 0:
        raise Error("token_ids: expected at least one token in each row, got none")
    if config.max_position_embeddings < T and position_ids is None:
        raise Error(f"token_ids: max_position_embeddings={config.max_position_embeddings}, got {T} tokens")
    _below("token_ids", tokens, "vocab_size", config.vocab_size)

    segments = np.zeros_like(tokens)
    if segment_ids is not None:
        segments = _integers("segment_ids", segment_ids, tokens.shape)
        _below("segment_ids", segments, "type_vocab_size", config.type_vocab_size)
    positions = np.broadcast_to(np.arange(T), (B, T))
    if position_ids is not None:
        positions = _integers("position_ids", position_ids, tokens.shape)
        _below("position_ids", positions, "max_position_embeddings", config.max_position_embeddings)
    mask = None if attention_mask is None else _mask(attention_mask, tokens.shape)
    return Inputs(Ids(tokens, positions, segments), mask)


def _row(ids: Any) -> Any:
    """The companion of a single row as a batch of one."""
    return None if ids is None else [ids]


class Text(NamedTuple):
    """A tokenized text or pair."""

    ids: Sequence[int] | Array
    segment_ids: Sequence[int] | Array | None  # None: all 0


def padded(texts: Sequence[Text], pad_id: int = 0) -> Inputs:
    """Texts of any lengths, also of no tokens, as one batch, padded on the right; no mask where nothing is padded."""
    T = max([1, *(len(text.ids) for text in texts)])
    tokens = np.full((len(texts), T), pad_id, np.int64)
    segment_ids = np.zeros((len(texts), T), np.int64)
    mask = np.zeros((len(texts), T), np.bool_)
    for i, (ids, segments) in enumerate(texts):
        tokens[i, : len(ids)] = ids
        mask[i, : len(ids)] = True
        if segments is not None:
            segment_ids[i, : len(ids)] = segments
    positions = np.broadcast_to(np.arange(T), tokens.shape)
    return Inputs(Ids(tokens, positions, segment_ids), None if mask.all() else mask)


def _integers(name: str, ids: ArrayLike, shape: tuple[int, ...] | None) -> Array:
    """An int64 array; ragged rows, floats, booleans and objects are refused by name."""
    if isinstance(ids, (str, bytes)):
        raise Error(f"{name}: expected integers, got {describe(ids)}; tokenize the text first")
    _refuse_ragged(name, ids)
    try:
        array = np.asarray(ids)
    except (ValueError, OverflowError, TypeError):
        raise Error(f"{name}: expected an array of integers, got {describe(ids)}") from None
    if array.dtype.kind not in "iu" and array.size > 0:
        raise Error(f"{name}: expected integers, got {array.dtype}")
    if shape is not None and array.shape != shape:
        raise Error(f"{name}: expected the shape of token_ids {shape}, got {array.shape}")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise Error(f"{name}: expected ids that fit a model, got {int(array.max())}")
    if array.dtype.kind not in "iu":  # an empty list is an array of floats
        return np.zeros(array.shape, np.int64)
    return array.astype(np.int64, copy=False)


def _refuse_ragged(name: str, ids: Any) -> None:
    if isinstance(ids, (list, tuple)) and ids and all(isinstance(row, (list, tuple, np.ndarray)) for row in ids):
        for i, row in enumerate(ids):
            if len(row) != len(ids[0]):
                raise Error(f"{name}: row {i} has length {len(row)}, expected {len(ids[0])} (pad or use the tokenizer)")


def _below(name: str, ids: Array, limit_name: str, limit: int) -> None:
    bad = np.argwhere((ids < 0) | (ids >= limit))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        index = ",".join(map(str, place))
        raise Error(f"{name}[{index}]={ids[place]}, expected 0 to {limit - 1} ({limit_name}={limit})")


def _mask(mask: ArrayLike, shape: tuple[int, ...]) -> Array | None:
    _refuse_ragged("attention_mask", mask)
    try:
        array = np.asarray(mask)
    except (ValueError, TypeError):
        raise Error(f"attention_mask: expected an array of 0 and 1, got {describe(mask)}") from None
    if array.shape != shape:
        raise Error(f"attention_mask: expected the shape of token_ids {shape}, got {array.shape}")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise Error("attention_mask: expected 0 and 1 (or booleans), got something else")
    present = array != 0
    return None if present.all() else present
