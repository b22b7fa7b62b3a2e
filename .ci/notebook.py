"""Runs docs/transformer.ipynb from start to end, and fails where a cell does or where it takes too long.

    python .ci/notebook.py [--write]

Needs the extra "docs". With --write the notebook is stored with its outputs, without what differs from run to run for
no reason: times, and what libraries wrote to stderr.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).parents[1] / "docs" / "transformer.ipynb"
MINUTES = 10  # of two cores, for all cells together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="longest time allowed (default: %(default)s)")
    options = parser.parse_args()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    begun = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=int(60 * options.minutes),
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(f"{NOTEBOOK.name}: {error}")
    seconds = time.monotonic() - begun
    print(f"{NOTEBOOK.name}: {len(notebook.cells)} cells in {seconds:.0f} s")
    if options.write:
        clean(notebook)
        nbformat.write(notebook, NOTEBOOK)
    if seconds > 60 * options.minutes:
        sys.exit(f"{NOTEBOOK.name}: expected at most {options.minutes:g} minutes, got {seconds / 60:.1f}")


def clean(notebook: nbformat.NotebookNode) -> None:
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = joined(output for output in cell.outputs if output.get("name") != "stderr")


def joined(outputs: Iterable[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """What was printed without anything between as one output, however it arrived."""
    results: list[nbformat.NotebookNode] = []
    for output in outputs:
        if results and output.output_type == results[-1].output_type == "stream":
            results[-1].text += output.text
        else:
            results.append(output)
    return results


if __name__ == "__main__":
    main()
