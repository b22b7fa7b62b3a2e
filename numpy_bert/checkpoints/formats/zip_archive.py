"""The directory of a zip archive, read strictly: every entry is where and what both of its headers say.

Zip readers differ on broken archives, and a file can show one content to a scanner and another to a loader. So
an archive with anything ambiguous is refused: bytes before the first entry or after the end record, entries that
overlap, names twice, headers that disagree, encryption.

Source: PKWARE's APPNOTE.TXT, parts 4.3 and 4.5; PyTorch's `inline_container.cc` for what its files contain.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from ...errors import show
from ...files.reading import File
from .tensors import MOST_TENSORS

END = struct.Struct("<4s4H2IH")  # signature, disks (2), entries (2), directory size and offset, comment length
END_64 = struct.Struct("<4sQ2H2I4Q")  # signature, size, versions (2), disks (2), entries (2), size, offset
LOCATOR = struct.Struct("<4sIQI")  # signature, disk, offset of END_64, disks
CENTRAL = struct.Struct("<4s6H3I5H2I")
LOCAL = struct.Struct("<4s5H3I2H")

MOST_ENTRIES = MOST_TENSORS
LARGEST_DIRECTORY = 1 << 22
STORED = 0  # the method of an entry that is not compressed
SIZES_FOLLOW = 1 << 3  # the local header has no sizes; they follow the data
UTF_8 = 1 << 11
ELSEWHERE = 0xFFFFFFFF  # in place of a size or offset that the zip64 extra field holds


class Member(NamedTuple):
    """An entry: its bytes are [offset, offset + packed) of the file."""

    name: str
    method: int
    offset: int
    size: int
    packed: int
    crc: int


class Central(NamedTuple):
    """What the directory says of an entry."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: int  # where its local header begins


def members(file: File) -> dict[str, Member]:
    """The entries by name, in the order of the directory."""
    start, size, count = directory(file)
    if count > MOST_ENTRIES or size > LARGEST_DIRECTORY:
        raise file.error(f"zip directory: expected at most {MOST_ENTRIES} entries, got {count} in {size} bytes")
    entries = central_entries(file, file.read_at(start, size, "zip directory"))
    if len(entries) != count:
        raise file.error(f"zip directory: expected {count} entries, got {len(entries)}")
    by_name: dict[str, Member] = {}
    lower: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        member = local_member(file, entry)
        label = f"zip entry {show(member.name)}"
        if entry.header < end:
            raise file.error(f"{label}: expected it from byte {end} on, got {entry.header}: an overlap")
        if end == 0 and entry.header != 0:
            raise file.error(f"{label}: expected the first entry at byte 0, got {entry.header}: other bytes first")
        end = member.offset + member.packed
        if end > start:
            raise file.error(f"{label}: expected its end before byte {start}, the directory, got {end}")
        if member.name.lower() in lower:
            raise file.error(f"{label}: expected every name once, got a duplicate")
        lower.add(member.name.lower())
        by_name[member.name] = member
    return by_name


def directory(file: File) -> tuple[int, int, int]:
    """Where the directory begins, its bytes, and the number of its entries."""
    if file.size < END.size:
        raise file.error(f"expected the end record of a zip archive, got a file of {file.size} bytes")
    place = file.size - END.size
    signature, disk, disk_2, here, count, size, start, comment = END.unpack(file.read_at(place, END.size))
    if signature != b"PK\x05\x06" or comment:
        raise file.error("expected a zip archive that ends with its end record, got other bytes: cut or longer")
    if disk or disk_2 or here != count:
        raise file.error("zip end record: expected one disk, got several")
    locator = file.read_at(place - LOCATOR.size, LOCATOR.size) if place >= LOCATOR.size else b""
    if locator[:4] == b"PK\x06\x07":
        place -= LOCATOR.size + END_64.size
        wide = wide_end(file, place, locator)
        for narrow, value, none in zip((count, size, start), wide, (0xFFFF, ELSEWHERE, ELSEWHERE), strict=True):
            if narrow not in (value, none):
                raise file.error(f"zip end records: expected them to agree, got {narrow} and {value}")
        count, size, start = wide
    if start + size != place:
        raise file.error(f"zip directory: expected its end at byte {place}, got {start + size}")
    return start, size, count


