"""Bert: what load() returns. Its methods turn texts into batches, call the heads, and turn logits into answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from .blocks import bert, encoder_layer, softmax
from .checkpoints import locate, sentence_pooling
from .checkpoints.sentence_pooling import SentencePooling
from .checkpoints.weights import load as load_weights
from .config import BertConfig, read_config
from .errors import Error, show
from .inference import answer_spans, batching, encoding, entities, inputs
from .inference.entities import Entity
from .inference.inputs import Text
from .inference.outputs import Answer, Choice, Classification, Hidden, Prediction
from .numerics.memory import Array
from .tasks import (
    labels,
    masked_lm,
    multiple_choice,
    next_sentence,
    objective,
    question_answering,
    sentence_embedding,
    sequence_classification,
    token_classification,
)
from .tokenizer.pipeline import Tokenizer, read_tokenizer
from .training import new_head as heads

if TYPE_CHECKING:
    from .explain.tracing.result import Trace

Pair = tuple[str, str]
PRETRAINED = Path(__file__).with_name("pretrained")  # the model that comes with the package


class Source(NamedTuple):
    """What `load` was told, its path made absolute: all it takes to load the same model again."""

    path: str
    dtype: str | None
    mmap: bool
    strict_finite: bool
    new_head: str | None
    num_labels: int | None
    seed: int


class Bert:
    """A BERT with its tokenizer and the heads its checkpoint carries. Made by numpy_bert.load.

    Nothing in it changes with use, so threads may share one. It pickles as the path it was loaded from and what `load`
    was told, and is loaded again where it is unpickled; one that was made otherwise, or whose `params` are others by
    now, pickles with its weights.
    """

    def __init__(
        self,
        config: BertConfig,
        params: objective.Params,
        tokenizer: Tokenizer | None = None,
        pooling: SentencePooling | Error = sentence_pooling.DEFAULT,
        path: Path | None = None,
        source: Source | None = None,
    ) -> None:
        self.config = config
        self.params = params
        self.path = path
        self._tokenizer = tokenizer
        self._pooling = pooling  # an Error is kept for those who ask for sentence vectors
        self._loaded = (source, params)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.source is not None:
            return _load_again, (self.source,)
        return Bert, (self.config, self.params, self._tokenizer, self._pooling, self.path)

    @property
    def source(self) -> Source | None:
        """Where the model may be had again; None for one that was not loaded, or has other parameters by now."""
        source, params = self._loaded
        return source if self.params is params else None

    def __repr__(self) -> str:
        c = self.config
        sizes = f"L={c.num_hidden_layers} H={c.hidden_size} A={c.num_attention_heads} V={c.vocab_size}"
        return f"Bert({sizes}, {self.dtype}, heads: {', '.join(self.heads) or 'none'})"

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.params.bert.embedding.word.dtype

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the heads the checkpoint carries."""
        return tuple(name for name in objective.HEADS if getattr(self.params, name) is not None)

    @property
    def tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            raise Error(f"{self.path}: expected vocab.txt or tokenizer.json beside the weights, got neither")
        return self._tokenizer

    @property
    def pooling(self) -> SentencePooling:
        """How `embed` makes one vector of a text."""
        if isinstance(self._pooling, Error):
            raise self._pooling
        return self._pooling

    # Texts in, answers out.

    @overload
    def __call__(self, given: str) -> Array: ...
    @overload
    def __call__(self, given: list[str] | tuple[str, ...]) -> list[Array]: ...
    def __call__(self, given: Any) -> Array | list[Array]:
        """Contextual embeddings of the pieces of a text, [CLS] and [SEP] included: (T, H); for a list, a list."""
        one = isinstance(given, str)
        found: list[Array] = self._run([given] if one else given, _token_vectors)
        return found[0] if one else found

    def embed(self, given: str | Iterable[str], progress: Any = None, threads: int | None = None) -> Array:
        """Sentence vectors (n, H), pooled and normalised as the checkpoint says; (H,) for a single text.

        progress: is called with how many texts are done since the last time. threads: how many compute at once; one
        for each core this process may use, if none is given.
        """
        one = isinstance(given, str)
        limit = self.pooling.max_length
        found: list[Array] = self._run([given] if one else given, self._sentence_vectors, limit, progress, threads)
        return found[0] if one else self._stacked(found)

    def embed_counting(
        self, given: Iterable[str], workers: int | None = None, progress: Callable[[int], object] = lambda done: None
    ) -> tuple[Array, int]:
        """What `embed` gives for texts, and how many of them were too long and cut, which is not warned of.

        For jobs of many calls, which sum up and tell once. workers: threads that compute; one for each core, if none.
        """
        read, cut = encoding.within(self.tokenizer, given, self.longest_embedded)
        found = batching.run(read, self.params.bert, self.config, self._sentence_vectors, progress, workers)
        return self._stacked(found), cut

    @property
    def longest_embedded(self) -> int:
        """Pieces of a text at which `embed` cuts it."""
        longest = self.pooling.max_length
        return self._limit if longest is None else min(self._limit, longest)

    def _sentence_vectors(self, encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        assert encoded.hidden is not None
        pooling, normalise, _ = self.pooling
        vectors, _ = sentence_embedding.forward(encoded.hidden, batch.mask, pooling, normalise)
        return list(_finite(vectors))

    def _stacked(self, vectors: list[Array]) -> Array:
        return np.stack(vectors) if vectors else np.zeros((0, self.config.hidden_size), self.dtype)

    def similarity(self, a: str | Iterable[str], b: str | Iterable[str]) -> Array:
        """(n, m): the cosine of the angle between the sentence vectors of each of a and each of b."""
        first, second = (np.atleast_2d(self.embed(given)) for given in (a, b))
        unit = [v / np.maximum(np.sqrt((v * v).sum(axis=1, keepdims=True)), 1e-12) for v in (first, second)]
        cosines: Array = unit[0] @ unit[1].T
        return cosines

    def fill_mask(self, text: str, top_k: int = 5) -> list[list[Prediction]]:
        """For each [MASK] of the text, in order, its top_k likeliest tokens."""
        head = self._head("masked_lm")
        top_k = encoding.count("top_k", top_k, self.config.vocab_size)
        [masked] = encoding.read(self.tokenizer, [text], self._limit, special=True)
        places = np.flatnonzero(np.array(masked.ids) == self.tokenizer.mask_id)
        if not len(places):
            mask = self.tokenizer.special_tokens.mask
            raise Error(f"text: expected at least one {mask}, got none within {len(masked.ids)} pieces: {show(text)}")
        encoded = self._encoded(masked)
        logits, _ = masked_lm.forward(encoded, places, head, self.config)
        probabilities, _ = softmax.forward(_finite(logits))
        answers = []
        for row in probabilities:
            best = np.argsort(-row, kind="stable")[:top_k]
            answers.append([Prediction(self.tokenizer.tokens[i], int(i), float(row[i])) for i in best])
        return answers

    def next_sentence(self, a: str, b: str) -> float:
        """The probability that b follows a."""
        head = self._head("next_sentence")
        [pair] = encoding.read(self.tokenizer, [(a, b)], self._limit)
        encoded = self._encoded(pair)
        logits, _ = next_sentence.forward(encoded, head)
        return float(softmax.forward(_finite(logits))[0][0, next_sentence.FOLLOWS])

    @overload
    def classify(self, given: str | Pair, progress: Any = None, threads: int | None = None) -> Classification: ...
    @overload
    def classify(
        self, given: list[str] | list[Pair], progress: Any = None, threads: int | None = None
    ) -> list[Classification]: ...
    def classify(
        self, given: Any, progress: Any = None, threads: int | None = None
    ) -> Classification | list[Classification]:
        """The class of a text or of a pair (a tuple of two texts); for a list, a list."""
        head = self._head("sequence_classification")

        def read(encoded: bert.Output, batch: bert.Inputs) -> list[Classification]:
            logits, _ = sequence_classification.forward(encoded, head, self.config)
            return [self._classification(row) for row in _finite(logits)]

        one = isinstance(given, (str, tuple))
        found: list[Classification] = self._run([given] if one else given, read, None, progress, threads)
        return found[0] if one else found

    def tag(self, text: str) -> list[Entity]:
        """The named entities of a text, with their character offsets in it.

        A word stands between white space, without the brackets, quotes and stops around it; its first piece decides.
        """
        head = self._head("token_classification")
        pieces = encoding.with_offsets(self.tokenizer, text, self._limit)
        encoded = self._encoded(Text(pieces.ids, None))
        logits, _ = token_classification.forward(encoded, head, self.config)  # (1, T, C)
        p, _ = softmax.forward(_finite(logits[0]))
        return entities.entities(text, pieces.offsets, p, self.config.label_names)

    def answer(self, question: str, context: str, top_k: int = 1, stride: int = answer_spans.STRIDE) -> list[Answer]:
        """The top_k likeliest answers to the question, each a stretch of the context.

        A long context is read in windows that begin `stride` pieces apart. The probability of an answer is its share
        among the 20 best.
        """
        head = self._head("question_answering")
        top_k, stride = encoding.count("top_k", top_k), encoding.count("stride", stride)
        tokenizer = self.tokenizer
        asked = tokenizer.encode(question, special=False, add_special_tokens=False).ids
        pieces = tokenizer.encode(context, special=False, add_special_tokens=False)
        if not pieces.ids:
            raise Error("context: expected a text with at least one word, got none")
        windows = answer_spans.windows(asked, pieces.ids, tokenizer.cls_id, tokenizer.sep_id, self._limit, stride)
        logits = [
            _finite(question_answering.forward(self._encoded(Text(w.ids, w.segment_ids)), head)[0][0]) for w in windows
        ]
        spans = answer_spans.best_spans(windows, logits)
        if not spans:  # no likely end follows a likely start
            return []
        p, _ = softmax.forward(np.array([[span.score for span in spans]]))
        answers = []
        for span, probability in zip(spans[:top_k], p[0], strict=False):
            start, end = pieces.offsets[span.first][0], pieces.offsets[span.last][1]
            answers.append(Answer(context[start:end], start, end, span.score, float(probability)))
        return answers

    def choose(self, prompt: str, choices: Iterable[str]) -> Choice:
        """Which of the choices fits the prompt best."""
        head = self._head("multiple_choice")
        choices = encoding.choices(choices)
        pairs = encoding.read(self.tokenizer, [(prompt, choice) for choice in choices], self._limit)
        batch = inputs.padded(pairs, self.config.pad_token_id)
        encoded, _ = bert.forward(batch, self.params.bert, self.config)
        scores, _ = multiple_choice.forward(encoded, head, self.config)  # (K,)
        p, _ = softmax.forward(_finite(scores)[None])
        best = int(p[0].argmax())
        return Choice(best, choices[best], float(p[0, best]), tuple(float(x) for x in p[0]))

    def _classification(self, logits: Array) -> Classification:
        if self.config.is_regression:
            return Classification(None, None, {"value": float(logits[0])})
        labels = self.config.label_names
        p, _ = softmax.forward(logits[None])
        best = int(p[0].argmax())
        scores = {label: float(value) for label, value in zip(labels, p[0], strict=True)}
        return Classification(labels[best], float(p[0, best]), scores)

    # Arrays in, arrays out.

    def forward(
        self,
        token_ids: ArrayLike,
        segment_ids: ArrayLike | None = None,
        attention_mask: ArrayLike | None = None,
        position_ids: ArrayLike | None = None,
        everything: bool = False,
    ) -> Hidden:
        """token_ids (B, T) -> hidden (B, T, H), pooled (B, H) or None; with `everything` all layers and attentions."""
        batch = inputs.inputs(token_ids, segment_ids, attention_mask, position_ids, self.config)
        if not everything:
            encoded, _ = bert.forward(batch, self.params.bert, self.config, keep="nothing")
            return Hidden(encoded.hidden, encoded.pooled, (), ())  # type: ignore[arg-type]
        encoded, cache = bert.forward(batch, self.params.bert, self.config)
        kept = [layer.attention for layer in cache.encoder.layers if isinstance(layer, encoder_layer.Cache)]
        layers = [attention.qkv.x for attention in kept] + [encoded.hidden]
        attentions = [attention.attention.softmax.p for attention in kept]
        return Hidden(encoded.hidden, encoded.pooled, tuple(layers), tuple(attentions))  # type: ignore[arg-type]

    def logits(
        self,
        task: str,
        token_ids: ArrayLike,
        segment_ids: ArrayLike | None = None,
        attention_mask: ArrayLike | None = None,
        position_ids: ArrayLike | None = None,
    ) -> Array:
        """Raw outputs of one head.

        masked_lm (B, T, V), next_sentence (B, 2), sequence_classification (B, C), token_classification (B, T, C),
        question_answering (B, T, 2), multiple_choice (B,).
        """
        head = self._head(task)
        batch = inputs.inputs(token_ids, segment_ids, attention_mask, position_ids, self.config)
        encoded, _ = bert.forward(batch, self.params.bert, self.config, keep="nothing")
        if task == "masked_lm":
            B, T = batch.ids.token.shape
            rows, _ = masked_lm.forward(encoded, np.arange(B * T), head, self.config)
            return rows.reshape(B, T, rows.shape[-1])
        if task in ("next_sentence", "question_answering"):
            logits: Array = objective.HEADS[task].forward(encoded, head)[0]
        else:
            logits = objective.HEADS[task].forward(encoded, head, self.config)[0]
        return logits

    def loss_and_gradients(
        self, task: str, batch: objective.Batch | Mapping[str, Any], rng: np.random.Generator | None = None
    ) -> tuple[float, objective.Params]:
        """The loss of a task on a batch, and its gradient by every parameter, with the type of bert.params.

        batch: an objective.Batch, or a mapping with token_ids, optionally segment_ids, attention_mask and
        position_ids, and labels as the task's `loss` describes them (for "pretraining" a pair: masked_lm (B, T) and
        next_sentence (B,)). With a generator there is dropout, as in training.
        """
        for head in ("masked_lm", "next_sentence") if task == "pretraining" else (task,):
            self._head(head)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise Error(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
        if not isinstance(batch, objective.Batch):
            batch = self._batch(task, batch)
        loss, cache = objective.forward(task, batch, self.params, self.config, rng)
        return float(loss), objective.backward(1.0, cache)

    def _batch(self, task: str, batch: Mapping[str, Any]) -> objective.Batch:
        known = {"token_ids", "segment_ids", "attention_mask", "position_ids", "labels"}
        if not isinstance(batch, Mapping):
            raise Error(f"batch: expected a mapping with token_ids and labels, got {type(batch).__name__}")
        for key in sorted(set(batch) ^ known, key=str):
            if key not in known or key in ("token_ids", "labels"):
                got = "an unknown key" if key not in known else "none"
                raise Error(f"batch: {show(key)}: expected token_ids, labels and perhaps {sorted(known)}, got {got}")
        rows = [batch.get(key) for key in ("token_ids", "segment_ids", "attention_mask", "position_ids")]
        arrays = inputs.inputs(rows[0], rows[1], rows[2], rows[3], self.config)  # type: ignore[arg-type]
        return objective.Batch(arrays, labels.labels(task, batch["labels"], arrays.ids.token.shape, self.config))

    def trace(self, text: str | Pair, task: str | None = None, target: Any = None) -> Trace:
        """Every intermediate of one forward and every gradient of one backward of a text, as named arrays.

        task: the head that is asked, or "sentence_embedding"; target: what its loss wants. explain/targets.py says what
        they are where none are given. Error: an empty text or one that is too long, no such head or target.
        """
        from .explain.tracing import run

        return run.trace(self, text, task, target)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write a folder that load() and Hugging Face transformers both open; returns its path.

        The folder must not exist yet, or be empty: nothing is ever written over.
        """
        from .checkpoints import saving

        return saving.write_folder(Path(folder), self.config, self.params, self._tokenizer, self._pooling)

    # Steps that the methods share.

    def _head(self, task: str) -> Any:
        """The parameters of a head; an error that names the heads there are where the checkpoint lacks it."""
        if not isinstance(task, str) or task not in objective.HEADS:
            raise Error(f"task: expected one of {', '.join(objective.HEADS)}, got {show(task)}")
        if task not in self.heads:
            there = ", ".join(self.heads) or "none"
            raise Error(f"{self.path or 'model'}: expected a {task} head, got a checkpoint with heads: {there}")
        return objective.head_params(task, self.params)

    @property
    def _limit(self) -> int:
        """The most pieces of a text."""
        return self.config.max_position_embeddings

    def _encoded(self, text: Text) -> bert.Output:
        return bert.forward(inputs.padded([text]), self.params.bert, self.config)[0]

    def _run(
        self, given: Any, read: Any, max_length: int | None = None, progress: Any = None, threads: int | None = None
    ) -> list[Any]:
        limit = self._limit if max_length is None else min(self._limit, max_length)
        workers = None if threads is None else encoding.count("threads", threads)
        found = encoding.read(self.tokenizer, given, limit)
        return batching.run(found, self.params.bert, self.config, read, progress or (lambda done: None), workers)


def _token_vectors(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
    assert encoded.hidden is not None
    return [_finite(h[:n]).copy() for h, n in zip(encoded.hidden, batching.lengths(batch), strict=True)]


def _finite(outputs: Array) -> Array:
    if not np.isfinite(outputs).all():
        raise Error("outputs: expected finite numbers, got NaN or infinity; the weights are damaged or out of range")
    return outputs


def load(
    path: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    mmap: bool = False,
    strict_finite: bool = False,
    *,
    new_head: str | None = None,
    num_labels: int | None = None,
    seed: int = 0,
) -> Bert:
    """A published BERT: a folder, a file with weights that has its config and vocabulary beside it, or a hub name.

    Without a path the small model of movie reviews that comes with the package; pretrained/CARD.md describes it.
    dtype: "float32" or "float64" to compute in; None takes what the file stores, at least float32. mmap=True shares
    the pages of a safetensors file with other processes; the file must then not change while the model is used.
    strict_finite=True refuses NaN and infinite weights, which otherwise give a warning. new_head="..." puts a head of
    random numbers, with num_labels classes, in the place of the checkpoint's, and warns. Nothing of a checkpoint is
    ever executed. Raises Error, in one line that names the file, for whatever cannot be used.
    """
    if dtype not in (None, "float32", "float64"):
        raise Error(f"dtype: expected float32 or float64, got {show(dtype)}; half precision overflows in the norms")
    path = PRETRAINED if path is None else path
    if isinstance(path, bytes):
        path = Path(os.fsdecode(path))
    if not isinstance(path, (str, os.PathLike)):
        raise Error(f"path: expected a folder or a file, got {type(path).__name__}")
    if new_head is None and num_labels is not None:
        raise Error("num_labels: expected it with a new_head alone; the checkpoint says how many labels it has")
    without = () if new_head is None else heads.replaced(new_head, num_labels, seed)
    weights = locate.locate(path)
    params, found = load_weights(weights, read_config(weights.folder), dtype, mmap, strict_finite, without=without)
    config = found.config  # with what only the weights know: the number of labels, an untied decoder
    if params.bert.embedding.word.dtype == np.float32 and np.float32(config.layer_norm_eps) == 0:
        got = config.layer_norm_eps
        raise Error(f"{weights.folder}: layer_norm_eps: expected a number that float32 holds, got {got}")
    if new_head is not None:
        params, config = heads.add(params, config, new_head, num_labels, seed)
    weights.tell_passed_over()
    pooling: SentencePooling | Error
    try:
        pooling = sentence_pooling.read(weights.folder)
    except Error as error:
        pooling = error
    source = Source(os.path.abspath(weights.path), dtype, mmap, strict_finite, new_head, num_labels, seed)
    return Bert(config, params, _read_tokenizer(weights.folder, config), pooling, weights.folder, source)


def _load_again(source: Source) -> Bert:
    return load(**source._asdict())


def _read_tokenizer(place: Path, config: BertConfig) -> Tokenizer | None:
    if not any((place / name).exists() for name in ("vocab.txt", "tokenizer.json")):
        return None
    tokenizer = read_tokenizer(place)
    if len(tokenizer.tokens) > config.vocab_size:
        many, few = len(tokenizer.tokens), config.vocab_size
        raise Error(f"{place}: expected at most {few} tokens (vocab_size of the config), got a vocabulary of {many}")
    return tokenizer
