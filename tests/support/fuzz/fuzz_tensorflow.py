"""Feeds damaged files to the readers of TensorFlow's, Keras', Flax' and NumPy's forms, with fuzz_readers.py.

    python tests/support/fuzz/fuzz_tensorflow.py                         the targets there are
    python tests/support/fuzz/fuzz_tensorflow.py tf_records --runs 1000000

All of a bundle is under checksums, so that nearly every change ends there. In tf_records, tf_entry and tf_snappy the
checksums are made right again after the damage, which is then looked at.
"""

from __future__ import annotations

import io
from pathlib import Path

import fuzz_readers
import numpy as np
from fuzz_readers import TESTS, Target, instrumented

with instrumented():
    from numpy_bert.checkpoints.formats import flax, hdf5, npz
    from numpy_bert.checkpoints.formats.tensorflow import bundle

from support import tf_files

FILES = TESTS / "data" / "tf_files"
SHARD = ".data-00000-of-00001"
INDEX = (FILES / "types.ckpt.index").read_bytes()
DATA = (FILES / f"types.ckpt{SHARD}").read_bytes()


def read_index(path: Path) -> object:
    """The damaged file is the index; the data shard beside it is that of types.ckpt."""
    shard = path.with_name(path.name + SHARD)
    if not shard.exists():
        shard.write_bytes(DATA)
    return bundle.read(path)


def read_data(path: Path) -> object:
    """The damaged file is the data shard."""
    index = path.with_name("x.index")
    if not index.exists():
        index.write_bytes(INDEX)
        path.with_name(f"x{SHARD}").symlink_to(path)
    return bundle.read(index)


def first_block(name: str) -> bytes:
    """The contents of the one data block that a small index has."""
    data = (FILES / name).read_bytes()
    end = next(at for at in range(len(data)) if data[at + 1 : at + 5] == little(tf_files.masked(data[: at + 1])))
    return data[:end]


def little(number: int) -> bytes:
    return number.to_bytes(4, "little")


def with_record(value: bytes) -> bytes:
    return tf_files.index([(b"bert/x", value), (b"bert/y", tf_files.entry(place=(0, 100, 24)))])


def with_block(contents: bytes) -> bytes:
    return tf_files.table([contents])


def with_snappy(packed: bytes) -> bytes:
    return tf_files.table([packed], kinds=[1])


def npz_seeds() -> list[bytes]:
    arrays = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b/c": np.asfortranarray(np.ones((2, 3))), "d": np.ones(())}
    seeds = []
    for write in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        write(buffer, **arrays)
        seeds.append(buffer.getvalue())
    return seeds


RECORDS = [tf_files.entry(), tf_files.sliced((2, 3), tf_files.extents((0, 1), None), tf_files.extents((1, 1), (0, 3)))]
fuzz_readers.TARGETS = {
    "tf_index": Target(
        read_index, [INDEX, *((FILES / f"{name}.ckpt.index").read_bytes() for name in ("snappy", "plain"))]
    ),
    "tf_records": Target(
        read_index, [first_block(f"{name}.ckpt.index") for name in ("types", "partitioned")], with_block
    ),
    "tf_entry": Target(read_index, RECORDS, with_record),
    "tf_snappy": Target(read_index, [first_block("snappy.ckpt.index")], with_snappy),
    "tf_data": Target(read_data, [DATA]),
    "hdf5": Target(hdf5.read, [(FILES / "keras" / "tf_model.h5").read_bytes()]),
    "flax": Target(flax.read, [path.read_bytes() for path in sorted((FILES / "flax").glob("*.msgpack"))]),
    "npz": Target(npz.read, npz_seeds()),
}

if __name__ == "__main__":
    fuzz_readers.main()
