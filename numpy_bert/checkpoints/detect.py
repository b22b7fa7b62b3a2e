"""Which published form a file has, recognized by its bytes and never by its name.

    safetensors    a 64-bit length and a JSON object
    torch_zip      a zip archive (PyTorch 1.6 and later)
    torch_legacy   a pickled magic number (PyTorch before 1.6)
    tf_bundle      the magic number of a TensorFlow table in the last 8 bytes
    hdf5           the HDF5 signature (Keras)
    flax           a msgpack map whose first key is a text
    npz            a zip archive that begins with a .npy file
    gguf           the four letters GGUF
    onnx           a Protocol Buffers message whose first field is a small number

What a failed download or another program leaves in the place of a checkpoint is named for what it is.
"""

from __future__ import annotations

import re

from ..files.reading import File, Path

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # ends every index of a TensorFlow bundle
LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")  # LONG1, ten bytes: 0x1950a86a20f9469cfc6c
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstandard"}
JSON_STARTS = (b"{", b" ", b"\t", b"\r", b"\n")
HEAD = 1024


def recognize(path: Path) -> str:
    """The form of the file, a word of the table above. Error where it has none, saying what it is instead."""
    with File(path) as file:
        if file.size == 0:
            raise file.error("expected a checkpoint, got an empty file")
        head = file.read_at(0, min(HEAD, file.size))
        tail = file.read_at(max(file.size - 8, 0), min(8, file.size))
        # First, because a header length can look like the start of something else: 640 is 80 02, as a pickle.
        if int.from_bytes(head[:8], "little") <= file.size - 8 and head[8:9] in JSON_STARTS:
            return "safetensors"
        refuse_other_things(file, head)
        form = form_of(head, tail)
        if form == "tf_bundle" and holds_saved_slices(head):
            raise file.error("expected a TensorFlow V2 bundle, got a V1 checkpoint; save it again as V2")
        if form is None:
            got = f"{file.size} bytes that begin {head[:8].hex(' ')}"
            raise file.error(f"expected a checkpoint of a known form, got {got}")
        return form


def form_of(head: bytes, tail: bytes) -> str | None:
    if head[:4] == b"GGUF":
        return "gguf"
    if head[:1] == b"\x80" and head[2:14] == LEGACY_MAGIC:
        return "torch_legacy"
    if head[:4] == b"PK\x03\x04":
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return "npz" if name.endswith(b".npy") else "torch_zip"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    if tail == TABLE_MAGIC:
        return "tf_bundle"
    if head[8:9] == b"{":
        return "safetensors"  # with a wrong header length, which its reader will tell
    if re.match(rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]", head):
        return "onnx"
    # A map of 1 to 15, a 16-bit or a 32-bit number of pairs, whose first key is a text of at least one byte.
    if re.match(rb"(?:[\x81-\x8f]|\xde..|\xdf....)(?:[\xa1-\xbf]|\xd9[^\0]|\xda)", head, re.DOTALL):
        return "flax"
    return None


def refuse_other_things(file: File, head: bytes) -> None:
    """An error that names the well-known things that are not checkpoints."""
    if head.startswith(b"version https://git-lfs"):
        size = re.search(rb"\nsize (\d{1,20})\s", head)
        real = f"the file itself has {size[1].decode()} bytes; " if size else ""
        raise file.error(f"expected a checkpoint, got a Git LFS pointer; {real}run 'git lfs pull'")
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml|head|body)", head, re.IGNORECASE):
        raise file.error("expected a checkpoint, got an HTML page; the download failed, fetch the file again")
    for magic, name in COMPRESSED.items():
        if head.startswith(magic):
            raise file.error(f"expected a checkpoint, got {name} data; unpack it first")
    if head[257:262] == b"ustar":
        advice = "unpack it, or save it again with a later PyTorch if version 0.1 wrote it"
        raise file.error(f"expected a checkpoint, got a tar archive; {advice}")
    if head[4:8] == b"ORTM":
        raise file.error("expected a checkpoint, got a model in ONNX Runtime's own form; take its .onnx file")
    if head.startswith(b"PK\x05\x06"):
        raise file.error("expected a checkpoint, got a zip archive with nothing in it")
    if re.match(rb"\x80[\0-\x05]", head) and head[2:14] != LEGACY_MAGIC:
        raise file.error("expected a checkpoint, got a pickle of something else, which is never opened")


def holds_saved_slices(head: bytes) -> bool:
    """Whether the first record of a TensorFlow table is of the V1 form: key "", field 1 of SavedTensorSlices.

    The record is `0 0 varint value`: no shared prefix, an empty key, the length of the value. A V2 bundle has
    BundleHeaderProto there, whose field 1 is a number (tag 08), not a message (tag 0a).
    """
    return re.match(rb"\0\0[\x80-\xff]{0,4}[\0-\x7f]\x0a", head, re.DOTALL) is not None
