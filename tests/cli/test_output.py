"""Tables and text: they fit the width, break no word that need not be broken, and cannot touch the terminal."""

import io
import sys

import pytest
from rich.cells import cell_len

from numpy_bert.cli import output
from numpy_bert.cli.output import Bar, Styled

NAME = "bert.encoder.layer.0.attention.self.query.weight"
TENSORS = (
    ("tensor", "shape", "dtype", "min", "max", "mean", "finite", "becomes"),
    [(NAME, "768x768", "float32", "-0.123", "0.456", "0.0012", "all", "the first third of qkv.W")] * 2,
    "lllrrrll",
)
SENTENCES = (("text", "probability", ""), [("a text of several words, " * 4, "0.5", Bar(0.5)), ("日本語", "1", Bar(1))])
NUMBERS = (("layer", *(f"a change {i}" for i in range(12))), [("embedding", *["1.2e-03"] * 12)] * 3, "l" + "r" * 12)


def at(monkeypatch, columns, *arguments, **options):
    monkeypatch.setenv("COLUMNS", str(columns))
    return output.table(*arguments, **options)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("arguments", [TENSORS, SENTENCES, NUMBERS])
def test_a_table_fits_and_breaks_no_word(monkeypatch, columns, arguments):
    text = at(monkeypatch, columns, *arguments, repeat_first=arguments is NUMBERS)
    assert max(map(cell_len, text.splitlines())) <= columns
    words = set(text.split())
    for row in (arguments[0], *arguments[1]):
        for cell in row:
            assert isinstance(cell, Bar) or set(cell.split()) <= words


def test_columns_are_aligned(monkeypatch):
    assert at(monkeypatch, 40, ("a", "b"), [("x", 1), ("日本", 222)], "lr").splitlines() == [
        "a       b",
        "x       1",
        "日本  222",
    ]


def test_cells_are_wrapped_at_their_spaces(monkeypatch):
    text = at(monkeypatch, 26, ("text", "value"), [("one two three four five", "1.0")], "lr")
    assert text.splitlines() == ["text                 value", "one two three four     1.0", "five"]


def test_bars_go_before_anything_else_does(monkeypatch):
    arguments = ("token", ""), [("eleven more", Bar(1)), ("x", Bar(0.5))]
    assert "█" * 24 in at(monkeypatch, 60, *arguments)
    assert "█" * 9 + "\n" in at(monkeypatch, 22, *arguments)
    assert at(monkeypatch, 20, ("token", ""), [("fourteen-signs", Bar(1))]) == "token\nfourteen-signs"


def test_a_name_too_long_for_its_table_stands_above_its_row(monkeypatch):
    lines = at(monkeypatch, 80, *TENSORS).splitlines()
    assert lines[2] == NAME
    assert lines[3].startswith("  768x768  float32")


def test_columns_that_cannot_stand_together_take_several_lines(monkeypatch):
    rows = [("abcdefghijk", "lmnopqrstu", "vwxyzvwxy"), ("b", "", "c")]
    text = at(monkeypatch, 20, ("name", "other", "third"), rows)
    assert text == "name\n  other\n  third\nabcdefghijk\n  lmnopqrstu\n  vwxyzvwxy\nb\n  c"


def test_a_word_wider_than_the_table_makes_every_cell_a_line(monkeypatch):
    rows = [("abcdefghijk", "lmnopqrstu", "a word of nineteen: abcdefghijklmnopqrs"), ("b", "", "c")]
    text = at(monkeypatch, 20, ("name", "other", "third"), rows)
    first, second = text.split("\n\n")
    assert first.startswith("name   abcdefghijk\nother  lmnopqrstu\nthird  a word of\n")
    assert second == "name   b\nthird  c"


def test_numbers_are_still_compared_down_their_columns(monkeypatch):
    blocks = at(monkeypatch, 60, *NUMBERS, repeat_first=True).split("\n\n")
    assert len(blocks) > 1
    for block in blocks:
        assert [line.split()[0] for line in block.splitlines() if not line.startswith(" ")][-3:] == ["embedding"] * 3


def test_a_pipe_has_no_width(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert output.width() is None
    assert len(output.table(("text",), [("word " * 100,)]).splitlines()) == 2
    assert "\n" not in output.paragraph("word " * 100)


@pytest.mark.parametrize("columns", ["", "0", "-5", "wide", "٣"])
def test_columns_that_are_no_number_count_for_nothing(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert output.width() is None


@pytest.mark.parametrize("stream", [None, "closed"])
def test_there_may_be_no_stdout(monkeypatch, stream):
    monkeypatch.delenv("COLUMNS", raising=False)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed if stream == "closed" else None)
    assert output.width() is None
    assert not output.has_color()


def test_text_of_others_is_neither_markup_nor_a_command(monkeypatch):
    foreign = "[red]x[/red] :smile: \x1b[31m\u202e\n\x9b2J"
    message = "[red]x[/red] :smile: \\x1b[31m\\u202e\\n\\x9b2J"
    assert output.table((foreign,), [(foreign,)]) == f"{message}\n{message}"
    assert output.paragraph(foreign) == output.flow([foreign]) == message
    watched(monkeypatch)
    assert output.flow([Styled(foreign, "bold")]) == f"\x1b[1m{message}\x1b[0m"


def watched(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_color_is_for_a_terminal_whose_user_wants_it(monkeypatch):
    row = [(Styled("FAILED", "bold red"),)]
    assert "\x1b" not in output.table(("verdict",), row)
    watched(monkeypatch)
    assert "\x1b[1;31mFAILED\x1b[0m" in output.table(("verdict",), row)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert "\x1b" not in output.table(("verdict",), row)


def test_words_flow_to_the_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert output.flow(["eight888", Styled("eight888", "red"), "eight888"]) == "eight888 eight888\neight888"
    assert output.paragraph("one two three four five", indent=4) == "    one two three\n    four five"


def test_a_bar_without_blocks(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert output.bar(0.5, 10) == "#####"
