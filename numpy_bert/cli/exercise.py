"""numpy-bert exercise: the list, one exercise, a hint, the answer, and the check of a repaired one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .command import Command
from .gradcheck import verdict
from .inputs import require_new
from .numbers import count
from .output import facts, paragraph, print_json, print_result, printable, table

if TYPE_CHECKING:
    from ..exercises import Exercise
    from ..gradcheck.checker import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", type=count, metavar="N", help="which exercise (default: list them all)")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--hint", nargs="?", type=int, const=1, choices=(1, 2), help="show the first hint, or the second"
    )
    shown.add_argument("--answer", action="store_true", help="show what is wrong, why, and the corrected function")
    shown.add_argument(
        "--output", metavar="FILE.py", type=Path, help="write the wrong backward to a file, to repair it"
    )
    shown.add_argument("--check", metavar="FILE.py", help="run your own file and check the backward that it defines")


def run(options: argparse.Namespace) -> int:
    """Exit status 1 where --check finds a fault; an exercise that is only shown is expected to have one."""
    from .. import exercises

    number: int | None = options.number
    if number is None:
        for name in ("hint", "answer", "output", "check"):
            if getattr(options, name):
                raise UsageError(f"--{name}: expected with the number of an exercise, got it without")
        return _list(options.json)
    exercise = exercises.numbered(number)
    if options.hint is not None:
        hint = exercise.hints[options.hint - 1]
        return print_result(options.json, {"number": number, "hint": hint}, paragraph(hint))
    if options.answer:
        return _answer(number, exercise, options.json)
    if options.output is not None:
        return _write(exercise, options.output, options.json)
    if options.check is not None:
        return _check(number, exercise, options.check, options.json)
    return _show(number, exercise, options.json)


def _list(as_json: bool) -> int:
    from ..exercises import EXERCISES

    if as_json:
        print_json([_head(number, exercise) for number, exercise in enumerate(EXERCISES, 1)])
        return 0
    rows = [
        (number, exercise.block, exercise.title, exercise.level, "public code" if exercise.met else "")
        for number, exercise in enumerate(EXERCISES, 1)
    ]
    print(table(("", "block", "title", "difficulty", "met in"), rows, "rllll"))
    print("\nnumpy-bert exercise N shows one: find the bug.")
    return 0


def _show(number: int, exercise: Exercise, as_json: bool) -> int:
    from ..exercises import EXERCISES, report, source
    from ..gradcheck.report import to_json

    code, equation = source.wrong(exercise), source.equation(exercise)
    rows = report.check(exercise, exercise.backward)
    if as_json:
        checked = {"passed": report.passed(rows), "rows": [to_json(row) for row in rows]}
        print_json(_head(number, exercise) | {"equation": equation, "code": code, "report": checked})
        return 0
    met = "; met in public code" if exercise.met else ""
    print(paragraph(f"Exercise {number} of {len(EXERCISES)}: {exercise.title}"))
    print(f"{exercise.block}, {exercise.level}{met}\n")
    print("\n".join(f"    {line}".rstrip() for line in equation.splitlines()))
    print(f"\nIts backward, with a mistake:\n\n{source.numbered(code)}\n\nWhat the checker says:\n")
    print(_format_report(rows))
    again = f"numpy-bert exercise {number}"
    ways = [
        ("read first", source.page(exercise)),
        ("if stuck", f"{again} --hint, then --hint 2, then --answer"),
        ("repair", f"{again} --output mine.py, then edit mine.py"),
        ("check", f"{again} --check mine.py"),
    ]
    print("\n" + facts(ways))
    return 0


def _answer(number: int, exercise: Exercise, as_json: bool) -> int:
    from ..exercises import source

    difference, page, why = source.difference(exercise), source.page(exercise), f"{exercise.wrong} {exercise.why}"
    if as_json:
        print_json({"number": number, "difference": difference, "why": why, "met": exercise.met or None, "page": page})
        return 0
    print(f"{difference}\n{paragraph(why)}\n")
    if exercise.met:
        print(paragraph(f"Met in public code: {exercise.met}.") + "\n")
    print(f"The derivation: {page}")
    return 0


def _write(exercise: Exercise, output: Path, as_json: bool) -> int:
    from ..exercises import source
    from ..files.atomic import write_text

    require_new(output)
    write_text(output, source.wrong(exercise))
    return print_result(as_json, {"output": str(output)}, f"written: {printable(str(output))}")


def _check(number: int, exercise: Exercise, path: str, as_json: bool) -> int:
    from ..exercises import report
    from ..gradcheck.report import to_json

    rows = report.check(exercise, report.load(exercise, path))
    passed = report.passed(rows)
    data = {"number": number, "passed": passed, "rows": [to_json(row) for row in rows]}
    print_result(as_json, data, f"{_format_report(rows)}\n\n{'Right.' if passed else 'Not yet.'}")
    return 0 if passed else 1


def _format_report(rows: Sequence[Row]) -> str:
    """A line for each array with its worst case, and which cases failed."""
    from ..gradcheck.report import worst_cases

    lines = [(row.name, f"{row.error:.1e}", verdict(row), row.case, _place(row)) for row in worst_cases(rows)]
    header = ("with respect to", "largest error", "verdict", "worst case", "element")
    failed = dict.fromkeys(row.case for row in rows if not row.passed)
    right = [case for case in dict.fromkeys(row.case for row in rows) if case not in failed]
    parts = [f"The checker allows an error of {rows[0].tolerance:.0e}."]
    parts += [f"Cases that fail: {'; '.join(failed)}."] if failed else []
    parts += [f"Cases that pass: {'; '.join(right)}."] if right else []
    return "\n".join([table(header, lines, "lrl"), "", *map(paragraph, parts)])


def _place(row: Row) -> str:
    """The element of the array where it is wrong."""
    if row.passed or row.place is None:
        return row.problem
    what = "along a direction" if "projection" in row.method else f"[{', '.join(map(str, row.place))}]"
    return f"{what}: expected {row.numeric:.6g}, got {row.analytic:.6g}"


def _head(number: int, exercise: Exercise) -> dict[str, Any]:
    about = {"number": number, "block": exercise.block, "title": exercise.title, "difficulty": exercise.level}
    return about | {"met_in_public_code": bool(exercise.met)}


COMMAND = Command(
    "exercise",
    "Find the bug: wrong backwards to repair, with hints",
    add_arguments,
    run,
    "exercise 1",
    model=None,
)
