"""MessagePack, one item at a time: what it is, and where its content lies in the file.

The first byte of an item says its kind, and holds a small number itself or tells how many bytes of one follow:
of an integer or float the value, of a text, bytes or extension the length in bytes, of a list or map the count of
items in it, which come after. Numbers are big-endian. An extension has one more byte, its type.

Nothing but the few bytes of an item's head is read here, and no length is believed beyond the end that is given.
Source: spec.md of MessagePack.
"""

from __future__ import annotations

from typing import NamedTuple

from ...errors import show
from ...files.reading import File

LONGEST_HEAD = 9  # bytes, of an integer with 64 bits
LONGEST_TEXT = 1024  # bytes

# First byte: kind, and how many bytes of a number follow. What has its number in the first byte is below.
HEADS = {
    0xC0: ("nothing", 0), 0xC2: ("false", 0), 0xC3: ("true", 0),
    0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4),
    0xC7: ("extension", 1), 0xC8: ("extension", 2), 0xC9: ("extension", 4),
    0xCA: ("float", 4), 0xCB: ("float", 8),
    0xCC: ("integer", 1), 0xCD: ("integer", 2), 0xCE: ("integer", 4), 0xCF: ("integer", 8),
    0xD0: ("signed", 1), 0xD1: ("signed", 2), 0xD2: ("signed", 4), 0xD3: ("signed", 8),
    0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4),
    0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
SMALLEST = {"map": 2, "list": 1}  # bytes of a pair, or of an item


class Item(NamedTuple):
    """One item. Its content is [begin, end) of the file; a list or map has none of its own, its items follow."""

    kind: str  # a kind of HEADS; "integer" for signed ones too
    number: int  # the value of an integer, the items or pairs of a list or map, the type of an extension
    begin: int
    end: int


def item(file: File, at: int, end: int) -> Item:
    """The item that begins at `at` and must end before `end`."""
    head = file.read_at(at, min(LONGEST_HEAD, end - at), "MessagePack")
    if not head:
        raise file.error(f"byte {at}: expected an item, got the end of what holds it")
    first = head[0]
    if first < 0x80 or first >= 0xE0:
        return Item("integer", first if first < 0x80 else first - 256, at + 1, at + 1)
    if first < 0xC0:
        kind, wide, number = {8: "map", 9: "list"}.get(first >> 4, "text"), 0, first & 0x0F
        number = first & 0x1F if kind == "text" else number
    elif 0xD4 <= first <= 0xD8:
        kind, wide, number = "extension", 0, 1 << first - 0xD4
    elif first in HEADS:
        kind, wide = HEADS[first]
        number = int.from_bytes(head[1 : 1 + wide], "big", signed=kind == "signed")
    else:
        raise file.error(f"byte {at}: expected an item of MessagePack, got the byte {first:#x}")
    begin = at + 1 + wide + (kind == "extension")
    length = number if kind in ("text", "bytes", "extension") else SMALLEST.get(kind, 0) * number
    if begin + length > end:
        raise file.error(f"byte {at}: expected at most {end - at} bytes, got {kind} of {begin + length - at}")
    if kind == "extension":
        return Item(kind, int.from_bytes(head[begin - at - 1 : begin - at], "big", signed=True), begin, begin + length)
    if kind in SMALLEST:
        return Item(kind, number, begin, begin)
    return Item("integer" if kind == "signed" else kind, number, begin, begin + length)


def text(file: File, at: int, end: int) -> tuple[str, int]:
    """The text that begins at `at`, and where the next item does."""
    head = item(file, at, end)
    if head.kind != "text" or head.end - head.begin > LONGEST_TEXT:
        got = f"{head.kind} of {head.end - head.begin}"
        raise file.error(f"byte {at}: expected a text of at most {LONGEST_TEXT} bytes, got {got}")
    content = file.read_at(head.begin, head.end - head.begin)
    try:
        return content.decode("utf-8"), head.end
    except UnicodeDecodeError:
        raise file.error(f"byte {at}: expected UTF-8, got {show(content.decode('latin-1'))}") from None
