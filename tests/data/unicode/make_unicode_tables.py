"""Makes numpy_bert/tokenizer/unicode_tables.py: `pip install unicodedata2`, then run this with the path to write to.

unicodedata2 is Python's own unicodedata brought up to the newest Unicode. Only this script needs it.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import unicodedata2

HEAD = '''"""Classes of characters as Unicode {version} defines them, frozen: no result depends on Python's tables.

Made by tests/data/unicode/make_unicode_tables.py: code points and ranges of code points, in hexadecimal.
"""

UNICODE = "{version}"
'''


def is_punctuation(c: str) -> bool:
    return unicodedata2.category(c).startswith("P")


def is_nonspacing_mark(c: str) -> bool:
    return unicodedata2.category(c) == "Mn"


def is_format(c: str) -> bool:
    return unicodedata2.category(c) == "Cf"


def is_reordered(c: str) -> bool:
    parts = unicodedata2.normalize("NFD", c)
    return any(unicodedata2.combining(part) and not is_nonspacing_mark(part) for part in parts)


TABLES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "PUNCTUATION": ("General categories Pc, Pd, Ps, Pe, Pi, Pf and Po.", is_punctuation),
    "NONSPACING_MARKS": ("General category Mn: the accents that uncased models drop.", is_nonspacing_mark),
    "FORMAT": ("General category Cf: joiners, direction marks, the soft hyphen.", is_format),
    "REORDERED": (
        "Their NFD holds a mark that is not an Mn and yet has a combining class: NFD may move it.",
        is_reordered,
    ),
}


def ranges(belongs: Callable[[str], bool]) -> list[str]:
    """The code points of a class as `a` or `a-b`, in order."""
    results: list[list[int]] = []
    for code in filter(lambda code: belongs(chr(code)), range(sys.maxunicode + 1)):
        if results and results[-1][1] == code - 1:
            results[-1][1] = code
        else:
            results.append([code, code])
    return [f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in results]


def main(path: str) -> None:
    parts = [HEAD.format(version=unicodedata2.unidata_version)]
    for name, (meaning, belongs) in TABLES.items():
        body = textwrap.fill(" ".join(ranges(belongs)), 110, break_on_hyphens=False)
        parts.append(f'\n# {meaning}\n{name} = """\n{body}\n"""\n')
    Path(path).write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
