"""Files that are cut, at their end and at their beginning, given to every reader: an Error and nothing else.

A form that is read from its end (zip, the table of a bundle) meets other short reads when its beginning is missing.
"""

import importlib

import numpy as np
import pytest
from support.hostile_files import torch_legacy, torch_zip

from numpy_bert import Error
from numpy_bert.checkpoints.formats import npz, safetensors
from numpy_bert.checkpoints.formats.tensorflow import bundle

ARRAYS = {"a": np.arange(3, dtype=np.float32), "b/c": np.zeros((2, 2), np.float32)}
READERS = ("safetensors", "torch.archive", "torch.legacy", "tensorflow.bundle", "flax", "npz", "gguf")
# The end records of a zip archive whose zip64 locator is cut off: found by fuzzing.
CUT_LOCATOR = bytes.fromhex("504b0607 000000000000 504b0506 00000000 1500 1500 c8040000 f80e0000 0000")
GGUF = b"GGUF\3\0\0\0" + (1).to_bytes(8, "little") + (0).to_bytes(8, "little") + b"\1\0\0\0\0\0\0\0a" + bytes(60)
FLAX = b"\x81\xa1a\xc7\x11\x01\x93\x91\x01\xa7float32\xc4\x04\0\0\0\0"


def whole_files(folder):
    safetensors.write(folder / "safetensors", ARRAYS)
    npz.write(folder / "npz", ARRAYS)
    bundle.write(folder / "bundle", ARRAYS)
    files = {name: (folder / name).read_bytes() for name in ("safetensors", "npz", "bundle.index")}
    return files | {"zip": torch_zip(), "legacy": torch_legacy(), "flax": FLAX, "gguf": GGUF, "locator": CUT_LOCATOR}


def error_of(function, path):
    """The message of the Error that the function raises; "" where it takes the file."""
    try:
        function(path)
    except Error as error:
        return str(error)
    return ""


@pytest.mark.parametrize("reader", READERS)
def test_a_cut_file_is_an_error(reader, tmp_path):
    read = importlib.import_module(f"numpy_bert.checkpoints.formats.{reader}").read
    path, messages = tmp_path / "file", []
    for data in whole_files(tmp_path).values():
        step = 1 if len(data) < 100 else 5
        for part in (part for n in range(0, len(data), step) for part in (data[:n], data[n:])):
            path.write_bytes(part)
            messages.append(error_of(read, path))
    assert len(messages) > 500
    errors = [message for message in messages if message]
    assert len(errors) > 0.9 * len(messages)  # the whole file is no error, nor is a cut in the padding at its end
    assert all(message.isprintable() and "file: " in message for message in errors)
