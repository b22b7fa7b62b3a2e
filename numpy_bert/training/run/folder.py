"""The folder of a run: its saves, the newest two or more of them, its learning curve, and the lock of its trainer.

run/
  save-000100/  save-000200/    see saves
  steps.csv  evaluations.csv    the learning curve, a row a step and a row an evaluation
  curve.png                     the same as a picture
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

from ...errors import Error, show, warn
from ...files.atomic import unwritable
from ...files.lock import Lock
from ..step import TrainingState
from . import checkpoint as saves
from . import curve
from .checkpoint import SaveManifest

KEPT = 2  # saves
STEPS, EVALUATIONS, PICTURE, LOCK = "steps.csv", "evaluations.csv", "curve.png", "lock"
SAVE = re.compile(r"save-(\d+)(?:\.(\d+))?")
LEFTOVER = re.compile(r"save-[\d.]+\.(?:tmp|old)-\d+|\.numpy-bert-[0-9a-f]+\.tmp")
OTHERS = re.compile(r"lock|model|steps\.csv|evaluations\.csv|curve\.png")


class RunFolder:
    """A folder to train in, made if it is not there; locked until `close`. A context manager.

    identity: what the run is, as JSON (recipe, config, data): saves of another run are not resumed.
    Error: it is not a folder, it holds other files, another process trains in it, it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.path = Path(path)
        self.identity = identity
        self.last: Path | None = None  # the last save that is known to be good
        self._damaged: set[Path] = set()
        require_usable(self.path)
        try:
            self._bare = _make_folder(self.path)  # made here, and nothing in it but the lock
        except OSError as error:
            raise unwritable(path, error) from None
        taken = Error("expected a folder that no other process trains in, got one that is locked", at=self.path)
        self._lock = Lock(self.path / LOCK, taken)
        try:
            self._sweep()
        except OSError as error:
            self.close()
            raise unwritable(path, error) from None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others have it; a folder that was made for nothing goes."""
        self._lock.release(remove=self._bare)
        if self._bare:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def _sweep(self) -> None:
        """Remove what interrupted processes left: we hold the lock, so no process is writing it."""
        for entry in self.path.iterdir():
            if LEFTOVER.fullmatch(entry.name):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        entry.unlink()

    def saves(self) -> list[Path]:
        """All saves, the newest first, whether good or not."""
        numbered = []
        for entry in self.path.iterdir():
            match = SAVE.fullmatch(entry.name)
            if match:
                numbered.append((int(match[1]), int(match[2] or 0), entry))
        return [entry for _, _, entry in sorted(numbered, reverse=True)]

    def begin(self) -> None:
        """Start a run of its own. Error: there are saves of an earlier one."""
        if self.saves():
            raise Error("expected a new folder, got one with saves; resume it or name another", at=self.path)
        self._curves("", "")

    def resume(self, state: TrainingState, force: bool = False) -> dict[str, int]:
        """Fill the state from the newest good save; returns the place in the data.

        A damaged save is named in a warning and the one before it taken. Error: there is no good one, the newest is of
        a newer version of this package, or the run that was saved is not this one (with `force` only a warning).
        """
        candidates = self.saves()
        for path in candidates:
            try:
                manifest = saves.verify(path)
            except saves.TooNewError:
                raise
            except Error as error:
                self._damaged.add(path)
                warn(f"{error}; falling back to an older save")
                continue
            self._compare(path, manifest, force)
            position = saves.restore(path, state, manifest.step, force)
            self._curves(*(_text(path / name) for name in (STEPS, EVALUATIONS)))
            self.last = path
            return position
        got = f"{len(candidates)} damaged" if candidates else "none"
        raise Error(f"expected a good save to resume from, got {got}", at=self.path)

    def _compare(self, path: Path, manifest: SaveManifest, force: bool) -> None:
        changed = saves.differences(self.identity, manifest.identity)
        if changed:
            got = f"got another: {'; '.join(changed)}"
            if not force:
                raise Error(f"expected the run that was saved (or force), {got}", at=path)
            warn(f"expected the run that was saved, {got}", at=path)

    def save(self, state: TrainingState, position: dict[str, int]) -> Path:
        """Write a save, then delete those that are older than the newest two. Returns its path."""
        path = self._new(state.step)
        curves = {STEPS: self.steps.text, EVALUATIONS: self.evaluations.text}
        saves.write(path, state, position, self.identity, curves)
        self.last = path
        good = [other for other in self.saves() if other not in self._damaged]
        for old in good[KEPT:]:
            saves.remove(old)
        return path

    def _new(self, step: int) -> Path:
        """A name that no save has: a run that fell back may save a step a second time."""
        name, number = f"save-{step:06d}", 0
        while os.path.lexists(self.path / name):
            number += 1
            name = f"save-{step:06d}.{number}"
        return self.path / name

    def _curves(self, steps: str, evaluations: str) -> None:
        self._bare = False
        self.steps = curve.CurveTable(self.path / STEPS, steps)
        self.evaluations = curve.CurveTable(self.path / EVALUATIONS, evaluations)

    def draw(self) -> None:
        """The learning curve as a picture, where matplotlib is installed. Whatever hinders it, the run is done."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of signs that no font has, of numbers that no axis holds
                drawn = curve.plot(self.path / STEPS, self.path / EVALUATIONS, self.path / PICTURE)
            problem = "" if drawn else "that takes matplotlib, pip install numpy_bert[plot]"
        except Error as error:
            problem = str(error)
        except Exception as error:  # a library that draws may raise anything
            problem = f"{type(error).__name__}: {show(str(error))}"
        if problem:
            warn(f"{PICTURE} is not drawn: {problem}")


def require_usable(path: Path, resume: bool = False) -> None:
    """Before the work: an error unless there is nothing of this name, an empty folder, or a run's; with `resume` only
    a run with saves will do. In no other folder is a file written, since there could be one of the same name.
    """
    try:
        entries = sorted(os.listdir(path))
    except FileNotFoundError:
        entries = []
    except NotADirectoryError:
        raise Error("expected a folder, got a file", at=path) from None
    except OSError as error:
        raise unwritable(path, error) from None
    if any(SAVE.fullmatch(entry) for entry in entries):
        return
    strangers = [entry for entry in entries if not (OTHERS.fullmatch(entry) or LEFTOVER.fullmatch(entry))]
    if entries and (strangers or not _is_lock(path / LOCK)):
        got = f"one with {show((strangers or entries)[0])} in it"
        raise Error(f"expected a new folder, an empty one or that of a run, got {got}", at=path)
    if resume:
        raise Error("expected a good save to resume from, got none", at=path)


def _is_lock(path: Path) -> bool:
    """Whether it is the first file that a run makes: empty."""
    return path.is_file() and path.stat().st_size == 0


def _make_folder(path: Path) -> bool:
    """Whether the folder had to be made."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8")
    return ""
