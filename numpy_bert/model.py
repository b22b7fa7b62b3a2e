"""Bert, which load() returns: a model, its tokenizer, and what can be asked of them."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .checkpoints import model_folder, sentence_pooling, sentence_settings
from .checkpoints.sentence_pooling import SentencePooling
from .checkpoints.sentence_settings import SentenceSettings
from .config import BertConfig
from .errors import Error
from .inference import arrays, inputs
from .inference.outputs import Hidden
from .inference.overflow import watched
from .inference.run import head
from .inference.vector_methods import VectorMethods
from .numerics import tree
from .numerics.arrays import Array
from .tasks import objective
from .tokenizer.folder import other_tokenizer
from .tokenizer.interface import Tokenizer
from .training import new_head as new_heads

if TYPE_CHECKING:
    from .explain.interventions.patching import Patching
    from .explain.tracing.result import Trace

PRETRAINED = Path(__file__).with_name("pretrained")  # the model that comes with the package


class Source(NamedTuple):
    """The arguments of `load`, its path made absolute: all it takes to load the same model again."""

    path: str
    dtype: str | None
    mmap: bool
    strict_finite: bool
    new_head: str | None
    num_labels: int | None
    seed: int
    tokenizer: Any = None
    special: bool | None = None


class Bert(VectorMethods):
    """A BERT with its tokenizer and the heads its checkpoint carries. Made by numpy_bert.load.

    Using a model changes nothing in it, so threads may share one. A method that takes a text takes a list (or any
    iterable) of texts as well, runs them in batches and returns a list in the same order; the parameters `progress` and
    `threads` are those of `embed`. Error, from every method: a value is not a text (the message names its row), or the
    head is missing.

    A pickle holds the path and the arguments of `load` as long as loading again gives this very model; otherwise, as
    where its weights were changed, it holds the weights.
    """

    def __init__(
        self,
        config: BertConfig,
        params: objective.Params,
        tokenizer: Tokenizer | Error | None = None,
        pooling: SentencePooling | Error = sentence_pooling.DEFAULT,
        path: Path | None = None,
        source: Source | None = None,
        settings: SentenceSettings | Error = sentence_settings.DEFAULT,
        closed: Mapping[str, Error] | None = None,
    ) -> None:
        self.config = config
        self.params = params
        self.path = path
        self._tokenizer = tokenizer
        self._pooling = pooling
        self._settings = settings
        self.closed = dict(closed or {})
        self._loaded = (source, params)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.source is not None and _is_stored(self, self.source):
            return _load_again, (self.source,)
        return Bert, self._arguments(self.params, None)

    def __copy__(self) -> Bert:
        return Bert(*self._arguments(self.params, self.source))

    def __deepcopy__(self, memo: dict[int, Any]) -> Bert:
        return Bert(*self._arguments(tree.map(np.copy, self.params), self.source))

    def _arguments(self, params: objective.Params, source: Source | None) -> tuple[Any, ...]:
        """What makes this model with these parameters."""
        parts = self.config, params, self._tokenizer, self._pooling, self.path, source
        return *parts, self._settings, self.closed

    @property
    def source(self) -> Source | None:
        """Arguments of `load` that give this model again; None if it was not loaded or its `params` were replaced."""
        source, params = self._loaded
        return source if self.params is params else None

    def __repr__(self) -> str:
        c = self.config
        sizes = f"L={c.num_hidden_layers} H={c.hidden_size} A={c.num_attention_heads} V={c.vocab_size}"
        return f"Bert({sizes}, {self.dtype}, heads: {', '.join(self.heads) or 'none'})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type of the weights, in which everything is computed."""
        return self.params.bert.embedding.word.dtype

    def forward(
        self,
        token_ids: ArrayLike,
        segment_ids: ArrayLike | None = None,
        attention_mask: ArrayLike | None = None,
        position_ids: ArrayLike | None = None,
        everything: bool = False,
    ) -> Hidden:
        """token_ids (B, T) -> hidden (B, T, H), pooled (B, H) or None; with `everything` all layers and attentions."""
        batch = inputs.checked(token_ids, segment_ids, attention_mask, position_ids, self.config)
        return arrays.hidden(self, batch, everything)

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
        batch = inputs.checked(token_ids, segment_ids, attention_mask, position_ids, self.config)
        return arrays.logits(self, task, batch)

    def loss_and_gradients(
        self, task: str, batch: objective.Batch | Mapping[str, Any], rng: np.random.Generator | None = None
    ) -> tuple[float, objective.Params]:
        """The loss of a task on a batch, and its gradient with respect to every parameter, typed as bert.params.

        batch: an objective.Batch, or a mapping with token_ids, optionally segment_ids, attention_mask and
        position_ids, and labels as the task's `loss` describes them (for "pretraining" a pair: masked_lm (B, T) and
        next_sentence (B,)). With a generator there is dropout, as in training.
        """
        for name in objective.TASKS[task].heads if task in objective.TASKS else (task,):
            head(self, name)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise Error(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
        if not isinstance(batch, objective.Batch):
            batch = arrays.labeled(task, batch, self.config)
        with watched(batch.inputs, self.params.bert, self.config):
            loss, cache = objective.forward(task, batch, self.params, self.config, rng)
        return float(loss), objective.backward(1.0, cache)

    def trace(self, text: str | tuple[str, str], task: str | None = None, target: Any = None) -> Trace:
        """Every intermediate of a forward and every gradient of a backward pass of one text, as named arrays.

        task: a head, or "sentence_embedding"; target: what its loss asks for. explain/targets.py has the defaults.
        Error: an empty text or one that is too long, no such head or target.
        """
        from .explain.tracing import run

        return run.trace(self, text, task, target)

    def trained(self, config: BertConfig, params: objective.Params, length: int | None = None) -> Bert:
        """This model with other weights: tokenizer, pooling and settings stay.

        length: the tokens of a text that a new head was trained on; `new_head.beside` says what stays beside it.
        """
        pooling, settings, closed = self._pooling, self._settings, self.closed
        if length is not None:
            pooling, settings = new_heads.beside(pooling, settings, length)
            closed = {}
        return Bert(config, params, self._tokenizer, pooling, self.path, None, settings, closed)

    def ablate(
        self,
        heads: Iterable[tuple[int, int]] = (),
        layers: Iterable[int] = (),
        attention: Iterable[int] = (),
        feed_forward: Iterable[int] = (),
    ) -> Bert:
        """This model with parts turned off; both keep their own weights.

        heads: pairs (layer, head); layers, attention, feed_forward: numbers of layers whose sublayers contribute
        nothing, both or one of them. All count from 0. explain/interventions/ablation.py says what is computed.
        Error: the model has no such part.
        """
        from .explain.interventions import ablation

        off = ablation.parts(self.config, heads, layers, attention, feed_forward)
        params = ablation.turned_off(self.params, self.config, off)
        return Bert(*self._arguments(params, None))

    def patch(
        self,
        text: str | tuple[str, str],
        source: str | tuple[str, str],
        task: str | None = None,
        target: Any = None,
    ) -> Patching:
        """How the loss of a target changes if one hidden state of `text` is replaced by that of `source`, for each.

        Returns `effects` (L + 1, T) and what it needs to be read. explain/interventions/patching.py says what is
        computed; task and target are those of `trace`. Error: as trace, or the texts differ in their number of tokens.
        """
        from .explain.interventions import patching

        return patching.patch(self, text, source, task, target)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write a folder that load() and Hugging Face transformers both open; returns its path.

        The folder must not exist yet, or be empty: nothing is ever overwritten.
        """
        from .checkpoints import saving

        saving.tell_left_out(self.closed)
        parts = (self.config, self.params, self._tokenizer, self._pooling, self._settings, self.path)
        return saving.write_folder(Path(folder), *parts)


def load(
    path: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    mmap: bool = False,
    strict_finite: bool = False,
    *,
    new_head: str | None = None,
    num_labels: int | None = None,
    seed: int = 0,
    tokenizer: str | os.PathLike[str] | Callable[[str], Any] | Tokenizer | None = None,
    special: bool | None = None,
    revision: str | None = None,
    subfolder: str | None = None,
) -> Bert:
    """A published BERT: a folder, a file with weights that has its config and vocabulary beside it, or a hub name.

    Without a path the small model that comes with the package; pretrained/CARD.md describes it.
    dtype: "float32" or "float64" to compute in; None takes what the file stores, at least float32. mmap=True shares
    the pages of a safetensors file with other processes; the file must then not change while the model is used.
    strict_finite=True refuses NaN and infinite weights, which otherwise give a warning. new_head="..." puts a head of
    random numbers, with num_labels classes, in the place of the checkpoint's, and warns. tokenizer: the folder of
    another tokenizer, or a function from a text to ids, or to tokens of the vocabulary. special: whether "[SEP]" typed
    in a text is the special token to every method; None is as the folder has it (docs/tokenizer.md). revision="..." is
    a branch, a tag or a commit of a model of the hub, also written "owner/name@revision"; subfolder="..." is where in a
    folder, or in a model of the hub, the files lie. A head, a tokenizer or a pooling that cannot be used raises its
    error when it is asked for, and closes nothing else. Nothing of a checkpoint is ever executed. Raises Error, in one
    line that names the file, for whatever cannot be used.
    """
    if new_head is None and num_labels is not None:
        raise Error("num_labels: expected it with a new_head alone; the checkpoint says how many labels it has")
    without = () if new_head is None else new_heads.replaced(new_head, num_labels, seed)
    folder = model_folder.read(
        PRETRAINED if path is None else path, dtype, mmap, strict_finite, without, revision, subfolder
    )
    params, config, weights = folder.params, folder.config, folder.weights
    if new_head is not None:
        params, config = new_heads.add(params, config, new_head, num_labels, seed)
    weights.tell_passed_over()
    if isinstance(tokenizer, (str, os.PathLike)):
        tokenizer = os.path.abspath(tokenizer)
    source = Source(
        os.path.abspath(weights.path), dtype, mmap, strict_finite, new_head, num_labels, seed, tokenizer, special
    )
    chosen = folder.tokenizer if tokenizer is None else other_tokenizer(tokenizer, weights.folder)
    if special is not None and isinstance(chosen, Tokenizer):
        chosen = copy.copy(chosen)
        chosen.typed_special = special
    return Bert(config, params, chosen, folder.pooling, weights.folder, source, folder.settings, folder.closed)


def _load_again(source: Source) -> Bert:
    return load(**source._asdict())


def _is_stored(bert: Bert, source: Source) -> bool:
    """Whether loading again gives a model with these very numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = _load_again(source)
    except Error:
        return False
    return stored.config == bert.config and tree.equal(stored.params, bert.params)