def wide_end(file: File, place: int, locator: bytes) -> tuple[int, int, int]:
    """Entries, size and offset of the directory from the zip64 end record, which must stand at `place`."""
    _, disk, offset, disks = LOCATOR.unpack(locator)
    if disk or disks > 1 or offset != place or place < 0:
        raise file.error(f"zip64 locator: expected one disk and byte {place}, got {offset}")
    record = END_64.unpack(file.read_at(place, END_64.size))
    signature, length, _, _, disk, disk_2, here, count, size, start = record
    if signature != b"PK\x06\x06" or length != END_64.size - 12 or disk or disk_2 or here != count:
        raise file.error("zip64 end record: expected one of 56 bytes for one disk, got another")
    return count, size, start


def central_entries(file: File, data: bytes) -> list[Central]:
    entries = []
    at = 0
    while at < len(data):
        if len(data) - at < CENTRAL.size or data[at : at + 4] != b"PK\x01\x02":
            raise file.error(f"zip directory: byte {at}: expected the header of an entry, got other bytes")
        fields = CENTRAL.unpack_from(data, at)
        flags, method, crc, packed, size = fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length, disk = fields[10:14]
        at += CENTRAL.size
        name = data[at : at + name_length]
        extra = data[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        if at > len(data) or disk:
            raise file.error(f"zip entry {shown(name)}: expected its header inside the directory, got one beyond it")
        size, packed, header = widened(file, name, extra, [size, packed, fields[16]])
        if flags & ~(SIZES_FOLLOW | UTF_8):
            raise file.error(f"zip entry {shown(name)}: expected a plain entry, got flags {flags:#x}: encrypted?")
        entries.append(Central(name, flags, method, crc, packed, size, header))
    return entries


def widened(file: File, name: bytes, extra: bytes, values: list[int]) -> list[int]:
    """The values, each ELSEWHERE replaced by the next 64-bit number of the zip64 extra field (id 1)."""
    wide = b""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    missing = [i for i, value in enumerate(values) if value == ELSEWHERE]
    if len(wide) < 8 * len(missing):
        raise file.error(f"zip entry {shown(name)}: expected a zip64 field with {len(missing)} sizes, got too few")
    for place, i in enumerate(missing):
        values[i] = int.from_bytes(wide[8 * place : 8 * place + 8], "little")
    return values


def local_member(file: File, entry: Central) -> Member:
    """The entry, once its own header before the data says the same as the directory."""
    label = f"zip entry {shown(entry.raw_name)}"
    head = file.read_at(entry.header, LOCAL.size, label)
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = LOCAL.unpack(head)
    variable = file.read_at(entry.header + LOCAL.size, name_length + extra_length, label)
    name, extra = variable[:name_length], variable[name_length:]
    if signature != b"PK\x03\x04" or name != entry.raw_name or (flags, method) != (entry.flags, entry.method):
        raise file.error(f"{label}: expected the same in its two headers, got {shown(name)} before the data")
    size, packed = widened(file, name, extra, [size, packed])
    same = (crc, packed, size) == (entry.crc, entry.packed, entry.size)
    if not same and not (flags & SIZES_FOLLOW and crc == packed == size == 0):
        raise file.error(f"{label}: expected {entry.size} bytes as in the directory, got {size} before the data")
    offset = entry.header + LOCAL.size + name_length + extra_length
    file.require(offset, entry.packed, label)
    if entry.method == STORED and entry.packed != entry.size:
        raise file.error(f"{label}: expected {entry.size} bytes, got {entry.packed} stored")
    return Member(decoded(file, name), entry.method, offset, entry.size, entry.packed, entry.crc)


def decoded(file: File, raw_name: bytes) -> str:
    """A name that does not lead to another folder."""
    try:
        name = raw_name.decode("utf-8")
    except UnicodeDecodeError:
        raise file.error(f"zip entry {shown(raw_name)}: expected a name in UTF-8, got other bytes") from None
    parts = name.split("/")
    if "" in parts[:-1] or {".", ".."} & set(parts) or any(symbol in name for symbol in "\\\0:"):
        raise file.error(f"zip entry {show(name)}: expected a plain relative name, got one that leads elsewhere")
    return name


def shown(raw_name: bytes) -> str:
    return show(raw_name.decode("latin-1"))


def content(file: File, member: Member, most: int) -> bytes:
    """The bytes of a small stored entry, their CRC-32 verified."""
    if member.size > most:
        raise file.error(f"zip entry {show(member.name)}: expected at most {most} bytes, got {member.size}")
    data = file.read_at(member.offset, member.size)
    crc = zlib.crc32(data)
    if crc != member.crc:
        raise file.error(f"zip entry {show(member.name)}: expected CRC-32 {member.crc:08x}, got {crc:08x}")
    return data
