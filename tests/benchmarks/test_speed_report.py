"""What the speed benchmark makes of its results: ratios, aims, ranges, tables and the page that shows them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks/speed"


def module(name):
    spec = importlib.util.spec_from_file_location(f"speed_{name}", FOLDER / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


report, batching, texts = module("report"), module("batching"), module("texts")


@pytest.fixture
def results():
    return {
        "when": "2026-11-23T12:00:00+00:00",
        "machine": {"processor": "some", "cores": "2"},
        "repeats": 3,
        "threads": 2,
        "works": {
            "short": {
                "title": "short sentences",
                "seconds": {
                    "ours": [3.0, 4.0, 9.0],
                    "pytorch": [5.0, 4.9, 5.1],
                    "products_blas": [8.0, 2.0, 4.5],
                    "products_workers": [3.0, 3.2, 3.1],
                },
                "targets": {"pytorch": 0.95, "products": 1.2},
            },
            "cold": {
                "title": "cold start",
                "seconds": {"ours": [0.5], "onnx_runtime": [0.25]},
                "targets": {"onnx_runtime": 2.0},
                "megabytes": {"ours": [100.4], "onnx_runtime": [200.0]},
                "memory_targets": {"onnx_runtime": 0.4},
            },
        },
    }


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_ratios_of_medians_and_their_aims(results):
    rows = [cells(line) for line in report.markdown(results).split("\n") if line.startswith("|")]
    assert rows[0] == ["work", "against PyTorch", "against ONNX Runtime", "against bare products"]
    assert rows[2] == ["short sentences", "0.80 ≤ 0.95", "", "1.29 > 1.2"]  # the faster of both products: 3.1 s
    assert rows[3] == ["cold start", "", "2.00 ≤ 2", ""]
    assert rows[4] == ["peak memory of that process", "", "0.50 > 0.4", ""]
    assert len({len(row) for row in rows[:5]}) == 1
    times = rows[5:]
    assert times[0] == ["work", "numpy_bert", "PyTorch", "ONNX Runtime", "bare products"]
    assert times[2][:3] == ["short sentences", "4.00 s (3.00 to 9.00)", "5.00 s (4.90 to 5.10)"]
    assert times[2][3:] == ["", "3.10 s (3.00 to 3.20)"]
    assert times[3][1] == "500.0 ms (500.0 to 500.0)"
    assert times[4][1:] == ["100 MB (100 to 100)", "", "200 MB (200 to 200)", ""]


def test_files(results, tmp_path):
    report.write(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == report.markdown(results) + "\n"
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    assert "short sentences" in report.text("short", {**results["works"]["short"], "texts": 1, "tokens": 2})


def test_a_page_gets_the_tables(results):
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.into(page, results)
    assert once == f"before\n{report.BEGIN}\n{report.markdown(results)}\n{report.END}\nafter\n"
    assert report.into(once, results) == once
    with pytest.raises(SystemExit):
        report.into("a page without marks", results)


def test_the_page_shows_the_results_that_are_kept():
    """docs/speed.md holds what report.py makes of the kept results, if there are any."""
    page = (ROOT / "docs/speed.md").read_text(encoding="utf-8")
    kept = FOLDER / "results/results.json"
    if kept.exists():
        assert report.into(page, json.loads(kept.read_text(encoding="utf-8"))) == page
    else:
        assert f"{report.BEGIN}\n{report.END}" in page


def test_mixed_lengths():
    tokens = [[101, *range(1000 + 40 * i, 1000 + 40 * i + 3 + i % 30), 102] for i in range(3000)]
    mixture = texts.mixed(tokens)
    lengths = np.array([len(text) for text in mixture])
    assert len(mixture) == len(tokens)
    assert (lengths.min(), lengths.max()) == (texts.SHORTEST, texts.LONGEST)
    for n in (16, 32, 64, 128):  # P(length ≥ n) = 8 / n
        assert (lengths >= n).mean() == pytest.approx(8 / n, abs=0.03)
    assert all((text[0], text[-1]) == (101, 102) and not {101, 102} & set(text[1:-1]) for text in mixture)


def test_batches_of_the_peers():
    order = batching.sorted_batches([[1], [1, 2, 3], [1, 2]], 2)
    assert order == [[1, 2], [0]]
    ids, mask = batching.padded([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
