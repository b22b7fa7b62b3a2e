"""The pairs of numpy_bert.blocks, each with inputs that have hurt implementations of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...blocks import (
    attention,
    bert,
    dropout,
    embedding,
    encoder,
    encoder_layer,
    feed_forward,
    gelu,
    layer_norm,
    linear,
    lookup,
    multi_head_attention,
    pooler,
    recompute,
    softmax,
    tanh,
)
from ...blocks.dropout import Dropout
from ...config import BertConfig
from ...numerics import tree
from ...numerics.arrays import Array
from .samples import LAYER, SHALLOW, WHOLE, Block, Pair, fixed_rng, inputs, padding, params, repeated_rows

Cases = dict[str, Pair]
Rng = np.random.Generator


def _linear(rng: Rng) -> Cases:
    def pair(shape: tuple[int, ...], outputs: int) -> Pair:
        arguments = {"x": rng.standard_normal(shape), "params": params(linear.shapes(shape[-1], outputs), rng)}
        return Pair(linear.forward, linear.backward, arguments)

    return {"texts": pair((2, 3, 6), 4), "rows": pair((3, 2), 6), "1 x 1": pair((1, 1), 1), "no rows": pair((0, 2), 3)}


def _gelu(rng: Rng) -> Cases:
    x = 2.0 * rng.standard_normal((4, 5))
    x[0, :2] = -7.0, 7.0  # where it is 0 and x to many digits
    return {form: Pair(lambda x, form=form: gelu.forward(x, form), gelu.backward, {"x": x}) for form in ("erf", "tanh")}


def _tanh(rng: Rng) -> Cases:
    return {"rows": Pair(tanh.forward, tanh.backward, {"x": 2.0 * rng.standard_normal((3, 5))})}


def _softmax(rng: Rng) -> Cases:
    def pair(x: Array, mask: Array | None = None) -> Pair:
        return Pair(lambda x: softmax.forward(x, mask), softmax.backward, {"x": x})

    x = rng.standard_normal((2, 3, 5))
    one_row_without_a_place = rng.random((3, 5)) < 0.6
    one_row_without_a_place[1] = False
    return {
        "no mask": pair(x),
        "mask": pair(x, np.array([True, False, True, True, False])),
        "a row masked throughout": pair(x, one_row_without_a_place),
        "one place": pair(x[..., :1]),
        "large scores": pair(30.0 + 3.0 * x),
    }


def _layer_norm(rng: Rng) -> Cases:
    def pair(shape: tuple[int, ...], eps: float) -> Pair:
        arguments = {"x": 1.0 + 2.0 * rng.standard_normal(shape), "params": params(layer_norm.shapes(shape[-1]), rng)}
        return Pair(lambda x, params: layer_norm.forward(x, params, eps), layer_norm.backward, arguments)

    return {
        "texts": pair((2, 3, 5), 1e-12),
        "large eps": pair((3, 4), 0.5),
        "one row": pair((6,), 1e-12),
        "H = 1": pair((3, 1), 1e-12),
    }


def _dropout(rng: Rng) -> Cases:
    def pair(p: float, seeded: bool = True, rows: Array | None = None) -> Pair:
        def forward(x: Array) -> tuple[Array, dropout.Cache]:
            return dropout.forward(x, Dropout(p, fixed_rng() if seeded else None, rows, 5))

        return Pair(forward, dropout.backward, {"x": x})

    x = rng.standard_normal((2, 3, 4))
    return {
        "p = 0.4": pair(0.4),
        "p = 0": pair(0.0),
        "no generator": pair(0.4, seeded=False),
        "rows": pair(0.4, rows=repeated_rows(2, 5, 3)),
    }


def _lookup(rng: Rng) -> Cases:
    def pair(ids: Array, V: int) -> Pair:
        return Pair(lookup.forward, lookup.backward, {"ids": ids, "W": rng.standard_normal((V, 3))})

    return {
        "repeated ids": pair(np.array([[0, 2, 2], [5, 0, 2]]), 7),
        "one id": pair(np.array([3]), 4),
        "no ids": pair(np.zeros((0, 2), np.int64), 4),
        "repeated ids, tied": _tied(pair(np.array([[0, 2, 2], [5, 0, 2]]), 7), "W"),
    }


def _tied(pair: Pair, name: str) -> Pair:
    """The same pair with a table that is read a second time, whole, as a tied decoder reads it: its second gradient,
    here that of an identity, is what backward adds its own to. name: the table among the arguments ("params.word").
    """
    first, _, _ = name.partition(".")

    def forward(*arguments: Any) -> Any:
        y, cache = pair.forward(*arguments)
        table = tree.items(arguments[list(pair.arguments).index(first)], first)
        return (y, dict(table)[name]), cache

    def backward_of_both(dy: Any, cache: Any) -> Any:
        return pair.backward(dy[0], cache, dy[1].copy())

    return pair._replace(forward=forward, backward=backward_of_both)


def _embedding(rng: Rng) -> Cases:
    def pair(B: int, T: int, p: float = 0.0) -> Pair:
        def forward(ids: embedding.Ids, params: embedding.Params) -> tuple[Array, embedding.Cache]:
            return embedding.forward(ids, params, LAYER.layer_norm_eps, Dropout(p, fixed_rng()))

        arguments = {"ids": inputs(LAYER, B, T, rng).ids, "params": params(embedding.shapes(LAYER), rng)}
        return Pair(forward, embedding.backward, arguments)

    return {
        "texts": pair(2, 4),
        "dropout": pair(3, 3, 0.3),
        "T = 1": pair(1, 1),
        "tied": _tied(pair(2, 3), "params.word"),
    }


def _attention(rng: Rng) -> Cases:
    def pair(Q: tuple[int, ...], V: tuple[int, ...], mask: Array | None = None, p: float = 0.0) -> Pair:
        def forward(Q: Array, K: Array, V: Array) -> tuple[Array, attention.Cache]:
            return attention.forward(Q, K, V, mask, Dropout(p, fixed_rng()))

        K = (*V[:-1], Q[-1])
        arguments = {name: rng.standard_normal(shape) for name, shape in (("Q", Q), ("K", K), ("V", V))}
        return Pair(forward, attention.backward, arguments)

    heads = (3, 2, 4, 3)  # (B, A, T, D)
    padded = padding(3, 4)[:, None, None, :]
    nothing_to_see = padded.copy()
    nothing_to_see[1] = False
    return {
        "one head, keys of another text": pair((4, 3), (6, 2)),
        "heads, padding": pair(heads, heads, padded),
        "heads, dropout": pair(heads, heads, padded, 0.3),
        "a text masked throughout": pair(heads, heads, nothing_to_see),
        "T = 1": pair((1, 2, 1, 3), (1, 2, 1, 3)),
        "more queries than keys": pair((3, 2, 6, 3), heads, padded),
        "one query": pair((3, 2, 1, 3), heads, padded),
        "no query": pair((3, 2, 0, 3), heads, padded),
    }


def _multi_head_attention(rng: Rng) -> Cases:
    def pair(B: int, T: int, A: int = 3, p: float = 0.0, M: int | None = None) -> Pair:
        rows = None if M is None else repeated_rows(B, T, M)

        def forward(x: Array, params: multi_head_attention.Params) -> tuple[Array, multi_head_attention.Cache]:
            drop = Dropout(p, fixed_rng(), rows, T)
            return multi_head_attention.forward(x, params, A, padding(B, T), drop, rows)

        arguments = {"x": rng.standard_normal((B, T, 6)), "params": params(multi_head_attention.shapes(6), rng)}
        return Pair(forward, multi_head_attention.backward, arguments)

    return {
        "padding": pair(2, 4),
        "dropout": pair(3, 3, p=0.3),
        "one head": pair(1, 4, A=1),
        "T = 1": pair(2, 1),
        "one row": pair(2, 4, M=1),
        "rows, one of them twice, dropout": pair(2, 4, p=0.3, M=3),
        "more rows than tokens": pair(1, 2, M=4),
        "no row": pair(2, 3, M=0),
    }


def _feed_forward(rng: Rng) -> Cases:
    def pair(form: str, B: int, T: int) -> Pair:
        arguments = {"x": rng.standard_normal((B, T, 4)), "params": params(feed_forward.shapes(4, 7), rng)}
        return Pair(lambda x, params: feed_forward.forward(x, params, form), feed_forward.backward, arguments)

    return {"erf": pair("erf", 2, 3), "tanh": pair("tanh", 3, 1)}


def _encoder_layer(rng: Rng) -> Cases:
    def pair(B: int, T: int, config: BertConfig = LAYER, drop: bool = False, M: int | None = None) -> Pair:
        rows = None if M is None else repeated_rows(B, T, M)

        def forward(x: Array, params: encoder_layer.Params) -> tuple[Array, encoder_layer.Cache]:
            return encoder_layer.forward(x, params, padding(B, T), config, fixed_rng() if drop else None, rows)

        arguments = {"x": rng.standard_normal((B, T, 6)), "params": params(encoder_layer.shapes(config), rng)}
        return Pair(forward, encoder_layer.backward, arguments)

    return {
        "padding": pair(3, 3),
        "dropout, tanh": pair(2, 3, replace(LAYER, gelu="tanh"), True),
        "T = 1": pair(1, 1),
        "one row": pair(2, 3, M=1),
        "rows, one of them twice, dropout": pair(2, 4, drop=True, M=3),
        "no row": pair(1, 2, M=0),
    }


def _recompute(rng: Rng) -> Cases:
    def pair(B: int, T: int, drop: bool, rows: Array | None = None) -> Pair:
        def forward(x: Array, params: encoder_layer.Params) -> tuple[Array, recompute.Cache]:
            return recompute.forward(x, params, padding(B, T), LAYER, fixed_rng() if drop else None, rows)

        arguments = {"x": rng.standard_normal((B, T, 6)), "params": params(encoder_layer.shapes(LAYER), rng)}
        return Pair(forward, recompute.backward, arguments)

    return {
        "dropout": pair(2, 3, True),
        "T = 1": pair(1, 1, False),
        "rows, dropout": pair(2, 3, True, repeated_rows(2, 3, 2)),
    }


def _encoder(rng: Rng) -> Cases:
    def pair(keep: encoder.Keep, drop: bool, rows: Array | None = None) -> Pair:
        def forward(x: Array, params: encoder.Params) -> tuple[Array, encoder.Cache]:
            tokens = encoder.Tokens(padding(2, 3), rows)
            return encoder.forward(x, params, tokens, WHOLE, fixed_rng() if drop else None, keep)

        arguments = {"x": rng.standard_normal((2, 3, 6)), "params": params(encoder.shapes(WHOLE), rng)}
        return Pair(forward, encoder.backward, arguments)

    return {
        "padding": pair("caches", False),
        "dropout, layers computed twice": pair("inputs", True),
        "rows, dropout, layers computed twice": pair("inputs", True, repeated_rows(2, 3, 2)),
        "one row": pair("caches", False, repeated_rows(2, 3, 1)),
    }


def _pooler(rng: Rng) -> Cases:
    def pair(B: int, T: int) -> Pair:
        arguments = {"h": rng.standard_normal((B, T, 4)), "params": params(pooler.shapes(4), rng)}
        return Pair(pooler.forward, pooler.backward, arguments)

    return {"texts": pair(3, 2), "T = 1": pair(1, 1)}


def _bert(rng: Rng) -> Cases:
    def pair(read: tuple[str, ...], B: int = 2, T: int = 3, has_pooler: bool = True, rows: Array | None = None) -> Pair:
        def forward(inputs: bert.Inputs, params: bert.Params) -> tuple[bert.Output, bert.Cache]:
            output, cache = bert.forward(inputs, params, SHALLOW)
            return bert.Output(*(y if name in read else None for name, y in output._asdict().items())), cache

        texts = inputs(SHALLOW, B, T, rng)._replace(rows=rows)
        arguments = {"inputs": texts, "params": params(bert.shapes(SHALLOW, has_pooler), rng)}
        return Pair(forward, bert.backward, arguments)

    return {
        "both outputs": pair(("hidden", "pooled")),
        "hidden alone": pair(("hidden",)),
        "pooled alone, T = 1": pair(("pooled",), 1, 1),
        "no pooler": pair(("hidden",), 1, 3, has_pooler=False),
        "rows": pair(("hidden", "pooled"), rows=np.array([[0, 2], [0, 1]])),
        "[CLS] alone": pair(("pooled",), rows=np.zeros((2, 1), np.int64)),
        "tied": _tied(pair(("hidden", "pooled")), "params.embedding.word"),
    }


BLOCKS = {
    "linear": Block(_linear, 1e-14),
    "gelu": Block(_gelu, 1e-14),
    "tanh": Block(_tanh, 1e-14),
    "softmax": Block(_softmax, 1e-14),
    "layer_norm": Block(_layer_norm, 1e-14),
    "dropout": Block(_dropout, 1e-14),
    "lookup": Block(_lookup, 1e-14),
    "embedding": Block(_embedding, 1e-14),
    "attention": Block(_attention, 3e-14),
    "multi_head_attention": Block(_multi_head_attention, 3e-14),
    "feed_forward": Block(_feed_forward, 3e-14),
    "encoder_layer": Block(_encoder_layer, 1e-13),
    "recompute": Block(_recompute, 1e-13),
    "encoder": Block(_encoder, 1e-12, 1e-8),
    "pooler": Block(_pooler, 3e-14),
    "bert": Block(_bert, 1e-12, 1e-8),
}
