"""numpy-bert inspect: what a checkpoint holds and what it can do; two of them tensor by tensor."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import show
from .command import Command
from .output import facts, paragraph, print_result, table

if TYPE_CHECKING:
    from ..checkpoints.comparison import Comparison
    from ..checkpoints.inspection import Report, Sentences
    from ..config import BertConfig

MOST_LINES = 50  # of each list in the report; JSON has all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder, file or hub name of a checkpoint")
    compare = "another checkpoint: show the largest difference of each tensor; exit status 1 if there is any"
    parser.add_argument("--compare", metavar="OTHER", help=compare)


def run(options: argparse.Namespace) -> int:
    if options.compare is not None:
        return _compare(options.path, options.compare, options.json)
    from ..checkpoints import inspection

    report = inspection.inspect(options.path)
    return print_result(options.json, inspection.to_json(report), format_inspection(report))


def _compare(a: str, b: str, as_json: bool) -> int:
    from ..checkpoints import comparison

    compared = comparison.compare(a, b)
    print_result(as_json, comparison.to_json(compared), format_comparison(compared))
    return 0 if compared.equal else 1


def format_inspection(report: Report) -> str:
    """The report for people: aligned columns, foreign names escaped and cut."""
    from ..checkpoints.inspection import HOW, TITLES, totals

    numbers = totals(report)
    about = [
        ("weights", _name(str(report.path))),
        ("form", f"{TITLES[report.form]}, recognized by {HOW[report.form]}"),
        ("config", _config_line(report.config)),
        ("tensors", ", ".join(f"{numbers[key]} {key}" for key in ("used", "left", "unexpected"))),
        ("parameters", f"{numbers['parameters']:,}"),
        ("can do", ", ".join(report.tasks) or "nothing: it cannot be loaded, see the problems"),
    ]
    about += _sentence_lines(report.sentences)
    if report.passed_over:
        about.append(("passed over", ", ".join(map(_name, report.passed_over))))
    sections = [facts(about), _tensor_table(report)]
    for title, lines in (("missing", report.missing), ("unexpected", report.unexpected), ("problems", report.problems)):
        if lines:
            more = [f"  and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
            shown = [paragraph(_name(line, 400), indent=2) for line in lines[:MOST_LINES]]
            sections.append("\n".join([f"{title}:", *shown, *more]))
    files = [(_name(file.name), f"{file.size:,}", file.sha256) for file in report.files]
    sections.append(table(("file", "bytes", "sha256"), files, "lrl"))
    return "\n\n".join(sections)


def _sentence_lines(sentences: Sentences | None) -> list[tuple[str, str]]:
    """How a text becomes a vector, and what of that is assumed."""
    if sentences is None:
        return []
    pooling = ", ".join((sentences.pooling, *sentences.steps))
    pooling += " (assumed: there is no modules.json that names it)" if sentences.pooling_assumed else ""
    length = f"{sentences.max_length} tokens"
    length += " (assumed: no file says it, and the model has so many positions)" if sentences.max_length_assumed else ""
    return [("pooling", pooling), ("texts cut at", length)]


def _tensor_table(report: Report) -> str:
    from ..checkpoints.inspection import USED

    rows = []
    for tensor in report.tensors:
        numbers = tensor.numbers
        shown = ["" if number is None else f"{number:.4g}" for number in numbers[:3]] if numbers else [""] * 3
        finite = "" if numbers is None else f"{numbers.not_finite} not" if numbers.not_finite else "all"
        role = tensor.role if tensor.status == USED else ": ".join(filter(None, (tensor.status, tensor.role)))
        rows.append((_name(tensor.name), _shape(tensor.shape), tensor.dtype, *shown, finite, role))
    return table(("tensor", "shape", "dtype", "min", "max", "mean", "finite", "becomes"), rows, "lllrrrll")


def _config_line(config: BertConfig | None) -> str:
    if config is None:
        return "cannot be read, see the problems"
    sizes = {
        "L": config.num_hidden_layers,
        "H": config.hidden_size,
        "A": config.num_attention_heads,
        "F": config.intermediate_size,
        "V": config.vocab_size,
        "P": config.max_position_embeddings,
    }
    text = " ".join(f"{letter}={size}" for letter, size in sizes.items())
    return f"{text}, GELU in its {config.gelu} form, epsilon {config.layer_norm_eps:g}"


def format_comparison(comparison: Comparison) -> str:
    """The comparison for people, the largest difference first."""
    order = sorted(comparison.differences, key=lambda d: (d.largest is not None, -(d.largest or 0.0)))
    unequal = [d for d in order if not d.equal]
    rows = []
    for d in unequal:
        shapes = " and ".join(map(_shape, dict.fromkeys(d.shapes)))
        numbers = ["" if number is None else f"{number:.3g}" for number in (d.largest, d.relative)]
        rows.append((_name(d.name), shapes, *(numbers if d.largest is not None else ("other shape", ""))))
    lines = [f"{side}: {_name(str(path))}" for side, path in zip("ab", comparison.paths, strict=True)]
    sections = ["\n".join(lines)]
    if rows:
        sections.append(table(("tensor", "shape", "largest difference", "of the largest"), rows, "llrr"))
    for side, foreign in zip("ab", comparison.only, strict=True):
        if foreign:
            sections.append("\n".join([f"only in {side}:"] + [f"  {_name(name)}" for name in foreign]))
    number = len(comparison.differences)
    count = f"{number} tensors in both, {number - len(unequal)} equal in every element, {len(unequal)} not"
    return "\n\n".join([*sections, paragraph(count)])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _name(name: str, longest: int = 120) -> str:
    return show(name, longest)[1:-1]


COMMAND = Command(
    "inspect",
    "Show what a checkpoint holds and what it can do",
    add_arguments,
    run,
    "inspect FOLDER --compare OTHER",
    model=None,
)
