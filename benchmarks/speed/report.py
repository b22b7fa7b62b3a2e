"""Results as tables and as a figure.

    python benchmarks/speed/report.py RESULTS.json                  the tables, as Markdown
    python benchmarks/speed/report.py RESULTS.json --into PAGE.md   put between the two marks of a page

A ratio is that of the medians: our time by theirs, so below 1 is faster. Beside it stands what is aimed at:
`0.87 ≤ 0.95` is reached, `1.31 > 1.2` is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

NAMES = {
    "ours": "numpy_bert",
    "pytorch": "PyTorch",
    "onnx_runtime": "ONNX Runtime",
    "products": "bare products",
    "tokenizers_library": "tokenizers",
}
MARKERS = {"pytorch": "o", "onnx_runtime": "s", "products": "D", "tokenizers_library": "^"}
BEGIN, END = "<!-- results -->", "<!-- /results -->"

Measured = dict[str, list[float]]  # the repeats of each side


def sides(measured: Measured) -> Measured:
    """Of the two ways to make the bare products the one with the smaller median."""
    bare = [name for name in measured if name.startswith("products")]
    compared = {name: values for name, values in measured.items() if name not in bare}
    if bare:
        compared["products"] = min((measured[name] for name in bare), key=statistics.median)
    return compared


def lines(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A line of the tables for each work, and one more for the memory of the cold start."""
    rows = []
    for work in results["works"].values():
        measured = sides(work["seconds"])
        rows.append({"title": work["title"], "measured": measured, "targets": work["targets"], "unit": ""})
        if "megabytes" in work:
            rows.append({
                "title": "peak memory of that process",
                "measured": work["megabytes"],
                "targets": work["memory_targets"],
                "unit": "MB",
            })  # fmt: skip
    return rows


def markdown(results: dict[str, Any]) -> str:
    rows = lines(results)
    names = [name for name in NAMES if any(name in row["measured"] for row in rows)]
    peers = [name for name in names if name != "ours"]
    head = ["work", *(f"against {NAMES[name]}" for name in peers)]
    ratios = [[row["title"], *(ratio(row, name) for name in peers)] for row in rows]
    times = [[row["title"], *(spread(row["measured"].get(name, []), row["unit"]) for name in names)] for row in rows]
    described = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    repeats = f"{results['repeats']} repeats, {results['threads']} threads"
    return "\n".join([
        "Our time by theirs, and what is aimed at:",
        "",
        *table(head, ratios),
        "",
        f"Medians of {repeats}, and in brackets the shortest and the longest:",
        "",
        *table(["work", *(NAMES[name] for name in names)], times),
        "",
        f"{results['when'][:10]}. {described}.",
    ])  # fmt: skip


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]


def ratio(row: dict[str, Any], name: str) -> str:
    if name not in row["measured"]:
        return ""
    result = quotient(row, name)
    target = row["targets"].get(name)
    return f"{result:.2f}" + ("" if target is None else f" {'≤' if result <= target else '>'} {target:g}")


def quotient(row: dict[str, Any], name: str) -> float:
    return statistics.median(row["measured"]["ours"]) / statistics.median(row["measured"][name])


def spread(values: list[float], unit: str) -> str:
    """Median, and the range in brackets, all in one unit."""
    if not values:
        return ""
    factor = 1.0
    if not unit:
        unit, factor = ("ms", 1e3) if max(values) < 1 else ("s", 1.0)
    digits = 0 if unit == "MB" else 2 if statistics.median(values) * factor < 100 else 1
    middle, low, high = (f"{factor * f(values):.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle} {unit} ({low} to {high})"


def text(name: str, work: dict[str, Any]) -> str:
    """One work for the terminal, while the others are still to come."""
    said = [f"{name}: {work['title']}, {work['texts']} texts, {work['tokens']} tokens"]
    for key, unit in (("seconds", ""), ("megabytes", "MB")):
        ours = statistics.median(work.get(key, {"ours": [1.0]})["ours"])
        for side, values in work.get(key, {}).items():
            said.append(f"  {side:20} {spread(values, unit):36} {ours / statistics.median(values):.3f}")
    return "\n".join(said)


def write(results: dict[str, Any], folder: Path) -> None:
    """results.json, .md and .png, in the place of older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown(results) + "\n", encoding="utf-8")
    figure(results, folder / "results.png")


def figure(results: dict[str, Any], path: Path) -> None:
    """How long the others take, with our median as 1: a mark at the median, a line from the shortest to the longest."""
    rows = lines(results)
    drawn = Figure(figsize=(9, 0.55 * len(rows) + 1.6), dpi=120, layout="constrained")
    axes = drawn.add_subplot()
    axes.axvline(1.0, color="black", label="numpy_bert")
    named = set()
    for place, row in enumerate(rows):
        ours = row["measured"]["ours"]
        middle = statistics.median(ours)
        axes.plot([min(ours) / middle, max(ours) / middle], [place, place], color="black", linewidth=5, alpha=0.3)
        others = [name for name in NAMES if name in row["measured"] and name != "ours"]
        for i, name in enumerate(others):
            values, y = row["measured"][name], place + 0.18 * (i + 1 - len(others) / 2) - 0.09
            axes.plot([min(values) / middle, max(values) / middle], [y, y], color="0.4", linewidth=1)
            mark = {"marker": MARKERS[name], "color": "white", "markeredgecolor": "black", "linestyle": ""}
            label = None if name in named else NAMES[name]
            axes.plot(statistics.median(values) / middle, y, label=label, **mark)
            named.add(name)
    axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [2.0**power for power in range(-5, 7)]
    low, high = axes.get_xlim()
    axes.set_xticks([x for x in ticks if low <= x <= high], [f"{x:g}" for x in ticks if low <= x <= high])
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("time by that of numpy_bert; right of 1: slower than numpy_bert")
    drawn.legend(loc="outside upper center", ncols=5)
    drawn.savefig(path)


def into(page: str, results: dict[str, Any]) -> str:
    """The page with the tables between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in page:
        raise SystemExit(f"expected {BEGIN} and {END} in the page")
    return f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--into", type=Path, metavar="PAGE.md")
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    if options.into is None:
        print(markdown(results))
    else:
        page = options.into.read_text(encoding="utf-8")
        options.into.write_text(into(page, results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
