"""pytorch_model.bin of PyTorch 1.6 and later: a zip archive of one folder.

    <top>/data.pkl     the dictionary of tensors, see unpickle.py
    <top>/data/<key>   the elements of a storage, not compressed
    <top>/version      a number
    <top>/byteorder    "little" or "big"; older files lack it and are little-endian

The CRC-32 of every entry that is read is verified. Source: `_save` and `_load` in torch/serialization.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ....errors import show
from ....files.reading import File, Path
from ....numerics.arrays import Array
from .. import zip_archive
from ..tensors import (
    Entry,
    Into,
    Order,
)
from ..zip_archive import STORED, Member
from .pickle_stream import LONGEST_PICKLE, Stream
from .tensors import Place, Reader
from .unpickle import Storage, Tensor, TorchMachine, state_dict

ID_FIELDS = 5
ORDERS: dict[bytes, Order] = {b"little": "<", b"big": ">"}


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every tensor by name, after every check but the CRC-32 of the elements."""
    with File(path) as file:
        return {name: tensor.entry for name, tensor in Archive(file).tensors.items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The tensors by name; see tensors.py for `names`, `into` and dtypes. Tensors tied in the file are one array."""
    with File(path) as file:
        archive = Archive(file)
        return Reader(file, archive.tensors, archive.places, archive.order).read(names, into)


def distinct_bytes(path: Path) -> int:
    """Bytes of the tensors in the file, those that are tied counted once."""
    with File(path) as file:
        return sum(tensor.entry.nbytes for tensor in set(Archive(file).tensors.values()))


class Archive:
    """What the archive says: its tensors, where their storages lie, and the byte order of the elements."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.members = zip_archive.members(file)
        self.top = self.top_folder()
        self.refuse_other_archives()
        version = self.content("version", 20)
        if not re.fullmatch(rb"[0-9]+\s*", version):
            raise file.error(f"{self.top}/version: expected a number, got {show(version.decode('latin-1'))}")
        byte_order = self.content("byteorder", 20) if f"{self.top}/byteorder" in self.members else b"little"
        if byte_order not in ORDERS:
            got = show(byte_order.decode("latin-1"))
            raise file.error(f"{self.top}/byteorder: expected 'little' or 'big', got {got}")
        self.order = ORDERS[byte_order]
        self.tensors, storages = self.unpickled()
        self.places = {key: self.place(storage) for key, storage in storages.items()}

    def top_folder(self) -> str:
        """The one folder that all entries lie in."""
        tops = {name.partition("/")[0] for name in self.members}
        if len(tops) != 1:
            listed = ", ".join(show(top, 30) for top in sorted(tops)[:3]) or "nothing"
            raise self.file.error(f"expected a zip archive of one folder, as PyTorch writes it, got {listed}")
        return tops.pop()

    def refuse_other_archives(self) -> None:
        top = show(self.top, 40)[1:-1]
        if any(name.startswith((f"{self.top}/constants.pkl", f"{self.top}/code/")) for name in self.members):
            raise self.file.error(f"expected tensors, got a TorchScript program ({top}/code); save its state_dict")
        for name, member in self.members.items():
            if member.method != STORED:
                packed = f"{member.packed} bytes compressed from {member.size}"
                raise self.file.error(f"zip entry {show(name)}: expected it stored as it is, got {packed}")
        for needed in ("data.pkl", "version"):
            if f"{self.top}/{needed}" not in self.members:
                raise self.file.error(f"expected the entry '{top}/{needed}', as PyTorch writes it, got none")

    def content(self, name: str, most: int) -> bytes:
        return zip_archive.content(self.file, self.members[f"{self.top}/{name}"], most)

    def unpickled(self) -> tuple[dict[str, Tensor], dict[str, Storage]]:
        member = self.members[f"{self.top}/data.pkl"]
        zip_archive.content(self.file, member, LONGEST_PICKLE)  # to verify it; it is small, and read again in turn
        end = member.offset + member.size
        stream = Stream(self.file, member.offset, end, "data.pkl", origin=member.offset)
        machine = TorchMachine(stream, ID_FIELDS)
        value = machine.run()
        if stream.at != end:
            stream.fail("the end of the pickle", f"{end - stream.at} bytes after STOP")
        return state_dict(value, stream), machine.storages

    def place(self, storage: Storage) -> Place:
        """Where the storage lies. Its key is looked up among the names of the archive and used for nothing else."""
        member: Member | None = self.members.get(f"{self.top}/data/{storage.key}")
        label = f"storage {show(storage.key, 40)}"
        if member is None:
            raise self.file.error(f"{label}: expected an entry of the archive for it, got none")
        declared = Entry(storage.dtype, (storage.elements,)).nbytes
        if declared != member.size:
            elements = f"{show(storage.elements, 40)} elements of {storage.dtype} declared"
            raise self.file.error(f"{label}: expected {member.size} bytes as the entry holds, got {elements}")
        return Place(member.offset, f"zip entry {show(member.name)}", member.crc)
