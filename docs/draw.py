"""Draw the figures of the pages: python docs/draw.py [--check]

Writes docs/figures/*.svg; with --check writes nothing and fails if a file is not what would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from drawings import graphs, interventions, pictures  # noqa: E402, the folder of this program comes first


def svgs() -> dict[Path, str]:
    """Every drawing by its path."""
    every = graphs.drawings() | pictures.drawings() | interventions.drawings()
    return {DOCS / "figures" / f"{name}.svg": drawing.svg() for name, drawing in every.items()}


def main(check: bool) -> int:
    """Write or compare; returns the exit status."""
    made = svgs()
    old = set((DOCS / "figures").glob("*.svg"))
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    stale += sorted(old - set(made))
    if check:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)}: not current; run python docs/draw.py")
        return 1 if stale else 0
    for path, text in made.items():
        path.write_text(text, "utf-8")
    for path in old - set(made):
        path.unlink()
    print(f"{len(made)} drawings, {len(stale)} of them new or changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main("--check" in sys.argv[1:]))
