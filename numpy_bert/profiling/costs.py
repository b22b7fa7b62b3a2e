"""What a BERT has to compute and to move, block by block, from its sizes alone.

    FLOPs       2 m k n for a product of (m, k) by (k, n): a multiplication and an addition for each of its m k n terms
    operations  of the element-wise steps as the equations have them: each +, ·, exp, erf, √ of a number counts one
    numbers     read and written: each operand and each result of a block once, as if all between stayed in the cache

These are what no implementation of the same equations gets below, so measured times can be judged by them. The
products are exactly those that the blocks make (a test counts them); the other two are a convention.

A row of a profile is a kind of block, summed over the layers: what the twelve products with W_1 take is one row.

Letters: B batch, T tokens, N = B T, M masked positions, H hidden size, A heads, D = H / A, F feed-forward size,
L layers, V vocabulary, P positions, S segment types.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config import BertConfig


class Sizes(NamedTuple):
    """Of a batch."""

    B: int
    T: int
    M: int = 0  # positions whose token the masked-LM head predicts; 0: there is no head


class Product(NamedTuple):
    """`many` products of (m, k) by (k, n)."""

    many: int
    m: int
    k: int
    n: int

    @property
    def flops(self) -> int:
        return 2 * self.many * self.m * self.k * self.n


class Cost(NamedTuple):
    products: tuple[Product, ...]
    operations: int
    numbers: int

    @property
    def flops(self) -> int:
        return sum(product.flops for product in self.products)


Costs = dict[str, Cost]

# The rows, in the order of the forward pass.
EMBEDDING = "embedding"
QKV = "Q, K, V"
SCORES = "Q Kᵀ and P V"
SOFTMAX = "softmax"
HEADS = "heads split, joined"
OUTPUT = "attention output"
EXPAND = "feed-forward W_1"
GELU = "GELU"
CONTRACT = "feed-forward W_2"
DROPOUT = "dropout"
RESIDUAL = "residual sums"
NORM = "layer norm"
POOLER = "pooler"
TRANSFORM = "masked-LM transform"
DECODER = "masked-LM decoder"
CROSS_ENTROPY = "cross-entropy"
REST = "the rest"
ROWS = (
    EMBEDDING, QKV, SCORES, SOFTMAX, HEADS, OUTPUT, EXPAND, GELU, CONTRACT, DROPOUT, RESIDUAL, NORM, POOLER, TRANSFORM,
    DECODER, CROSS_ENTROPY, REST,
)  # fmt: skip


def forward(config: BertConfig, sizes: Sizes, has_pooler: bool = False) -> Costs:
    """The whole model, without dropout: nothing is drawn at inference."""
    layers = _times(config.num_hidden_layers, layer_forward(config, sizes))
    return _in_order(_sum(layers, ends_forward(config, sizes, has_pooler)))


def backward(config: BertConfig, sizes: Sizes, has_pooler: bool = False) -> Costs:
    layers = _times(config.num_hidden_layers, layer_backward(config, sizes))
    return _in_order(_sum(layers, ends_backward(config, sizes, has_pooler)))


def layer_forward(config: BertConfig, sizes: Sizes) -> Costs:
    """One encoder layer."""
    B, T, _ = sizes
    H, A, F = config.hidden_size, config.num_attention_heads, config.intermediate_size
    D, N, scores = H // A, B * T, B * A * T * T
    return {
        QKV: linear_forward(N, H, 3 * H),
        SCORES: Cost((Product(B * A, T, D, T), Product(B * A, T, T, D)), scores, 4 * N * H + 2 * scores),
        SOFTMAX: Cost((), 5 * scores, 2 * scores),  # maximum, difference, exp, sum, quotient
        HEADS: Cost((), 0, 2 * N * H),
        OUTPUT: linear_forward(N, H, H),
        EXPAND: linear_forward(N, H, F),
        GELU: Cost((), 5 * N * F, 2 * N * F),  # x · ½ (1 + erf(x / √2))
        CONTRACT: linear_forward(N, F, H),
        RESIDUAL: Cost((), 2 * N * H, 6 * N * H),
        NORM: _twice(norm_forward(N, H)),
    }


def layer_backward(config: BertConfig, sizes: Sizes) -> Costs:
    B, T, _ = sizes
    H, A, F = config.hidden_size, config.num_attention_heads, config.intermediate_size
    D, N, scores = H // A, B * T, B * A * T * T
    # dP = dy Vᵀ; dV = Pᵀ dy, dQ = dS K, dK = dSᵀ Q
    products = (Product(B * A, T, D, T), Product(3 * B * A, T, T, D))
    return {
        QKV: linear_backward(N, H, 3 * H),
        SCORES: Cost(products, scores, 7 * N * H + 3 * scores),
        SOFTMAX: Cost((), 4 * scores, 3 * scores),  # p (dp - Σ dp p)
        HEADS: Cost((), 0, 6 * N * H),
        OUTPUT: linear_backward(N, H, H),
        EXPAND: linear_backward(N, H, F),
        GELU: Cost((), 11 * N * F, 3 * N * F),  # (Φ(x) + x φ(x)) dy
        CONTRACT: linear_backward(N, F, H),
        RESIDUAL: Cost((), 2 * N * H, 6 * N * H),
        NORM: _twice(norm_backward(N, H)),
    }


def ends_forward(config: BertConfig, sizes: Sizes, has_pooler: bool) -> Costs:
    """What is before and after the layers."""
    B, T, M = sizes
    H, V, N = config.hidden_size, config.vocab_size, B * T
    costs = {EMBEDDING: Cost((), 2 * N * H, 4 * N * H), NORM: norm_forward(N, H)}
    if has_pooler:
        costs[POOLER] = plus(linear_forward(B, H, H), Cost((), B * H, 2 * B * H))
    if M:
        gelu = Cost((), 5 * M * H, 2 * M * H)
        costs[TRANSFORM] = plus(linear_forward(M, H, H), plus(gelu, norm_forward(M, H)))
        costs[DECODER] = linear_forward(M, H, V)
        costs[CROSS_ENTROPY] = Cost((), 5 * M * V, M * V)  # maximum, difference, exp, sum, difference
    return costs


def ends_backward(config: BertConfig, sizes: Sizes, has_pooler: bool) -> Costs:
    """The gradient of a table is as large as the table, however few of its rows were read."""
    B, T, M = sizes
    H, V, N = config.hidden_size, config.vocab_size, B * T
    tied = M and config.tie_word_embeddings  # then the decoder's gradient is there already, and takes up the rows read
    tables = ((0 if tied else V) + config.max_position_embeddings + config.type_vocab_size) * H
    costs = {EMBEDDING: Cost((), 3 * N * H, 3 * N * H + tables), NORM: norm_backward(N, H)}
    if has_pooler:  # nothing asks for its output here: its gradient is zeros
        costs[POOLER] = Cost((), 0, H * H + H)
    if M:
        gelu = Cost((), 11 * M * H, 3 * M * H)
        costs[TRANSFORM] = plus(linear_backward(M, H, H), plus(gelu, norm_backward(M, H)))
        costs[DECODER] = linear_backward(M, H, V)
        costs[CROSS_ENTROPY] = Cost((), 3 * M * V, 2 * M * V)  # exp, product, difference
    return costs


def dropout_forward(config: BertConfig, sizes: Sizes) -> Cost:
    """A draw, a comparison and two products for each place: of the embedding, and three times in each layer."""
    places = dropped(config, sizes)
    return Cost((), 4 * places, 2 * places)


def dropout_backward(config: BertConfig, sizes: Sizes) -> Cost:
    places = dropped(config, sizes)
    return Cost((), 2 * places, 2 * places)


def dropped(config: BertConfig, sizes: Sizes) -> int:
    """Places that dropout decides on."""
    B, T, _ = sizes
    states, scores = B * T * config.hidden_size, B * config.num_attention_heads * T * T
    return states + config.num_hidden_layers * (2 * states + scores)


def linear_forward(N: int, inputs: int, outputs: int) -> Cost:
    """y = x Wᵀ + b"""
    numbers = N * inputs + outputs * inputs + outputs + N * outputs
    return Cost((Product(1, N, inputs, outputs),), N * outputs, numbers)


def linear_backward(N: int, inputs: int, outputs: int) -> Cost:
    """dW = dyᵀ x,   dx = dy W,   db = Σ dy"""
    products = (Product(1, outputs, N, inputs), Product(1, N, outputs, inputs))
    numbers = N * outputs + 2 * N * inputs + 2 * outputs * inputs + outputs
    return Cost(products, N * outputs, numbers)


def norm_forward(N: int, H: int) -> Cost:
    """Mean, difference, square, mean, and the three of γ x̂ + β with x̂ = (x - μ) r."""
    return Cost((), 7 * N * H, 2 * N * H + 2 * H)


def norm_backward(N: int, H: int) -> Cost:
    """Σ dy, Σ dy x̂, and r (g - mean(g) - x̂ mean(g x̂)) with g = γ dy"""
    return Cost((), 11 * N * H, 3 * N * H + 3 * H)


def kept_numbers(config: BertConfig, sizes: Sizes) -> int:
    """About how many numbers one forward and one backward need beside the weights: caches, and the gradients."""
    B, T, M = sizes
    H, A, F = config.hidden_size, config.num_attention_heads, config.intermediate_size
    N = B * T
    layer = 10 * N * H + 2 * N * F + B * A * T * T
    widest = 4 * N * F + 4 * B * A * T * T + 8 * N * H  # results that live for a moment
    return config.num_hidden_layers * layer + widest + 6 * N * H + 4 * M * config.vocab_size + parameters(config)


def parameters(config: BertConfig) -> int:
    """Numbers that are learned, with a pooler and a tied masked-LM head."""
    H, F, V = config.hidden_size, config.intermediate_size, config.vocab_size
    layer = 4 * H * H + 2 * H * F + 9 * H + F
    tables = (V + config.max_position_embeddings + config.type_vocab_size + 2) * H
    return config.num_hidden_layers * layer + tables + 2 * (H * H + H) + 2 * H + V


def plus(a: Cost, b: Cost) -> Cost:
    """Both."""
    return Cost(a.products + b.products, a.operations + b.operations, a.numbers + b.numbers)


def _twice(cost: Cost) -> Cost:
    return plus(cost, cost)


def _times(factor: int, costs: Costs) -> Costs:
    return {
        row: Cost(
            tuple(product._replace(many=factor * product.many) for product in cost.products),
            factor * cost.operations,
            factor * cost.numbers,
        )
        for row, cost in costs.items()
    }


def _sum(a: Costs, b: Costs) -> Costs:
    nothing = Cost((), 0, 0)
    return {row: plus(a.get(row, nothing), b.get(row, nothing)) for row in {**a, **b}}


def _in_order(costs: Costs) -> Costs:
    return {row: costs[row] for row in ROWS if row in costs}
