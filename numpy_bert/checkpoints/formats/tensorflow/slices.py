"""A partitioned variable: a tensor cut into boxes, each stored as a tensor under a key that says which box it is.

    key      = number 0, name, number of dimensions, then start and length of the box along each
    number   = a byte that counts the bytes which follow, then these, highest first
    name     = its bytes, 00 written as 00 ff and ff as ff 00, then 00 01
    start, length = n bytes of two's complement, highest first, the n highest bits of them flipped, where n is the
               least number for which 7 n bits hold it

Written so, keys sort as what they mean ("ordered code"). A box that is not said to be cut along a dimension has
start 0 and length -1 there. Errors here name no file. Sources: saved_tensor_slice_util.cc, tensor_slice.cc and
lib/strings/ordered_code.cc of TensorFlow.
"""

from __future__ import annotations

import math
import re

import numpy as np

from ....errors import Error
from .entry import Extent

WHOLE = -1
ESCAPED = {b"\x00": b"\x00\xff", b"\xff": b"\xff\x00"}

Region = tuple[slice, ...]


def regions(shape: tuple[int, ...], slices: tuple[tuple[Extent, ...], ...]) -> list[Region]:
    """Where in the tensor each box lies. Error unless they lie inside it and cover each element once.

    Every pair is compared: the message that lists them holds at most protobuf.MOST_REPEATED.
    """
    if not shape:
        raise Error("slices: expected dimensions to cut along, got a scalar")
    boxes = [region(shape, extents) for extents in slices]
    meet = np.triu(np.ones((len(boxes), len(boxes)), bool), 1)  # (first, second): no dimension yet that parts them
    for parts in zip(*boxes, strict=True):
        starts, ends = (np.array(bounds) for bounds in zip(*((part.start, part.stop) for part in parts), strict=True))
        meet &= (starts[:, None] < ends) & (starts < ends[:, None])
    if meet.any():
        first, second = np.argwhere(meet)[0].tolist()
        raise Error(f"slices: expected every element once, got slices {first} and {second} that overlap")
    covered = sum(math.prod(part.stop - part.start for part in box) for box in boxes)
    if covered != math.prod(shape):
        raise Error(f"slices: expected them to cover {math.prod(shape)} elements, got {covered}")
    return boxes


def region(shape: tuple[int, ...], extents: tuple[Extent, ...]) -> Region:
    """The box as indices, not empty and inside the tensor."""
    if len(extents) != len(shape):
        raise Error(f"slices: expected {len(shape)} dimensions, got {len(extents)}")
    parts = []
    for size, (start, length) in zip(shape, extents, strict=True):
        end = size if length is None else start + length
        if not 0 <= start < end <= size or (length is None and start):
            raise Error(f"slices: expected a part of 0 to {size}, got {start} to {end}")
        parts.append(slice(start, end))
    return tuple(parts)


def slice_key(name: bytes, extents: tuple[Extent, ...]) -> bytes:
    """The key of one box of the tensor `name`."""
    escaped = re.sub(rb"[\x00\xff]", lambda match: ESCAPED[match[0]], name)
    numbers = [n for start, length in extents for n in (start, WHOLE if length is None else length)]
    return ordered(0) + escaped + b"\x00\x01" + ordered(len(extents)) + b"".join(map(ordered_signed, numbers))


def ordered(number: int) -> bytes:
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(content)]) + content


def ordered_signed(number: int) -> bytes:
    count = 1
    while not -(1 << 7 * count - 1) <= number < 1 << 7 * count - 1:
        count += 1
    flipped = ((1 << count) - 1) << 7 * count
    return (number % (1 << 8 * count) ^ flipped).to_bytes(count, "big")
