"""The methods of `Bert` that take texts: each takes one or many, runs them in batches and keeps their order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, overload

from ..checkpoints.sentence_pooling import SentencePooling
from ..checkpoints.sentence_settings import SentenceSettings
from ..config import BertConfig
from ..errors import Error
from ..numerics.arrays import Array
from ..tasks import objective
from ..tokenizer.interface import Tokenizer
from . import answer_spans, classification, encoding, entities, fill_mask, vectors
from . import choices as choosing
from .entities import Entity
from .outputs import Answer, Choice, Classification, Prediction
from .run import Options, Progress

Texts = list[str] | tuple[str, ...] | Array  # any other iterable is accepted as well
Pairs = list[tuple[str, str]] | list[list[str]]
Threads = int | None
Special = bool | None


class TextMethods:
    """What can be asked of a model in words."""

    config: BertConfig
    params: objective.Params
    path: Path | None
    closed: dict[str, Error]  # a head of the checkpoint that cannot be used, or its pooler -> why
    _tokenizer: Tokenizer | Error | None  # an Error is kept for those who ask for it
    _pooling: SentencePooling | Error  # the same
    _settings: SentenceSettings | Error

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the heads the checkpoint carries."""
        return tuple(name for name in objective.HEADS if getattr(self.params, name) is not None)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the checkpoint. Error: it has none, or one that cannot be used."""
        if isinstance(self._tokenizer, Error):
            raise self._tokenizer
        if self._tokenizer is None:
            raise Error(f"{self.path}: expected vocab.txt or tokenizer.json beside the weights, got neither")
        return self._tokenizer

    @property
    def pooling(self) -> SentencePooling:
        """How `embed` makes one vector of a text. Error: the checkpoint needs a step that is not known here."""
        if isinstance(self._pooling, Error):
            raise self._pooling
        return self._pooling

    @property
    def settings(self) -> SentenceSettings:
        """Prompts, similarity and other settings of the checkpoint. Error: they cannot be read."""
        if isinstance(self._settings, Error):
            raise self._settings
        return self._settings

    @overload
    def __call__(
        self, text: str, progress: Progress = None, threads: Threads = None, special: Special = None
    ) -> Array: ...
    @overload
    def __call__(
        self, text: Texts, progress: Progress = None, threads: Threads = None, special: Special = None
    ) -> list[Array]: ...
    def __call__(
        self, text: Any, progress: Progress = None, threads: Threads = None, special: Special = None
    ) -> Array | list[Array]:
        """Contextual embeddings of the tokens of a text, [CLS] and [SEP] included: (T, H)."""
        texts, single = encoding.listed(text)
        encoded = encoding.encode(self.tokenizer, texts, self.config.max_position_embeddings, special)
        arrays = vectors.of_tokens(self, encoded, Options(progress, threads, special))
        return arrays[0] if single else arrays

    @overload
    def fill_mask(
        self, text: str, top_k: int = 5, progress: Progress = None, threads: Threads = None
    ) -> list[list[Prediction]]: ...
    @overload
    def fill_mask(
        self, text: Texts, top_k: int = 5, progress: Progress = None, threads: Threads = None
    ) -> list[list[list[Prediction]]]: ...
    def fill_mask(self, text: Any, top_k: int = 5, progress: Progress = None, threads: Threads = None) -> Any:
        """For each [MASK] of the text, in order, its top_k likeliest tokens. Error: a text without a [MASK]."""
        texts, single = encoding.listed(text)
        results = fill_mask.predict(self, texts, top_k, Options(progress, threads))
        return results[0] if single else results

    @overload
    def next_sentence(self, a: str, b: str) -> float: ...
    @overload
    def next_sentence(
        self,
        a: Texts | Pairs,
        b: Texts | None = None,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> list[float]: ...
    def next_sentence(
        self, a: Any, b: Any = None, progress: Progress = None, threads: Threads = None, special: Special = None
    ) -> Any:
        """The probability that b follows a. For many: two lists of one length, or a list of pairs (a, b)."""
        pairs, single = encoding.pairs(a, b, ("a", "b"))
        results = classification.follows(self, pairs, Options(progress, threads, special))
        return results[0] if single else results

    @overload
    def classify(
        self, text: str | tuple[str, str], progress: Progress = None, threads: Threads = None, special: Special = None
    ) -> Classification: ...
    @overload
    def classify(
        self,
        text: list[str] | Pairs | Array,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> list[Classification]: ...
    def classify(self, text: Any, progress: Progress = None, threads: Threads = None, special: Special = None) -> Any:
        """The class of a text, or of a pair (a tuple of two texts). A list holds texts, or pairs as tuples or lists."""
        texts, single = encoding.listed(text, or_pair=True)
        results = classification.classify(self, texts, Options(progress, threads, special))
        return results[0] if single else results

    @overload
    def tag(
        self,
        text: str,
        aggregation_strategy: str = entities.DEFAULT,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> list[Entity]: ...
    @overload
    def tag(
        self,
        text: Texts,
        aggregation_strategy: str = entities.DEFAULT,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> list[list[Entity]]: ...
    def tag(
        self,
        text: Any,
        aggregation_strategy: str = entities.DEFAULT,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> Any:
        """The named entities of a text, with their character offsets in it.

        aggregation_strategy: how tokens become words, by the names of transformers: "first" (of a word, cut at white
        space and punctuation, the first token decides), "average", "max", "simple" (tokens without words), "none" (each
        token an entity); and "words" (the first token of what stands between white space).
        """
        texts, single = encoding.listed(text)
        results = entities.tag(self, texts, aggregation_strategy, Options(progress, threads, special))
        return results[0] if single else results

    @overload
    def answer(
        self,
        question: str,
        context: str,
        top_k: int = 1,
        stride: int = answer_spans.STRIDE,
        *,
        threshold: float | None = None,
    ) -> list[Answer]: ...
    @overload
    def answer(
        self,
        question: Texts | Pairs,
        context: Texts | None = None,
        top_k: int = 1,
        stride: int = answer_spans.STRIDE,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
        *,
        threshold: float | None = None,
    ) -> list[list[Answer]]: ...
    def answer(
        self,
        question: Any,
        context: Any = None,
        top_k: int = 1,
        stride: int = answer_spans.STRIDE,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
        *,
        threshold: float | None = None,
    ) -> Any:
        """The top_k likeliest answers to a question, each a span of the context.

        For many: two lists of one length, or a list of pairs (question, context); returns a list of lists. A long
        context is read in windows that begin `stride` tokens apart. The probability of an answer is its share among the
        20 best. Answers begin and end at words.

        A model of SQuAD 2.0 may say that the context has no answer: then the first has the text "" and the offsets 0.
        So it is where the score of no answer exceeds that of the best one by more than `threshold`; None takes the
        threshold found in training, and a model without one always answers.
        """
        pairs, single = encoding.pairs(question, context, ("question", "context"))
        results = answer_spans.answer(self, pairs, top_k, stride, threshold, Options(progress, threads, special))
        return results[0] if single else results

    @overload
    def choose(self, prompt: str, choices: Iterable[str]) -> Choice: ...
    @overload
    def choose(
        self,
        prompt: list[str] | list[tuple[str, list[str]]],
        choices: Iterable[Iterable[str]] | None = None,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> list[Choice]: ...
    def choose(
        self,
        prompt: Any,
        choices: Any = None,
        progress: Progress = None,
        threads: Threads = None,
        special: Special = None,
    ) -> Any:
        """Which of the choices (texts, at least two) fits the prompt best.

        For many: a list of prompts and a list of their choices, or a list of pairs (prompt, choices); returns a list.
        """
        pairs, single = encoding.pairs(prompt, choices, ("prompt", "choices"))
        results = choosing.choose(self, pairs, Options(progress, threads, special))
        return results[0] if single else results
