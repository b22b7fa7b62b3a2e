"""Time and memory grow with the text and with nothing else, whatever it holds."""

import time

import pytest
from support.limits import run_limited

from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

LETTERS = [f"{prefix}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz" for prefix in ("", "##")]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "!", ".", "'", "中", *LETTERS, "abcdefghijklmnopqrstuvw"]

KINDS = {
    "one letter": "a",
    "punctuation": "!",
    "marks": "\u0301",
    "marks in falling order": "\u0315\u0323",
    "marks that move and stay": "\u302e\u1baa",
    "words at the limit": "a" * 100 + " ",
    "words that nearly match": "abcdefghijklmnopqrstuv " * 2,
    "unknown at the end": "a" * 99 + "ß ",
    "sigmas": "Σ",
    "sigmas and signs that casing looks through": "Σ'.",
    "control characters": "a\x0b",
    "spaces": " ",
    "chinese": "中",
    "hangul": "한",
    "special tokens": "[MASK]",
    "half special tokens": "[MAS",
    "emoji": "👩\u200d👧",
    "surrogates": "\ud800",
}


def seconds(function, text):
    """Processor time of one call: the least of three, each by a tokenizer that has nothing in its caches."""
    times = []
    for _ in range(3):
        call = getattr(WordPieceTokenizer(TOKENS), function)
        start = time.process_time()
        call(text if function == "encode" else [text])
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("function", ["encode", "encode_ids"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_ten_times_the_text_takes_at_most_fifteen_times_the_time(function, kind):
    """A quadratic step takes a hundred times. Another process can spoil a measurement, not three of them."""
    unit = KINDS[kind]
    short, long = (unit * (length // len(unit)) for length in (3_000, 30_000))
    ratios = []
    for _ in range(3):
        ratios.append(seconds(function, long) / (seconds(function, short) + 1e-4))
        if ratios[-1] <= 15:
            return
    raise AssertionError(f"{kind}: ten times the text took {ratios} times the time")


CODE = """
import time
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
tokenizer = WordPieceTokenizer({tokens!r})
text = {unit!r} * ({length} // len({unit!r}))
ids = tokenizer.encode_ids([text], max_length=512)[0]
assert len(ids) == {count} and ids == tokenizer.encode(text, max_length=512).ids, len(ids)
"""


@pytest.mark.parametrize(
    ("unit", "count"),
    [("a", 3), ("!", 512), ("\u0301", 2), ("ab cd ", 512), ("中", 512), ("[MASK]", 512)],
)
def test_ten_megabytes_on_one_line(unit, count):
    length = 10_000_000 // len(unit.encode("utf-8"))
    code = CODE.format(tokens=TOKENS, unit=unit, length=length, count=count)
    result = run_limited(code, memory_mib=64 + 10, cpu_seconds=20)
    assert result.returncode == 0, result.stderr
