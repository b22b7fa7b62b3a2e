"""Every change of every backward, and what gradcheck says of it: `cd tests && python -m support.mutation --help`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from support.mutation.verdicts import Verdict, all_changes, listed, sample, verdict

COLUMNS = ("own", "others", "types", "")
TITLES = ("kind", "changes", "own cases", "cases above", "types", "survived")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m support.mutation", description=__doc__)
    parser.add_argument("blocks", nargs="*", help="modules of blocks/ and tasks/ (default: all of them)")
    parser.add_argument("--sample", type=int, metavar="N", help="a fixed choice of N changes of all modules")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines: what it has is not run again")
    options = parser.parse_args()
    everything = sample(options.sample) if options.sample else all_changes(options.blocks)
    done = _read(options.results)
    started, verdicts = time.perf_counter(), {}
    for number, change in enumerate(everything, 1):
        verdicts[change.key] = done.get(change.key) or verdict(change)
        if options.results is not None and change.key not in done:
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps([change.key, change.kind, *verdicts[change.key]]) + "\n")
        if sys.stderr.isatty():
            print(f"\r{number} of {len(everything)}", end="", file=sys.stderr)
    print(f"{len(everything)} changes in {time.perf_counter() - started:.0f} s\n")

    _print_table(Counter((change.kind, verdicts[change.key].by) for change in everything))
    reasons = listed()
    survivors = [key for key, result in verdicts.items() if not result.by]
    unlisted = [key for key in survivors if key not in reasons]
    found_after_all = [key for key in reasons if verdicts.get(key, Verdict("")).by]
    gone = [key for key in reasons if key not in verdicts] if not options.sample and not options.blocks else []
    for title, keys in (
        ("only the cases of a block above find", [key for key, result in verdicts.items() if result.by == "others"]),
        ("survived without a reason in survivors.json", unlisted),
        ("in survivors.json, but found", found_after_all),
        ("in survivors.json, but no such change", gone),
    ):
        if keys:
            print(f"\n{title}:", *keys, sep="\n    ")
    return 1 if unlisted or found_after_all or gone else 0


def _read(path: Path | None) -> dict[str, Verdict]:
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {key: Verdict(*result) for key, _, *result in lines}


def _print_table(counts: Counter[tuple[str, str]]) -> None:
    print("{:<12}{:>9}{:>11}{:>13}{:>8}{:>10}".format(*TITLES))
    kinds = sorted({kind for kind, _ in counts})
    for kind in [*kinds, "all"]:
        numbers = [sum(counts[k, by] for k in (kinds if kind == "all" else [kind])) for by in COLUMNS]
        print("{:<12}{:>9}{:>11}{:>13}{:>8}{:>10}".format(kind, sum(numbers), *numbers))


if __name__ == "__main__":
    sys.exit(main())
