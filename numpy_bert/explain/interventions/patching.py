"""Activation patching: one hidden state of a text is replaced by that of another text.

Let h_l (T, H) be the hidden states before layer l of the text at hand (l = 0: the embeddings, l = L: the output), and
g_l those of a source text with as many tokens. For a layer l and a token t

    h_l' = h_l with row t replaced by g_l[t],   h_L' = EncoderLayer_L-1(... EncoderLayer_l(h_l'))

and the effect is loss(h_L') - loss(h_L): what the answer loses, or gains, if the model finds at this point what it
would have computed for the source. At l = 0 a difference is one of words; where a word that differs matters in late
layers at another token, attention has carried it there. With the text itself as the source nothing changes.

Source: Meng and others, Locating and Editing Factual Associations in GPT, arXiv:2202.05262, section 2.

Letters: L layers, T tokens, H hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...blocks import embedding
from ...blocks.dropout import NONE
from ...errors import Error
from ...numerics.arrays import Array
from .. import targets
from ..targets import ModelWithHeads, Target
from .outcome import Outcome, of_hidden, run_layers

TOKENS = 2048  # of all copies in a batch, so that memory does not grow with the square of the text


class Patching(NamedTuple):
    """The effect of each hidden state of the source in the place of the text's own."""

    tokens: tuple[str, ...]  # of the text, T
    source_tokens: tuple[str, ...]  # T
    target: str
    loss: float  # of the text as it is
    source_loss: float  # of the source, for the same target
    effects: Array  # (L + 1, T): loss with h_l[t] replaced, minus `loss`


def patch(
    model: ModelWithHeads,
    text: str | tuple[str, str],
    source: str | tuple[str, str],
    task: str | None = None,
    target: Any = None,
) -> Patching:
    """Replace each hidden state of `text` by that of `source`, one at a time.

    The target is that of the text. Error: as targets.choose; the texts have different numbers of tokens.
    """
    chosen = targets.choose(model, text, task, target)
    return patch_on(model, chosen, targets.choose(model, source, targets.VECTOR))


def patch_on(model: ModelWithHeads, target: Target, source: Target) -> Patching:
    """The same for targets that are chosen already; of the source only the text counts."""
    T, T_source = len(target.encoding.tokens), len(source.encoding.tokens)
    if T_source != T:
        counts = f"{T} tokens ({' '.join(target.encoding.tokens)}), got {T_source}"
        raise Error(f"source: expected as many tokens as the text has, {counts} ({' '.join(source.encoding.tokens)})")
    h, g = hidden_states(target, model), hidden_states(source, model)
    L = len(h) - 1
    loss = of_hidden(h[L], target, model).loss
    effects = np.array([[of.loss - loss for of in _patched(h, g, layer, target, model)] for layer in range(L + 1)])
    return Patching(
        tuple(target.encoding.tokens),
        tuple(source.encoding.tokens),
        target.description,
        loss,
        of_hidden(g[L], target, model).loss,
        effects,
    )


def hidden_states(target: Target, model: ModelWithHeads) -> list[Array]:
    """h_0, ..., h_L of a text, each (1, T, H)."""
    params, config = model.params.bert, model.config
    h, _ = embedding.forward(target.batch.ids, params.embedding, config.layer_norm_eps, NONE)
    states = [h]
    for layer in range(config.num_hidden_layers):
        states.append(run_layers(states[-1], layer, layer + 1, target, model))
    return states


def _patched(h: list[Array], g: list[Array], layer: int, target: Target, model: ModelWithHeads) -> list[Outcome]:
    """The answer with row t of h_layer replaced, for each t: several copies of the text in a batch."""
    T = h[layer].shape[1]
    most = max(1, TOKENS // T)
    outcomes = []
    for first in range(0, T, most):
        tokens = np.arange(first, min(first + most, T))
        copies = h[layer].repeat(len(tokens), axis=0)  # (n, T, H)
        copies[np.arange(len(tokens)), tokens] = g[layer][0, tokens]
        last = run_layers(copies, layer, model.config.num_hidden_layers, target, model)
        outcomes += [of_hidden(last[i : i + 1], target, model) for i in range(len(tokens))]
    return outcomes
