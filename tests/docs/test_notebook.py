"""docs/transformer.ipynb as it is stored: run from start to end, without errors, with nothing of the machine in it.

That it runs is seen by .ci/notebook.py, which takes minutes.
"""

import base64
import re
import struct
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "transformer.ipynb"
MEGABYTES = 3
# Absolute paths, and addresses of objects.
PLACES = r"(?<![\w.:/])/(home|root|tmp|usr|var|opt|work|Users|private)\b|[A-Z]:\\|0x[0-9a-f]{6}"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def programs(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(programs):
    return [output for cell in programs for output in cell.outputs]


def test_it_is_a_notebook_of_moderate_size(notebook):
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < MEGABYTES * 1e6
    assert notebook.metadata.kernelspec.name == "python3"


def test_every_cell_has_run_in_order(programs):
    assert [cell.execution_count for cell in programs] == list(range(1, len(programs) + 1))
    assert len(programs) > 20


def test_no_cell_has_failed_or_complained(programs):
    for output in outputs(programs):
        assert output.output_type in ("stream", "display_data", "execute_result")
        assert output.get("name", "stdout") == "stdout"


def test_the_published_checkpoint_was_there(programs):
    assert not any("cannot be had" in output.get("text", "") for output in outputs(programs))


def test_nothing_tells_of_the_machine_it_ran_on(notebook, programs):
    texts = [cell.source for cell in notebook.cells]
    for output in outputs(programs):
        texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    for text in texts:
        assert not re.search(PLACES, text)
    for cell in notebook.cells:
        assert not cell.metadata


def test_pictures_can_be_read(programs):
    """Each is a PNG of a size between that of a thumbnail and that of a poster."""
    pictures = [output.data["image/png"] for output in outputs(programs) if "image/png" in output.get("data", {})]
    assert len(pictures) >= 8
    for picture in pictures:
        start = base64.b64decode(picture)[:24]
        assert start[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", start[16:24])
        assert 400 <= width <= 2000
        assert 150 <= height <= 2000


def test_the_sentiment_model_is_good_enough(programs):
    said = "".join(output.get("text", "") for output in outputs(programs))
    [share] = re.findall(r"three together +(0\.\d+)", said)
    assert float(share) >= 0.76
