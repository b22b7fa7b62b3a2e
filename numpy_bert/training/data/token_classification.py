"""Sentences with a label on each word, from a file of the CoNLL kind, a word and its label a line:

    Empire <TAB> B-location
    State <TAB> I-location
    rules <TAB> O

Between the two stands a tab, or spaces where a line has no tab; a blank line, which may hold spaces and tabs, ends a
sentence. Where there are more columns, as in the files of CoNLL-2003, the word is the first and the label the last;
every line of a file has equally many. A line that begins with -DOCSTART- is passed over. Labels are in the BIO scheme
(see inference/entities.py), or names that the model itself has. UTF-8, no quoting.

Each word is cut into tokens by itself. Its first token carries its label, the others are IGNORED. A sentence that is
longer than the model makes several examples, each of whole words, and every word is in one of them. A word of which
the tokenizer keeps nothing (WNUT 17 has lone variation selectors) has no place in the model: nothing is learned of it,
and it counts as predicted O.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, log_softmax
from ...blocks.cross_entropy import IGNORED
from ...config import BertConfig
from ...errors import Error, show
from ...files.reading import label as label_of
from ...files.text_lines import lines
from ...inference import batching
from ...inference.entities import OUTSIDE
from ...inference.inputs import Text, padded
from ...numerics.memory import Array
from ...tasks import objective, token_classification
from ...tokenizer.pipeline import Tokenizer
from . import entity_scores
from .classification import digest
from .options import DataOptions
from .records import Path

DOCUMENT = "-DOCSTART-"  # what the files of CoNLL-2003 have in place of the first word of each document
SHORTEST = 3  # tokens: [CLS], one of a word, [SEP]

LOOK = DataOptions()


class LabelledSentence(NamedTuple):
    number: int  # the line of its first word; each of the others is a line further
    words: list[str]
    labels: list[str]


class WordWindow(NamedTuple):
    """Consecutive words of a sentence as the model reads them: [CLS] tokens [SEP]"""

    sentence: int
    words: list[int]  # which of the sentence
    places: list[int]  # where in ids each of them begins
    ids: list[int]


def sentences(path: Path, known: Sequence[str] = ()) -> list[LabelledSentence]:
    """Every sentence. Error: a line that is no word with a label, one of the BIO scheme or of those `known`; a line
    with another number of columns than the first; no sentences at all.
    """
    found: list[LabelledSentence] = []
    inside, many = False, 0
    for number, line in lines(path):
        fields = _fields(line)
        if not fields or fields[0] == DOCUMENT:
            inside = False
            continue
        where = f"{label_of(path)}: line {number}"
        word, label = _word_and_label(fields, where, known)
        many = many or len(fields)
        if len(fields) != many:
            raise Error(f"{where}: expected {many} columns, as in the first sentence, got {len(fields)}")
        if not inside:
            found.append(LabelledSentence(number, [], []))
            inside = True
        found[-1].words.append(word)
        found[-1].labels.append(label)
    if not found:
        raise Error(f"{label_of(path)}: expected a word and its label a line, got none")
    return found


def _fields(line: str) -> list[str]:
    """The columns of a line; none of one that is blank."""
    if not line.strip(" \t"):
        return []
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return [field for field in line.split(" ") if field]


def _word_and_label(fields: list[str], where: str, known: Sequence[str]) -> tuple[str, str]:
    word, label = fields[0], fields[-1]
    if len(fields) < 2 or not word or not label:
        got = show(" ".join(fields))
        raise Error(f"{where}: expected a word and its label, with a tab or spaces between them, got {got}")
    if label not in (OUTSIDE, *known) and (label[:2] not in ("B-", "I-") or len(label) == 2):
        raise Error(f"{where}: expected the label O, B-<type> or I-<type>, got {show(label)}")
    return word, label


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config with O and, of each type that occurs, B- and I-. Error: see `sentences`; also no type at all."""
    kinds = _kinds([label for sentence in sentences(path) for label in sentence.labels])
    if not kinds:
        raise Error(f"{label_of(path)}: expected labels of entities, such as B-person, got O alone")
    names = (OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI"))
    return dataclasses.replace(config, num_labels=len(names), labels=names, problem_type=None)


def _kinds(labels: Sequence[str]) -> list[str]:
    """The types of entities among the labels, by alphabet; a label without a prefix is a type by itself."""
    return sorted({label[2:] if label[:2] in ("B-", "I-") else label for label in labels if label != OUTSIDE})


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> TaggingExamples:
    """The examples of a file. Error: see `sentences`; also a label that is none of the config's, no word at all in
    which the tokenizer finds a token.
    """
    return TaggingExamples(path, tokenizer, config, max_length)


class TaggingExamples:
    """Tokenized windows with the labels of their words."""

    def __init__(self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int) -> None:
        if max_length < SHORTEST:
            raise Error(f"max_length: expected at least {SHORTEST}, got {show(max_length)}")
        self.names, self._pad = config.label_names, config.pad_token_id
        self.sentences = sentences(path, self.names)
        self._labels = _label_ids(path, self.sentences, config)
        self.windows = [
            window
            for number, sentence in enumerate(self.sentences)
            for window in windows(number, sentence.words, tokenizer, max_length)
        ]
        if not self.windows:
            raise Error(f"{label_of(path)}: expected at least one word that the tokenizer finds tokens in, got none")
        self.texts = [Text(window.ids, None) for window in self.windows]
        self.lengths = [len(window.ids) for window in self.windows]
        self.summary = [f"{label_of(path)}: {len(self.sentences)} sentences"]
        self.digest = digest([tuple(sentence)[1:] for sentence in self.sentences], self.texts)

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen windows and their labels, both (B, T)."""
        inputs = padded([self.texts[i] for i in chosen], self._pad)
        labels = np.full(inputs.ids.token.shape, IGNORED)
        for row, i in enumerate(chosen):
            labels[row, self.windows[i].places] = self.labels(i)
        return objective.Batch(inputs, labels)

    def labels(self, i: int) -> Array:
        """The ids of the labels of the words of a window, (words,)."""
        window = self.windows[i]
        return self._labels[window.sentence][window.words]

    def measures(self, logits: Sequence[Array]) -> dict[str, float]:
        """logits: (T, C) of each window -> loss; precision, recall and F1 in entities; F1 of each type."""
        predicted = [[OUTSIDE] * len(sentence.words) for sentence in self.sentences]
        loss, words = 0.0, 0
        for i, (window, values) in enumerate(zip(self.windows, logits, strict=True)):
            rows = values[window.places]  # (words, C)
            log_p, _ = log_softmax.forward(rows)
            loss -= float(log_p[np.arange(len(rows)), self.labels(i)].sum())
            words += len(rows)
            for word, best in zip(window.words, rows.argmax(axis=1), strict=True):
                predicted[window.sentence][word] = self.names[best]
        scores = entity_scores.scores([sentence.labels for sentence in self.sentences], predicted)
        none = entity_scores.Score(0.0, 0.0, 0.0)
        by_kind = {f"f1_{kind}": scores.get(kind, none).f1 for kind in _kinds(self.names)}
        return {"loss": loss / max(1, words), **scores[""]._asdict(), **by_kind}


def _label_ids(path: Path, found: Sequence[LabelledSentence], config: BertConfig) -> list[Array]:
    """The labels of each sentence as numbers, (words,)."""
    ids = {name: i for i, name in enumerate(config.label_names)}
    for sentence in found:
        for number, label in enumerate(sentence.labels, sentence.number):
            if label not in ids:
                known = ", ".join(show(name) for name in config.label_names[:20])
                where = f"{label_of(path)}: line {number}"
                raise Error(f"{where}: expected a label of the model ({known}), got {show(label)}")
    return [np.array([ids[label] for label in sentence.labels]) for sentence in found]


def windows(sentence: int, words: Sequence[str], tokenizer: Tokenizer, max_length: int) -> list[WordWindow]:
    """A sentence in as few windows of at most max_length tokens as whole words allow; of a word that alone is longer,
    the first tokens. Neither [CLS] nor another special token is read as such where it is typed.
    """
    found: list[WordWindow] = []
    for number, ids in enumerate(tokenizer.encode_ids(words, max_length, special=False)):
        tokens = ids[1:-1]
        if not tokens:
            continue
        if not found or len(found[-1].ids) + len(tokens) + 1 > max_length:
            found.append(WordWindow(sentence, [], [], [tokenizer.cls_id]))
        window = found[-1]
        window.words.append(number)
        window.places.append(len(window.ids))
        window.ids.extend(tokens)
    for window in found:
        window.ids.append(tokenizer.sep_id)
    return found


def evaluate(examples: TaggingExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and the measures of CoNLL over all examples; see `TaggingExamples.measures`."""
    head = objective.head_params("token_classification", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        rows, _ = token_classification.forward(encoded, head, config)
        return list(rows)

    return examples.measures(batching.run(examples.texts, params.bert, config, logits))
