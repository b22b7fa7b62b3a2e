"""Sentences with a label on each word, from a file of the CoNLL kind, a word and its label a line:

    Empire <TAB> B-location
    State <TAB> I-location
    rules <TAB> O

See conll for the forms of such a file. Labels are in one of the schemes BIO, BIOES, BILOU or BMES (see
inference/entities.py), or names that the model itself has or an option gives.

Each word is cut into tokens by itself. Its first token carries its label, the others are IGNORED. A sentence that is
longer than the model makes several examples, each of whole words, and every word is in one of them. A word of which
the tokenizer keeps nothing (WNUT 17 has lone variation selectors) has no place in the model: nothing is learned from
it, and it counts as predicted O.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, log_softmax
from ...blocks.cross_entropy import IGNORED
from ...config import BertConfig
from ...errors import Error, show
from ...inference import batching, entities
from ...inference.entities import OUTSIDE, SCHEMES
from ...inference.inputs import Text, padded
from ...numerics.arrays import Array
from ...tasks import objective, token_classification
from ...tokenizer.interface import Tokenizer
from . import conll, entity_scores
from .classification import counted, digest
from .conll import LabeledSentence
from .options import LOOK, DataOptions
from .records import Path

SHORTEST = 3  # tokens: [CLS], one of a word, [SEP]


class WordWindow(NamedTuple):
    """Consecutive words of a sentence as the model reads them: [CLS] tokens [SEP]"""

    sentence: int
    words: list[int]  # which of the sentence
    places: list[int]  # where in ids each of them begins
    ids: list[int]


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config with O and, of each type that occurs, the labels of the scheme: B- and I- in BIO.

    Error: see `conll.sentences`; also no type at all, or the prefixes of no scheme.
    """
    if options.labels:
        return dataclasses.replace(config, num_labels=len(options.labels), labels=options.labels, problem_type=None)
    labels = {label for sentence in conll.sentences(path, options=options).sentences for label in sentence.labels}
    kinds = _kinds(labels)
    if not kinds:
        raise Error("expected labels of entities, such as B-person, got O alone", at=path)
    scheme = _scheme(path, labels)
    names = (OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in SCHEMES[scheme]))
    return dataclasses.replace(config, num_labels=len(names), labels=names, problem_type=None)


def _scheme(path: Path, labels: set[str]) -> str:
    """Error: the prefixes are of no scheme."""
    scheme = entities.scheme(labels)
    prefixes = sorted({label[0] for label in labels if label != OUTSIDE})
    if not set(prefixes) <= set(SCHEMES[scheme]):
        raise Error(f"expected labels of one scheme ({', '.join(SCHEMES)}), got {', '.join(prefixes)}", at=path)
    return scheme


def _kinds(labels: Sequence[str] | set[str]) -> list[str]:
    """The types of entities among the labels, by alphabet; a label without a prefix is a type by itself."""
    letters = SCHEMES[entities.scheme(labels)]
    return sorted({entities.split(label, letters)[1] for label in labels if label != OUTSIDE})


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> TaggingExamples:
    """The examples of a file. Error: see `conll.sentences`; also a label that is not one of the config's, no word at
    all in which the tokenizer finds a token.
    """
    return TaggingExamples(path, tokenizer, config, max_length, options)


class TaggingExamples:
    """Tokenized windows with the labels of their words."""

    def __init__(
        self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
    ) -> None:
        if max_length < SHORTEST:
            raise Error(f"max_length: expected at least {SHORTEST}, got {show(max_length)}")
        self.names, self._pad = config.label_names, config.pad_token_id
        self._scheme = entities.scheme(self.names)
        parsed = conll.sentences(path, self.names, options)
        self.sentences = parsed.sentences
        self._labels = _label_ids(path, self.sentences, config)
        self.windows = [
            window
            for number, sentence in enumerate(self.sentences)
            for window in windows(number, sentence.words, tokenizer, max_length)
        ]
        if not self.windows:
            raise Error("expected at least one word that the tokenizer finds tokens in, got none", at=path)
        self.texts = [Text(window.ids, None) for window in self.windows]
        self.lengths = [len(window.ids) for window in self.windows]
        self.summary = [parsed.recognized, self._entity_counts()]
        self.digest = digest([tuple(sentence)[1:] for sentence in self.sentences], self.texts)

    def _entity_counts(self) -> str:
        spans = (entities.spans(sentence.labels, self._scheme) for sentence in self.sentences)
        counts = Counter(span.label for sentence_spans in spans for span in sentence_spans)
        return f"entities, {self._scheme}: " + (counted({kind: counts[kind] for kind in _kinds(self.names)}) or "none")

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
        scores = entity_scores.scores([sentence.labels for sentence in self.sentences], predicted, self._scheme)
        none = entity_scores.Score(0.0, 0.0, 0.0)
        by_kind = {f"f1_{kind}": scores.get(kind, none).f1 for kind in _kinds(self.names)}
        return {"loss": loss / max(1, words), **scores[""]._asdict(), **by_kind}


def _label_ids(path: Path, sentences: Sequence[LabeledSentence], config: BertConfig) -> list[Array]:
    """The labels of each sentence as numbers, (words,)."""
    ids = {name: i for i, name in enumerate(config.label_names)}
    for sentence in sentences:
        for number, label in enumerate(sentence.labels, sentence.line):
            if label not in ids:
                known = ", ".join(show(name) for name in config.label_names[:20])
                raise Error(f"expected a label of the model ({known}), got {show(label)}", at=path, line=number)
    return [np.array([ids[label] for label in sentence.labels]) for sentence in sentences]


def windows(sentence: int, words: Sequence[str], tokenizer: Tokenizer, max_length: int) -> list[WordWindow]:
    """A sentence in as few windows of at most max_length tokens as whole words allow; of a word that alone is longer,
    the first tokens.
    """
    cut: list[WordWindow] = []
    before, after = tokenizer.frames.single.ids
    most = max_length - len(before) - len(after)
    for number, tokens in enumerate(tokenizer.word_ids(words, most, special=tokenizer.typed_special)):
        if not tokens:
            continue
        if not cut or len(cut[-1].ids) + len(tokens) + len(after) > max_length:
            cut.append(WordWindow(sentence, [], [], list(before)))
        window = cut[-1]
        window.words.append(number)
        window.places.append(len(window.ids))
        window.ids.extend(tokens)
    for window in cut:
        window.ids.extend(after)
    return cut


def evaluate(examples: TaggingExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and the measures of CoNLL over all examples; see `TaggingExamples.measures`."""
    head = objective.head_params("token_classification", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        rows, _ = token_classification.forward(encoded, head, config)
        return list(rows)

    return examples.measures(batching.run(examples.texts, params.bert, config, logits))
