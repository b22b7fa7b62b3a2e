"""numpy-bert exercise: the list, one exercise, a hint, the answer, and the check of a repaired one."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .numbers import count
from .output import print_json, printable, table

if TYPE_CHECKING:
    from ..exercises import Exercise

WIDTH = 100  # columns of a paragraph


def add(one: argparse.ArgumentParser) -> None:
    one.add_argument("number", nargs="?", type=count, metavar="N", help="which; without it, the list")
    asked = one.add_mutually_exclusive_group()
    asked.add_argument("--hint", nargs="?", type=int, const=1, choices=(1, 2), help="the first hint, or the second")
    asked.add_argument("--answer", action="store_true", help="what is wrong, why, and how it is right")
    asked.add_argument("--output", metavar="FILE.py", type=Path, help="write the wrong backward there, to repair it")
    asked.add_argument("--check", metavar="FILE.py", help="run your own file and check the backward it defines")


def exercise(options: argparse.Namespace) -> int:
    """Exit status 1 where --check finds a fault; an exercise that is only shown is expected to have one."""
    from .. import exercises

    if options.number is None:
        for name in ("hint", "answer", "output", "check"):
            if getattr(options, name):
                raise UsageError(f"--{name}: expected with the number of an exercise, got it without")
        return _list(options.json)
    chosen = exercises.numbered(options.number)
    if options.hint is not None:
        return _hint(options.number, chosen.hints[options.hint - 1], options.json)
    if options.answer:
        return _answer(options.number, chosen, options.json)
    if options.output is not None:
        return _write(chosen, options)
    if options.check is not None:
        return _check(chosen, options)
    return _show(options.number, chosen, options.json)


def _list(as_json: bool) -> int:
    from ..exercises import EXERCISES

    if as_json:
        print_json([_head(number, one) for number, one in enumerate(EXERCISES, 1)])
        return 0
    rows = [
        (number, one.block, one.title, one.level, "public code" if one.met else "")
        for number, one in enumerate(EXERCISES, 1)
    ]
    print(table(("", "block", "title", "difficulty", "met in"), rows, "rllll"))
    print("\nnumpy-bert exercise N shows one: find the bug.")
    return 0


def _show(number: int, chosen: Exercise, as_json: bool) -> int:
    from ..exercises import EXERCISES, report, source
    from ..gradcheck import cases as pairs

    code, equation = source.wrong(chosen), source.equation(chosen)
    rows = report.check(chosen, chosen.backward)
    if as_json:
        found = {"passed": report.passed(rows), "rows": [pairs.to_json(row) for row in rows]}
        print_json(_head(number, chosen) | {"equation": equation, "code": code, "report": found})
        return 0
    met = "; met in public code" if chosen.met else ""
    print(f"Exercise {number} of {len(EXERCISES)}: {chosen.title}\n{chosen.block}, {chosen.level}{met}\n")
    print("\n".join(f"    {line}".rstrip() for line in equation.splitlines()))
    print(f"\nIts backward, with a mistake:\n\n{source.numbered(code)}\n\nWhat the checker says:\n")
    print(report.format_report(rows))
    again = f"numpy-bert exercise {number}"
    print(f"\nStuck: {again} --hint, then --hint 2, then --answer.")
    print(f"To repair it: {again} --output mine.py, edit mine.py, {again} --check mine.py.")
    return 0


def _hint(number: int, hint: str, as_json: bool) -> int:
    if as_json:
        print_json({"number": number, "hint": hint})
    else:
        print(hint)
    return 0


def _answer(number: int, chosen: Exercise, as_json: bool) -> int:
    from ..exercises import source

    difference, page, why = source.difference(chosen), source.page(chosen), f"{chosen.wrong} {chosen.why}"
    if as_json:
        print_json({"number": number, "difference": difference, "why": why, "met": chosen.met or None, "page": page})
        return 0
    print(f"{difference}\n{textwrap.fill(why, WIDTH)}\n")
    if chosen.met:
        print(f"Met in public code: {chosen.met}.\n")
    print(f"The derivation: {page}")
    return 0


def _write(chosen: Exercise, options: argparse.Namespace) -> int:
    from ..exercises import source
    from ..files.atomic import require_new, write_text

    require_new(options.output)
    write_text(options.output, source.wrong(chosen))
    if options.json:
        print_json({"output": str(options.output)})
    else:
        print(f"written: {printable(str(options.output))}")
    return 0


def _check(chosen: Exercise, options: argparse.Namespace) -> int:
    from ..exercises import report
    from ..gradcheck import cases as pairs

    rows = report.check(chosen, report.load(chosen, options.check))
    passed = report.passed(rows)
    if options.json:
        print_json({"number": options.number, "passed": passed, "rows": [pairs.to_json(row) for row in rows]})
    else:
        print(report.format_report(rows))
        print("\nRight." if passed else "\nNot yet.")
    return 0 if passed else 1


def _head(number: int, one: Exercise) -> dict[str, Any]:
    about = {"number": number, "block": one.block, "title": one.title, "difficulty": one.level}
    return about | {"met_in_public_code": bool(one.met)}
