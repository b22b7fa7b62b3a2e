"""A long text cut into windows that tokenize alone as they do together, so that memory and early stops are bounded.

A cut lies behind a character that is a word of its own or white space, and that neither lower case nor the order of
marks looks through: tokens before it and behind it do not know of each other. A text that holds no such character
for long stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SHORTEST = 1 << 14  # characters, but for the last window

# Some white space, ASCII punctuation but for . : ' ^ ` (casing looks through those) and the stops of Chinese text.
_CUT = r"""[ \t\n\r\u3000!"#$%&()*+,/;<=>?@\[\\\]_{|}~\u3001\u3002\uff0c\uff01\uff1f-]"""
_PLAIN = re.compile(_CUT)
_CHINESE = re.compile(rf"{_CUT}|[\u4e00-\u9fff]")  # these are words of their own for most models, not for all


def windows(text: str, start: int, end: int, chinese: bool) -> Iterator[tuple[int, int]]:
    """The spans that text[start:end] is cut into, in order; none if it is empty.

    chinese: whether each Chinese character is a word of its own.
    """
    pattern = _CHINESE if chinese else _PLAIN
    while start < end:
        cut = pattern.search(text, start + SHORTEST, end) if end - start > SHORTEST else None
        stop = cut.end() if cut else end
        yield start, stop
        start = stop
