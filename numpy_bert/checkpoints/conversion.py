"""Any readable form of a checkpoint -> a folder in Hugging Face's form, Google's TensorFlow form, or npz."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import Error, UsageError, show
from ..files.new_folder import refuse_existing
from . import beside, locate, saving, weights
from .matching import match_usable

Progress = Callable[[int, int], object]  # bytes done, bytes in all; every byte is read once and written once


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    to: str = "hf",
    progress: Progress = lambda done, total: None,
) -> Path:
    """Write the model at `source` (a folder, or a file with weights) as the new folder `target`; returns its path.

    to: "hf", "tf1" or "npz"; see saving.py for what each holds. The weights keep their values to the bit; float16 and
    bfloat16 become float32. Tensors that mean nothing to a BERT are left, with a warning that names them.
    Error: `source` cannot be read, or `target` is there already and not an empty folder.
    """
    if to not in saving.FORMS:
        raise UsageError(f"to: expected one of {', '.join(saving.FORMS)}, got {show(to)}")
    if not os.fspath(target):
        raise Error("target: expected the name of a folder, got an empty name")
    target = Path(target)
    if not target.absolute().parent.is_dir():
        raise Error("cannot write: its folder does not exist", at=target)
    refuse_existing(target)  # before the work, and again before the rename
    located = locate.locate(source)
    located.tell_passed_over()
    closed: dict[str, Error] = {}
    config, tokenizer = beside.config(located, closed), beside.tokenizer_if_any(located)
    pooling, settings = beside.pooling(located, config), beside.settings(located)
    entries = match_usable(located.path, located.reader.describe(located.path), config, closed=closed).used.values()
    size = sum(tensor.entry.nbytes for tensor in entries)
    done = 0

    def read(nbytes: int) -> None:
        nonlocal done
        done += nbytes
        progress(min(done, size), 2 * size)

    params, stored = weights.load(located, config, closed=closed, progress=read)
    saving.tell_left_out(stored.closed)
    saving.write_folder(target, stored.config, params, tokenizer, pooling, settings, located.folder, to)
    progress(2 * size, 2 * size)
    return target
