"""Forms are told by content, and what is no checkpoint is named for what it is."""

import pytest
from support.hostile_files import safetensors, torch_legacy, torch_zip

from numpy_bert.checkpoints.detect import recognize
from numpy_bert.errors import Error

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 440449768\n"
TABLE_END = bytes.fromhex("57fb808b247547db")

FORMS = {
    "safetensors": safetensors({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, bytes(4)),
    "safetensors whose length looks like a pickle": safetensors(b"{}".ljust(640)),
    "safetensors whose length looks like gzip": safetensors(b"{}".ljust(0x8B1F)),
    "safetensors after spaces": safetensors(b"  {}"),
    "safetensors of too great a length": safetensors(b"{}", length=2**64 - 1),
    "torch_zip": torch_zip(),
    "torch_legacy": torch_legacy(),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "npz": b"PK\x03\x04" + bytes(22) + b"\x05\0\0\0a.npy" + bytes(30),
    "tf_bundle": b"\0\0\x0c\x08\x01\x1a\x02\x08\x01" + bytes(60) + TABLE_END,
    "onnx": b"\x08\x08\x12\x07pytorch\x1a\x06" + bytes(20),
    "onnx without a producer": b"\x08\x07\x3a\x00",
    "gguf": b"GGUF\3\0\0\0" + bytes(16),
    "flax": b"\x81\xa4bert\x80",
    "flax of many": b"\xde\x01\x00\xa4bert",
}
OTHERS = {
    "empty": (b"", "an empty file"),
    "lfs": (LFS, "a Git LFS pointer; the file itself has 440449768 bytes; run 'git lfs pull'"),
    "lfs cut": (LFS[:60], "a Git LFS pointer; run"),
    "html": (b"\n <!DOCTYPE html><html>", "an HTML page; the download failed"),
    "html tag": (b"<html lang=en>", "an HTML page"),
    "error page": (b"<?xml version='1.0'?><Error>", "an HTML page"),
    "gzip": (b"\x1f\x8b\x08" + bytes(60), "gzip data; unpack it"),
    "xz": (b"\xfd7zXZ\0" + bytes(60), "xz data"),
    "zstandard": (b"\x28\xb5\x2f\xfd" + bytes(60), "zstandard data"),
    "tar": (bytes(257).replace(b"\0", b"x") + b"ustar\0" + bytes(300), "a tar archive"),
    "pickle": (b"\x80\x02}q\0.", "a pickle of something else"),
    "pickle 4": (b"\x80\x04\x95" + bytes(40), "a pickle of something else"),
    "ort": (b"\x20\0\0\0ORTM" + bytes(60), "a model in ONNX Runtime's own form"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "a zip archive with nothing in it"),
    "V1": (b"\0\0\x80\x01\x0a\x7e" + bytes(60) + TABLE_END, "a V1 checkpoint"),
    "text": (b"Hello, world, this is no checkpoint", "begin 48 65 6c 6c 6f"),
    "short": (b"1234567", "got 7 bytes"),
    "zeros": (bytes(100), "got 100 bytes that begin 00"),
    "json": (b'{\n  "model_type": "bert"\n}', "begin 7b 0a"),
}


@pytest.mark.parametrize("form", FORMS)
def test_recognized_by_content_and_not_by_name(form, tmp_path):
    path = tmp_path / "misleading.h5"
    path.write_bytes(FORMS[form])
    assert recognize(path) == form.split()[0]


@pytest.mark.parametrize("other", OTHERS)
def test_other_things_are_named_for_what_they_are(other, tmp_path):
    data, words = OTHERS[other]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(Error) as caught:
        recognize(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(Error("expected", at=path)))
