"""What the lab computes: a text and changes of the model in, answers out. It does not depend on pages or servers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import Error
from ..explain import targets
from ..explain.interventions import ablation, attention_row, outcome, patching
from ..explain.interventions.ablation import Parts
from ..explain.targets import Target
from ..explain.tracing import explorer, run
from ..explain.tracing.manifest import Card
from ..model import Bert
from ..numerics.arrays import Array
from .learning import Learning, StepResult

PAGES = 4  # explorer pages whose request is remembered


class Question(NamedTuple):
    """A text, and what is asked about it; as targets.choose takes it."""

    text: str
    pair: str | None = None
    task: str | None = None
    target: str | None = None


class Changes(NamedTuple):
    """What is changed inside the model. The default changes nothing."""

    off: Parts = Parts()
    gelu: str | None = None  # "erf" or "tanh" in place of the model's form
    layer_norm_eps: float | None = None
    hidden_tokens: tuple[int, ...] = ()  # tokens hidden from attention


class Answer(NamedTuple):
    """What the model says, as it is and with the changes."""

    target: Target
    before: outcome.Outcome
    after: outcome.Outcome
    page: int  # the number of the explorer page that shows the model with the changes


class Session:
    """One model and what was done to it. Calls from several threads wait for each other."""

    def __init__(self, bert: Bert, first_text: str | None = None) -> None:
        self.bert = bert
        self.first_text = first_text  # that the page begins with; None: its own
        self._learning = Learning(bert)
        self._lock = threading.RLock()
        self._pages: OrderedDict[int, tuple[Question, Changes]] = OrderedDict()
        self._numbers = 0
        self._known: tuple[Bert, Card] | None = None

    @property
    def steps(self) -> int:
        """Steps that were taken and not taken back."""
        return self._learning.steps

    def answer(self, question: Question, changes: Changes) -> Answer:
        """The answer of the model before and after the changes. Error: as targets.choose; changes out of range."""
        with self._lock:
            target = self._target(question)
            before = outcome.outcome(target, self.bert)
            changed, changed_target = self._changed(target, changes)
            after = outcome.outcome(changed_target, changed)
            self._numbers += 1
            self._pages[self._numbers] = question, changes
            while len(self._pages) > PAGES:
                self._pages.popitem(last=False)
            return Answer(target, before, after, self._numbers)

    def page(self, number: int) -> str:
        """The explorer page of an answer. Error: it is too old."""
        with self._lock:
            if number not in self._pages:
                raise Error(f"page: expected one of the last {PAGES}, got {number}")
            question, changes = self._pages[number]
            changed, target = self._changed(self._target(question), changes)
            return explorer.render(run.of_target(changed, target, self._card(changed)))

    def effects(self, question: Question, changes: Changes) -> ablation.Effects:
        """The effect of each head and each sublayer of the model with the changes; see ablation."""
        with self._lock:
            return ablation.effects_on(*self._changed(self._target(question), changes))

    def patch(self, question: Question, changes: Changes, source: str) -> patching.Patching:
        """The effect of each hidden state of the source, both texts with the changes; see patching."""
        with self._lock:
            bert, target = self._changed(self._target(question), changes)
            text: str | tuple[str, str] = source if question.pair is None else (source, question.pair)
            other = targets.choose(bert, text, targets.VECTOR)
            return patching.patch_on(bert, target, other._replace(batch=other.batch._replace(mask=target.batch.mask)))

    def probabilities(self, question: Question, changes: Changes, layer: int) -> Array:
        """P (A, T, T) of a layer, with the changes. Error: there is no such layer."""
        with self._lock:
            _within("layer", layer, self.bert.config.num_hidden_layers)
            bert, target = self._changed(self._target(question), changes)
            return attention_row.probabilities(layer, target, bert)

    def edit_row(
        self, question: Question, changes: Changes, place: tuple[int, int, int], row: Sequence[float]
    ) -> tuple[outcome.Outcome, outcome.Outcome]:
        """The answer, with the changes, before and after a row of attention is replaced.

        place: layer, head, token. Error: there is no such row.
        """
        with self._lock:
            bert, target = self._changed(self._target(question), changes)
            config, (layer, head, token) = bert.config, place
            _within("layer", layer, config.num_hidden_layers)
            _within("head", head, config.num_attention_heads)
            _within("token", token, len(target.encoding.tokens))
            before = outcome.outcome(target, bert)
            return before, attention_row.replaced(layer, head, token, row, target, bert)

    def step(self, question: Question, learning_rate: float) -> StepResult:
        """One step of gradient descent on this text; the model keeps it. Error: the loss is not finite."""
        with self._lock:
            result = self._learning.step(self._target(question), learning_rate)
            self.bert = self._learning.bert
            return result

    def undo(self) -> int:
        """Take the last step back; returns how many are left. Error: there is none."""
        with self._lock:
            left = self._learning.undo()
            self.bert = self._learning.bert
            return left

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other computations out: for what changes the package itself meanwhile."""
        with self._lock:
            yield

    def _card(self, bert: Bert) -> Card | None:
        """What a trace says of the model itself: its weights are read once. None of a changed one."""
        if bert is not self.bert:
            return None
        if self._known is None or self._known[0] is not bert:
            self._known = bert, run.card(bert)
        return self._known[1]

    def _target(self, question: Question) -> Target:
        text = question.text if question.pair is None else (question.text, question.pair)
        return targets.choose(self.bert, text, question.task, question.target)

    def _changed(self, target: Target, changes: Changes) -> tuple[Bert, Target]:
        """The model with the changes, and the target with a mask where tokens are hidden."""
        bert, config = self.bert, self.bert.config
        off = changes.off
        parts = ablation.parts(config, off.heads, (), off.attention, off.feed_forward)
        if changes.gelu is not None:
            config = replace(config, gelu=changes.gelu)
        if changes.layer_norm_eps is not None:
            config = replace(config, layer_norm_eps=changes.layer_norm_eps)
        if any(parts) or config != bert.config:
            params = ablation.turned_off(bert.params, config, parts)
            bert = Bert(config, params, bert.tokenizer, bert.pooling, bert.path)
        if changes.hidden_tokens:
            T = len(target.encoding.tokens)
            mask = np.ones((1, T), bool)
            for token in changes.hidden_tokens:
                _within("hidden_tokens", token, T)
                mask[0, token] = False
            if not mask.any():
                raise Error("hidden_tokens: expected at least one token left to look at, got all of them")
            target = target._replace(batch=target.batch._replace(mask=mask))
        return bert, target


def _within(name: str, value: Any, size: int) -> None:
    if type(value) is not int or not 0 <= value < size:
        raise Error(f"{name}: expected an integer from 0 to {size - 1}, got {value!r}")
