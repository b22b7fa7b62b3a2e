"""loss = loss of masked_lm + loss of next_sentence

What BERT was pretrained with (Devlin et al., arXiv:1810.04805, section 3.1 and appendix A.2): both heads read the same
encoded batch, so their gradients with respect to it add up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.arrays import Array
from . import head, masked_lm, next_sentence
from .labels import pair

heads = ("masked_lm", "next_sentence")


class Labels(NamedTuple):
    masked_lm: Array  # (B, T)
    next_sentence: Array  # (B,)


class Params(NamedTuple):
    masked_lm: masked_lm.Params
    next_sentence: next_sentence.Params


class LossCache(NamedTuple):
    masked_lm: masked_lm.LossCache
    next_sentence: head.LossCache
    losses: Labels  # the two summands of the loss


def loss(
    encoded: Output,
    labels: Labels,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """-> loss, a scalar"""
    masked, masked_cache = masked_lm.loss(encoded, labels.masked_lm, params.masked_lm, config, rng)
    follows, follows_cache = next_sentence.loss(encoded, labels.next_sentence, params.next_sentence, config, rng)
    return masked + follows, LossCache(masked_cache, follows_cache, Labels(masked, follows))


def loss_backward(dloss: Array | float | Labels, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar or one for each of the two losses -> dencoded (each head reads another output), dparams"""
    dmasked, dfollows = dloss if isinstance(dloss, Labels) else (dloss, dloss)
    from_next, dnext_sentence = next_sentence.loss_backward(dfollows, cache.next_sentence)
    from_masked, dmasked_lm = masked_lm.loss_backward(dmasked, cache.masked_lm)
    return Output(from_masked.hidden, from_next.pooled), Params(dmasked_lm, dnext_sentence)


def read_rows(labels: Labels, shape: tuple[int, int]) -> tuple[Array, Labels]:
    """The rows that masked_lm reads; the first is [CLS], which next_sentence reads."""
    rows, masked = masked_lm.read_rows(labels.masked_lm, shape)
    return rows, labels._replace(masked_lm=masked)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Labels:
    """masked_lm (B, T) and next_sentence (B,), each as its own task wants them."""
    masked, follows = pair(labels, "masked_lm (B, T) and next_sentence (B,)")
    return Labels(masked_lm.check_labels(masked, shape, config), next_sentence.check_labels(follows, shape, config))
