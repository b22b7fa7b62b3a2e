"""Docstrings of this package are plain text, written to be read in the file; here they become reStructuredText.

What is set in columns (equations, tables, indented code) stays as it is; the rest is paragraphs, in which no sign has a
meaning but the backquotes around a name. Of a NamedTuple the fields are shown as the source has them, with the shape of
each in its comment.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any


def process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Sphinx's autodoc-process-docstring: `lines` is changed in place."""
    text = list(lines)
    if is_record(obj):
        if text and text[0].startswith(f"{obj.__name__}("):  # what a NamedTuple without a docstring has
            text = []
        lines[:] = [*paragraphs(text), *literal(fields(obj))]
    else:
        lines[:] = paragraphs(text)


def signature(
    app: Any, what: str, name: str, obj: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Sphinx's autodoc-process-signature: none for a record, whose fields follow, and names for what has one."""
    if is_record(obj):
        return "", None
    return named(arguments), named(returned)


def named(text: str | None) -> str | None:
    """As the source has it: Array for its alias."""
    if text is None:
        return None
    return re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Sphinx's autodoc-skip-member: fields of a NamedTuple stand in its source already."""
    return True if type(obj).__name__ in ("_tuplegetter", "TypeVar") else None


def is_record(obj: Any) -> bool:
    return inspect.isclass(obj) and issubclass(obj, tuple) and hasattr(obj, "_fields")


def fields(record: type) -> list[str]:
    """The lines of a NamedTuple's source that declare its fields."""
    source = textwrap.dedent(inspect.getsource(record))
    return [line[4:] for line in source.splitlines() if re.match(r"    \w+: ", line)]


def paragraphs(lines: list[str]) -> list[str]:
    result: list[str] = []
    for paragraph in re.split(r"\n(?:[ ]*\n)+", "\n".join(lines).strip("\n")):
        block = paragraph.split("\n")
        if not paragraph.strip():
            continue
        if any(line.startswith(" ") or re.search(r"\S   ?\S", line) for line in block):
            result += literal(block)
        else:
            result += [*(escaped(line) for line in block), ""]
    return result


def literal(block: list[str]) -> list[str]:
    if not block:
        return []
    return [".. code-block:: text", "", *(f"   {line}" for line in block), ""]


def escaped(line: str) -> str:
    """`name` as code, every other sign as itself."""
    pieces = re.split(r"`([^`]+)`", line)
    pieces[::2] = [re.sub(r"([\\*_|`:\[\]<>])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"\\ ``{piece}``\\ " for piece in pieces[1::2]]
    text = "".join(pieces)
    return re.sub(r"^(\W)", r"\\\1", text) if re.match(r"[-+=#.~^\"'(]", text) else text
