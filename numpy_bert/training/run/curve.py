"""The learning curve: what each step and each evaluation had to tell, as CSV files and as a picture."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from ...errors import Error, show
from ...files import figures
from ...files.atomic import replacing, unwritable
from ...files.figures import LINES, MARKERS


class CurveTable:
    """A CSV file that grows by a row at a time; without a path it is kept in memory alone."""

    def __init__(self, path: Path | None, text: str = "") -> None:
        """`text` replaces what the file holds: a resumed run continues where its save was made."""
        self.path = path
        self._rows = [text] if text else []
        if path is not None:
            with replacing(path) as stream:
                stream.write(text.encode("utf-8"))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._rows)

    def add(self, names: Sequence[str], values: Sequence[object]) -> None:
        """A row, the first preceded by the names of the columns. Floats are written so that they read back exactly."""
        row = io.StringIO()
        writer = csv.writer(row, lineterminator="\n")
        if not self._rows:
            writer.writerow(names)
        writer.writerow([repr(value) if isinstance(value, float) else value for value in values])
        self._rows.append(row.getvalue())
        if self.path is not None:
            try:
                with open(self.path, "a", encoding="utf-8", newline="") as stream:
                    stream.write(row.getvalue())
            except OSError as error:
                raise unwritable(self.path, error) from None


def read(path: str | os.PathLike[str]) -> dict[str, list[float]]:
    """The columns of a table by name."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            names, *rows = list(csv.reader(stream)) or [[]]
            return {name: [float(row[i]) for row in rows] for i, name in enumerate(names)}
    except (OSError, ValueError, IndexError, csv.Error):
        raise Error("expected a learning curve, got something else", at=path) from None


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and those before it, `window` in all."""
    sums, total = [], 0.0
    for i, value in enumerate(values):
        total += value - (values[i - window] if i >= window else 0.0)
        sums.append(total / min(i + 1, window))
    return sums


def plot(steps: Path, evaluations: Path, picture: Path) -> bool:
    """Draw loss, learning rate and evaluations over the steps as PNG. False where matplotlib is not installed."""
    try:
        figure = figures.new_figure(8, 6)
    except Error:
        return False
    curve, judged = read(steps), read(evaluations)
    above, below = figure.subplots(2, 1, sharex=True)
    step = curve.get("step", [])
    above.plot(step, curve.get("loss", []), color="0.8", linewidth=0.8)
    above.plot(step, smoothed(curve.get("loss", []), max(1, len(step) // 50)), label="loss, smoothed")
    for i, name in enumerate(name for name in judged if name != "step"):
        axis = above if "loss" in name else below
        text = show(name)[1:-1].replace("$", r"\$")  # what stands between two of them would be read as a formula
        marker, line = MARKERS[i % len(MARKERS)], LINES[i % len(LINES)]
        said = f"{text}, held out"
        axis.plot(judged["step"], judged[name], line, marker=marker, markersize=4, color=f"C{1 + i % 9}", label=said)
    above.set_ylabel("loss")
    above.legend()
    rate = below.twinx()
    rate.plot(step, curve.get("learning_rate", []), color="0.7", linestyle=":")
    rate.set_ylabel("learning rate (dotted)")
    below.set_xlabel("step")
    if below.get_legend_handles_labels()[0]:
        below.set_ylabel("held out")
        low, high = below.dataLim.intervaly
        if low >= 0 and high <= 1:  # an accuracy cannot be 1.04, which the margin would show
            below.set_ylim(max(0.0, below.get_ylim()[0]), min(1.0, below.get_ylim()[1]))
        below.legend(loc="lower right")
    figures.save(figure, picture)
    return True
