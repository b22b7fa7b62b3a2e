"""Sentences from a file of the CoNLL kind: a word and its label a line, a blank line after each sentence.

Columns stand between tabs, or spaces where a line has no tab; a blank line may hold spaces and tabs. The word is the
first column and the label the last, as in CoNLL-2003 and WNUT 17; every line has equally many. Recognized besides:

- a first column that counts the words of each sentence, or of all: the word is the second column;
- GermEval 2014, where two columns of labels follow, of outer and of inner entities: the outer ones are taken;
- lines that begin with # between sentences, where they do not have the columns of a word: comments;
- lines that begin with -DOCSTART- (CoNLL-2003).

An option names the columns (word, label, "-") where this is not what a file means. UTF-8, no quoting.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import Error, UsageError, show, show_path
from ...files.text_lines import lines
from ...inference.entities import OUTSIDE
from .options import LOOK, DataOptions
from .records import Path

DOCUMENT = "-DOCSTART-"  # what the files of CoNLL-2003 have in place of the first word of each document
NUMBER = re.compile(r"[0-9]{1,11}([-.][0-9]{1,11})?")  # 1-2 and 1.1 as CoNLL-U has them
PREFIXES = "BIESLUM"  # of all schemes
CHUNKS = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"}


class LabeledSentence(NamedTuple):
    line: int  # that of its first word; each of the others is a line further
    words: list[str]
    labels: list[str]


class LabeledSentences(NamedTuple):
    """The sentences of a file and what was recognized, a line for people."""

    sentences: list[LabeledSentence]
    recognized: str


class Block(NamedTuple):
    """The lines of a sentence: its first line in the file, and the columns of each."""

    line: int
    rows: list[list[str]]


class Columns(NamedTuple):
    """The numbers of the columns of the word and its label, counted from either end, and how many there are."""

    word: int
    label: int
    width: int
    note: str = ""  # what was recognized


def sentences(path: Path, known: Sequence[str] = (), options: DataOptions = LOOK) -> LabeledSentences:
    """Every sentence. Error: a line that is not a word with a label, of a scheme or of those `known`; a line with
    another number of columns than the first; columns that may be read in two ways; no sentences at all.
    """
    known = (*known, *(options.labels or ()))
    blocks = _blocks(path, known)
    if not blocks:
        raise Error("expected a word and its label a line, got none", at=path)
    columns = _columns(path, blocks, known, options.columns)
    parsed = []
    for line, rows in blocks:
        pairs = [
            _word_and_label(row, columns, f"{show_path(path)}: line {line + i}", known) for i, row in enumerate(rows)
        ]
        parsed.append(LabeledSentence(line, [word for word, _ in pairs], [label for _, label in pairs]))
    words = sum(len(sentence.words) for sentence in parsed)
    numbers = f"word {columns.word + 1}, label {columns.label % columns.width + 1} of {columns.width} columns"
    return LabeledSentences(
        parsed, f"{show_path(path)}: {len(parsed)} sentences, {words} words: {numbers}{columns.note}"
    )


def _blocks(path: Path, known: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    inside, width = False, 0
    for number, line in lines(path):
        fields = _fields(line)
        if not fields or fields[0] == DOCUMENT:
            inside = False
            continue
        is_word = len(fields) > 1 and (_is_label(fields[-1], known) and len(fields) == (width or len(fields)))
        if line.startswith("#") and not inside and not is_word:
            continue
        width = width or len(fields)
        if not inside:
            blocks.append(Block(number, []))
            inside = True
        blocks[-1].rows.append(fields)
    return blocks


def _fields(line: str) -> list[str]:
    """The columns of a line; none of one that is blank."""
    if not line.strip(" \t"):
        return []
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return [field for field in line.split(" ") if field]


def _is_label(text: str, known: Sequence[str] = ()) -> bool:
    return text == OUTSIDE or text in known or (len(text) > 2 and text[0] in PREFIXES and text[1] == "-")


def _columns(path: Path, blocks: list[Block], known: Sequence[str], chosen: tuple[str, ...] | None) -> Columns:
    width = len(blocks[0].rows[0])
    if chosen is not None:
        counts = Counter(chosen)
        if counts["word"] != 1 or counts["label"] != 1 or set(chosen) > {"word", "label", "-"}:
            raise UsageError(f"columns: expected word and label, perhaps -, got {show(chosen)}")
        return Columns(chosen.index("word"), chosen.index("label"), len(chosen))
    numbered = width > 2 and _is_numbered(path, blocks)
    if width > 2 + numbered and _are_nested(blocks, width):
        if not numbered:
            columns = f"columns {width - 1} and {width} both hold labels of entities"
            raise Error(f"{columns}: say --columns with word, label and - for each other column", at=path)
        if width == 4:
            return Columns(1, 2, width, "; column 1 counts the words, inner entities (column 4) are not used")
    return Columns(int(numbered), -1, width, "; column 1 counts the words" if numbered else "")


def _is_numbered(path: Path, blocks: list[Block]) -> bool:
    """Whether the first column counts the words of each sentence. Error: it holds other numbers alone."""
    columns = [[row[0] for row in block.rows] for block in blocks]
    if not all(NUMBER.fullmatch(field) for fields in columns for field in fields) or max(map(len, columns)) < 2:
        return False
    if not all(
        fields[0].isdecimal() and fields == [str(int(fields[0]) + i) for i in range(len(fields))] for fields in columns
    ):
        raise Error("column 1 holds numbers alone: say --columns with word, label and - for each other column", at=path)
    return True


def _are_nested(blocks: list[Block], width: int) -> bool:
    """Whether the last two columns both hold labels of entities; the chunks of CoNLL-2003 (NP, VP) are not entities."""
    rows = [row for block in blocks for row in block.rows]
    if not all(len(row) == width and _is_label(row[-1]) and _is_label(row[-2]) for row in rows):
        return False
    return not {row[-2][2:] for row in rows if row[-2] != OUTSIDE} <= CHUNKS


def _word_and_label(fields: list[str], columns: Columns, where: str, known: Sequence[str]) -> tuple[str, str]:
    if len(fields) < 2 or not fields[0] or not fields[-1]:
        got = show(" ".join(fields))
        raise Error(f"{where}: expected a word and its label, with a tab or spaces between them, got {got}")
    if len(fields) != columns.width:
        raise Error(f"{where}: expected {columns.width} columns, as in the first sentence, got {len(fields)}")
    word, label = fields[columns.word], fields[columns.label]
    if not word or not label:
        raise Error(f"{where}: expected a word and its label, got {show(word)} and {show(label)}")
    if not _is_label(label, known):
        expected = "expected the label O, B-<type> or I-<type>, or another scheme's"
        raise Error(f"{where}: {expected}, got {show(label)}; labels without a scheme are named with --labels")
    return word, label
