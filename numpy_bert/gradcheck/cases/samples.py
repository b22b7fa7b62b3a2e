"""Small random inputs that hurt: no ones and zeros where a wrong gradient would look right, padding, repeated ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...blocks.bert import Inputs
from ...blocks.cross_entropy import IGNORED
from ...blocks.embedding import Ids
from ...config import BertConfig
from ...numerics import tree
from ...numerics.arrays import Array
from ...tasks import pretraining, question_answering


class Pair(NamedTuple):
    """A forward and its backward, with arguments to check them at; see gradcheck.check.

    A backward that is called "backward" or "loss_backward" is that of the module as it stands, so that another can be
    tried in its place; one that adapts it to the case has a name of its own.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arguments: dict[str, Any]

    @property
    def replaced(self) -> str:
        """The name of the function that another backward would replace."""
        return str(getattr(self.backward, "func", self.backward).__name__)  # a partial has no name of its own


class Block(NamedTuple):
    """A line of the table: the pairs of one module, and how far from exact each method may find them."""

    cases: Callable[[np.random.Generator], dict[str, Pair]]  # by what is special about the case
    tolerance: float  # complex step, and projection
    central: float = 1e-9  # central differences


# The letters of blocks/__init__.py. Sizes differ where they can, so that no two axes can be taken for each other. None
# is 5: OpenBLAS's product of a float32 matrix with 5 columns and a vector reads memory that was never written (AVX-512
# kernels). The result is right, but the "invalid" flag is raised now and then, and tests make warnings errors.
LAYER = BertConfig(
    vocab_size=9,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=7,
    max_position_embeddings=8,
    hidden_dropout=0.3,
    attention_dropout=0.2,
    num_labels=3,
)
WHOLE = BertConfig(
    vocab_size=4,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=3,
    max_position_embeddings=3,
    hidden_dropout=0.3,
    attention_dropout=0.2,
    num_labels=3,
)
SHALLOW = replace(WHOLE, num_hidden_layers=1)


def fixed_rng() -> np.random.Generator:
    """For dropout inside a forward: made again in each call, so that each call draws the same mask."""
    return np.random.default_rng(11)


def params(shapes: Any, rng: np.random.Generator) -> Any:
    """Random parameters of these shapes, far from the ones and zeros of a fresh model. γ has random signs but is not
    near 0, where it would shut off a path and leave to the gradients behind it little but rounding.
    """

    def draw(name: str, shape: Any) -> Array:
        if name.rpartition(".")[2] == "gamma":
            return np.asarray(rng.choice([-1.0, 1.0], shape.dims) * rng.uniform(0.5, 1.5, shape.dims))
        return np.asarray(0.5 * rng.standard_normal(shape.dims))

    return tree.map_named(draw, shapes)


def padding(B: int, T: int) -> Array:
    """(B, T) True but for the last token of the first text and the first two of the third, if there are such."""
    mask = np.ones((B, T), np.bool_)
    mask[0, T - 1] = T == 1
    mask[2:3, :2] = T <= 2
    return mask


def repeated_rows(B: int, T: int, M: int) -> Array:
    """(B, M) rows of each text, other ones in each; where M is above 1, the first of them twice."""
    rows = (np.arange(M) + 2 * np.arange(B)[:, None]) % T
    rows[:, 1:2] = rows[:, :1]
    return rows


def inputs(config: BertConfig, B: int, T: int, rng: np.random.Generator) -> Inputs:
    """Random tokens and segments, one token in every text twice (where T > 1), positions from 0, padding."""
    token = rng.integers(0, config.vocab_size, (B, T))
    token[:, T - 1] = token[0, 0]
    position = np.tile(np.arange(T), (B, 1))
    segment = rng.integers(0, config.type_vocab_size, (B, T))
    return Inputs(Ids(token, position, segment), padding(B, T))


def labels(task: str, config: BertConfig, B: int, T: int, rng: np.random.Generator) -> Any:
    """Random labels for the B texts of a batch, as the task's `loss` wants them. Texts get different classes: they are
    alike to a trained model, which would else be right and sure of all of them, with a loss too small to differentiate.
    """

    def of_texts(classes: int) -> Array:
        return (rng.integers(0, classes) + np.arange(B)) % classes

    def of_tokens(classes: int) -> Array:
        drawn = rng.integers(0, classes, (B, T))
        drawn[rng.random((B, T)) < 0.4] = IGNORED
        drawn[0, 0] = 0  # at least one label
        return drawn

    def of_a_classifier() -> Array:
        if config.is_regression:
            return rng.standard_normal((B, config.num_labels))
        if config.problem == "multi_label_classification":
            return rng.integers(0, 2, (B, config.num_labels))
        return of_texts(config.num_labels)

    draw: dict[str, Callable[[], Any]] = {
        "masked_lm": lambda: of_tokens(config.vocab_size),
        "next_sentence": lambda: of_texts(2),
        "pretraining": lambda: pretraining.Labels(draw["masked_lm"](), draw["next_sentence"]()),
        "sequence_classification": of_a_classifier,
        "token_classification": lambda: of_tokens(config.num_labels),
        "question_answering": lambda: question_answering.Labels(of_texts(T), of_texts(T)),
        "multiple_choice": lambda: rng.integers(0, B, 1),  # one question with B choices
    }
    return draw[task]()
