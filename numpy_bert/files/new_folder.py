"""Writing a folder that is whole or not there: filled under another name, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import Error, show
from . import leftovers
from .atomic import flush_folder, unwritable
from .reading import require_path


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes the name `folder` when the block ends well and vanishes when it does not."""
    refuse_existing(folder)
    folder = Path(os.path.abspath(folder))
    leftovers.remove(str(folder.parent))
    try:
        name, held = leftovers.new_folder(str(folder.parent))
    except OSError as error:
        raise unwritable(folder, error) from None
    temporary = Path(name)
    try:
        if folder.is_dir():
            os.chmod(temporary, stat.S_IMODE(os.stat(folder).st_mode))  # the empty folder gives way, its rights stay
        yield temporary
        flush_folder(str(temporary))
        if os.path.lexists(folder):
            os.rmdir(folder)  # empty, or this fails; not every system renames over an empty folder
        os.rename(temporary, folder)
        flush_folder(str(folder.parent))
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise unwritable(folder, error) from None
        raise
    finally:
        if held is not None:
            with contextlib.suppress(OSError):  # everything is flushed, and the lock ends in any case
                os.close(held)


def refuse_existing(folder: Path) -> None:
    """An error unless there is nothing of this name, or an empty folder."""
    require_path(folder)
    if not os.path.lexists(folder):
        return
    expected = "expected a new name or an empty folder"
    if folder.is_symlink() or not folder.is_dir():
        raise Error(f"{expected}, got something else of this name", at=folder)
    if os.path.samefile(folder, os.curdir) or os.path.ismount(folder):
        raise Error("expected a new name, got the current folder or a mount point; name a new folder in it", at=folder)
    try:
        first = next(folder.iterdir(), None)
    except OSError as error:
        raise unwritable(folder, error) from None
    if first is not None:
        raise Error(f"{expected}, got a folder with {show(first.name)} in it", at=folder)
