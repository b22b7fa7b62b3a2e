"""What is asked of a model about one text: a head, and the outputs of it that are to be explained.

    task                       what is asked for                                 unless a target says otherwise
    masked_lm                  the token of each [MASK]                          the likeliest ones
                               without a [MASK]: each token, at its own position the token itself
    sequence_classification    the class of the text                             the likeliest; a regression: 0 of each
    next_sentence              whether the second text follows                   the likelier answer
    token_classification       the class of each token                           the likeliest ones
    question_answering         start and end of the answer                       the likeliest
    sentence_embedding         the mean square of the sentence vector            always

Where no task is named it is the first of these: masked_lm if the text has a [MASK], sequence_classification, masked_lm,
next_sentence, token_classification, question_answering, and sentence_embedding of a model without any of these heads.
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..blocks.bert import Inputs
from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..errors import Error, describe, show
from ..inference import inputs
from ..numerics.arrays import Array
from ..tasks import next_sentence, objective, question_answering
from ..tokenizer.interface import Encoding, Tokenizer

VECTOR = "sentence_embedding"
ORDER = ("sequence_classification", "masked_lm", "next_sentence", "token_classification", "question_answering")
ANSWERS = {"next": next_sentence.FOLLOWS, "random": next_sentence.RANDOM}
FOLLOWS_OR_NOT = ("the second text follows", "the second text is a random one")  # in the order of the logits


class ModelWithHeads(Protocol):
    """What is needed of a Bert."""

    config: BertConfig
    params: objective.Params
    path: Path | None

    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def heads(self) -> tuple[str, ...]: ...
    @property
    def pooling(self) -> Any: ...
    def logits(self, task: str, token_ids: Any, segment_ids: Any = None) -> Array: ...


class Target(NamedTuple):
    """A text and the outputs that are explained for it."""

    text: tuple[str, ...]  # one, or a pair
    encoding: Encoding
    batch: Inputs  # of this one text
    task: str
    labels: Any  # as the task's `loss` wants them; None for sentence_embedding
    outputs: tuple[tuple[int, ...], ...]  # which logits of the text; () for sentence_embedding
    description: str  # in words, for people


def choose(model: ModelWithHeads, text: str | tuple[str, str], task: str | None = None, target: Any = None) -> Target:
    """The target for a text or a pair of texts.

    target: of masked_lm a token (for each [MASK]) or a list of tokens, one a [MASK]; of sequence_classification and
    token_classification the name or the number of a class; of a regression a number, of one with several outputs the
    name of one; of next_sentence "next" or "random". Error: an empty text, or one longer than the model; a head that
    the model lacks; an unknown target.
    """
    encoding = _encode(model, text)
    texts = text if isinstance(text, tuple) else (text,)
    masks = [i for i, token in enumerate(encoding.ids) if token == model.tokenizer.special_id("mask")]
    task = _task(model, task, bool(masks))
    batch = inputs.padded([inputs.Text(encoding.ids, encoding.segment_ids)])
    if task == VECTOR:
        if target is not None:
            raise Error(f"target: expected none for {VECTOR}, got {describe(target)}")
        return Target(texts, encoding, batch, task, None, (), "the mean square of the sentence vector")
    labels, outputs, words = OF_TASK[task](model, encoding, masks, target)
    return Target(texts, encoding, batch, task, labels, tuple(outputs), words)


def _encode(model: ModelWithHeads, text: Any) -> Encoding:
    """The tokens of the text; special tokens in it, such as [MASK], are read as such."""
    both = text if isinstance(text, tuple) else (text,)
    if len(both) not in (1, 2) or not all(isinstance(part, str) for part in both):
        raise Error(f"text: expected a str or a pair of them, got {describe(text)}")
    most = model.config.max_position_embeddings
    encoding = model.tokenizer.encode(both[0], both[1] if len(both) == 2 else None, max_length=most + 1)
    if len(encoding.ids) > most:
        raise Error(f"text: expected at most {most} tokens, which the model takes, got more: {show(both[0], 60)}")
    if len(encoding.ids) == model.tokenizer.frames[len(both) - 1].added:
        raise Error(f"text: expected at least one word, got none: {show(both[0], 60)}")
    if max(encoding.segment_ids) >= model.config.type_vocab_size:
        raise Error("text: expected a single text, as the model knows but one segment, got a pair")
    return encoding


def _task(model: ModelWithHeads, task: Any, has_mask: bool) -> str:
    if task is None:
        order = ("masked_lm", *ORDER) if has_mask else ORDER
        return next((name for name in order if name in model.heads), VECTOR)
    if not isinstance(task, str) or task not in (*ORDER, VECTOR):
        raise Error(f"task: expected {', '.join(ORDER)} or {VECTOR}, for one text each, got {show(task)}")
    if task not in (*model.heads, VECTOR):
        heads = ", ".join(model.heads) or "none"
        expected = f"expected a {task} head, got a checkpoint with heads: {heads}"
        raise Error(f"{model.path or 'model'}: {expected}; load one that has it, or train it")
    return task


# One function for each task: labels, outputs, and the target in words.

Chosen = tuple[Any, list[tuple[int, ...]], str]


def _masked_lm(model: ModelWithHeads, encoding: Encoding, masks: list[int], target: Any) -> Chosen:
    tokenizer = model.tokenizer
    positions = masks or _ordinary(model, encoding)
    if target is not None:
        if not masks:
            raise Error(f"target: expected none for a text without {tokenizer.special_tokens.mask}, got one")
        wanted = [target] * len(masks) if isinstance(target, str) else list(target)
        for token in wanted:
            if token not in tokenizer.vocab:
                raise Error(f"target: expected a token of the vocabulary, got {show(token)}")
        if len(wanted) != len(masks):
            raise Error(f"target: expected {len(masks)} tokens, one for each mask, got {len(wanted)}")
        ids = [tokenizer.vocab[token] for token in wanted]
    elif masks:
        logits = model.logits("masked_lm", [encoding.ids], [encoding.segment_ids])[0]
        ids = [int(logits[position, : len(tokenizer.tokens)].argmax()) for position in positions]
    else:
        ids = [encoding.ids[position] for position in positions]
    labels = np.full((1, len(encoding.ids)), IGNORED)
    labels[0, positions] = ids
    names = ", ".join(tokenizer.tokens[i] for i in ids)
    words = f"{tokenizer.special_tokens.mask} = {names}" if masks else "each token at its own position"
    return labels, list(zip(positions, ids, strict=True)), words


def _ordinary(model: ModelWithHeads, encoding: Encoding) -> list[int]:
    """The positions of the tokens that are not special."""
    special = {model.tokenizer.special_id(role) for role in ("cls", "sep", "pad")}
    return [i for i, token in enumerate(encoding.ids) if token not in special]


def _sequence_classification(model: ModelWithHeads, encoding: Encoding, masks: list[int], target: Any) -> Chosen:
    logits = model.logits("sequence_classification", [encoding.ids], [encoding.segment_ids])[0]
    C, names = len(logits), model.config.label_names
    if model.config.is_regression and C == 1:
        value = 0.0 if target is None else _number(target)
        return np.array([[value]], logits.dtype), [(0,)], f"the value {value:g}"
    if model.config.is_regression:
        outputs = list(range(C)) if target is None else [_class(model, target)]
        named = ", ".join(names[i] for i in outputs)
        return np.zeros((1, C), logits.dtype), [(i,) for i in outputs], f"the value 0 of {named}"
    chosen = int(logits.argmax()) if target is None else _class(model, target)
    if model.config.problem == "multi_label_classification":
        return np.eye(C, dtype=logits.dtype)[[chosen]], [(chosen,)], f"the class {names[chosen]} and no other"
    return np.array([chosen]), [(chosen,)], f"the class {names[chosen]}"


def _next_sentence(model: ModelWithHeads, encoding: Encoding, masks: list[int], target: Any) -> Chosen:
    if target is None:
        logits = model.logits("next_sentence", [encoding.ids], [encoding.segment_ids])[0]
        chosen = int(logits.argmax())
    elif target in ANSWERS:
        chosen = ANSWERS[target]
    else:
        raise Error(f"target: expected next or random, got {show(target)}")
    return np.array([chosen]), [(chosen,)], FOLLOWS_OR_NOT[chosen]


def _token_classification(model: ModelWithHeads, encoding: Encoding, masks: list[int], target: Any) -> Chosen:
    positions = _ordinary(model, encoding)
    logits = model.logits("token_classification", [encoding.ids], [encoding.segment_ids])[0]
    chosen = [int(logits[i].argmax()) if target is None else _class(model, target) for i in positions]
    labels = np.full((1, len(encoding.ids)), IGNORED)
    labels[0, positions] = chosen
    same = f"the class {model.config.label_names[chosen[0]]}"
    words = "the likeliest class of each token" if target is None else same
    return labels, list(zip(positions, chosen, strict=True)), words


def _question_answering(model: ModelWithHeads, encoding: Encoding, masks: list[int], target: Any) -> Chosen:
    if target is not None:
        raise Error(f"target: expected none for question_answering, got {describe(target)}")
    logits = model.logits("question_answering", [encoding.ids], [encoding.segment_ids])[0]  # (T, 2)
    scores = logits[:, 0, None] + logits[None, :, 1]
    scores[np.tri(len(scores), k=-1, dtype=bool)] = -np.inf  # an end before its start
    start, end = (int(i) for i in np.unravel_index(scores.argmax(), scores.shape))
    labels = question_answering.Labels(np.array([start]), np.array([end]))
    return labels, [(start, 0), (end, 1)], f"the answer from token {start} to token {end}"


OF_TASK = {
    "masked_lm": _masked_lm,
    "sequence_classification": _sequence_classification,
    "next_sentence": _next_sentence,
    "token_classification": _token_classification,
    "question_answering": _question_answering,
}


def _class(model: ModelWithHeads, target: Any) -> int:
    """The number of a class, given by name or by number (the command line knows numbers as texts)."""
    names = model.config.label_names
    if isinstance(target, str) and target in names:
        return names.index(target)
    try:
        number = int(target) if isinstance(target, str) else operator.index(target)
    except (TypeError, ValueError):
        number = -1
    if isinstance(target, bool) or not 0 <= number < len(names):
        raise Error(f"target: expected one of {show(', '.join(names), 100)[1:-1]}, got {show(target)}")
    return number


def _number(target: Any) -> float:
    try:
        value = float(target)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise Error(f"target: expected a finite number, got {describe(target)}")
    return value
