"""The computational graph of each block and task: the forward, and the way back of the gradient."""

from __future__ import annotations

from .graph import Edge, Node, draw
from .svg import Drawing

E, N = Edge, Node


def op(column: float, row: float, text: str, note: str = "") -> Node:
    return Node(column, row, text, note, "op")


def learned(column: float, row: float, text: str, note: str = "") -> Node:
    return Node(column, row, text, note, "learned")


# name: (title, nodes, edges)
GRAPHS: dict[str, tuple[str, dict[str, Node], list[Edge]]] = {
    "linear": (
        "A linear layer",
        {
            "x": N(0, 0, "x", "(N, I)"), "W": learned(0, 1, "W", "(O, I)"), "product": op(1.2, 0, "x Wᵀ"),
            "b": learned(1.2, 1, "b", "(O,)"), "sum": op(2.2, 0, "+", "one b for N rows"), "y": N(3.2, 0, "y", "(N, O)"),
        },
        [
            E("x", "product", "dx = dy W"), E("W", "product", "dW = dyᵀ x"), E("product", "sum", "dy"),
            E("b", "sum", "db = Σ_n dy_n"), E("sum", "y", "dy"),
        ],
    ),
    "tanh": (
        "The hyperbolic tangent",
        {"x": N(0, 0, "x"), "tanh": op(1.3, 0, "tanh"), "y": N(2.3, 0, "y")},
        [E("x", "tanh", "dx = dy (1 - y²)"), E("tanh", "y", "dy")],
    ),
    "softmax": (
        "Softmax over a row",
        {
            "x": N(0, 0, "x", "(..., n)"), "exp": op(1, 0, "exp", "x - max(x)"), "sum": op(2, 1, "Σ", "over the row"),
            "divide": op(3, 0, "÷"), "p": N(4.1, 0, "p", "(..., n)"),
        },
        [
            E("x", "exp", "dx"), E("exp", "divide", "direct"), E("exp", "sum", "to every element"),
            E("sum", "divide", "-Σ dp p"), E("divide", "p", "dp"),
        ],
    ),
    "log_softmax": (
        "Log-softmax over a row",
        {
            "x": N(0, 0, "x", "(..., n)"), "sum": op(1.2, 1, "log Σ exp", "over the row"), "minus": op(2.4, 0, "-"),
            "y": N(3.4, 0, "y", "(..., n)"),
        },
        [E("x", "minus", "dy"), E("x", "sum", "-p Σ dy"), E("sum", "minus", "-Σ dy"), E("minus", "y", "dy")],
    ),
    "layer_norm": (
        "Layer normalization of a row",
        {
            "x": N(0, 0, "x", "(..., H)"), "mean": op(0.9, 1, "mean", "over H"), "center": op(1.6, 0, "x - μ"),
            "variance": op(2.4, 1, "1/√(σ² + ε)", "over H"), "scale": op(3.2, 0, "×"), "x_hat": N(4, 0, "x̂", "(..., H)"),
            "gamma": learned(4, 1, "γ", "(H,)"), "affine": op(4.9, 0, "γ x̂ + β"), "beta": learned(5.3, 1, "β", "(H,)"),
            "y": N(6, 0, "y", "(..., H)"),
        },
        [
            E("x", "center", "dx"), E("x", "mean"), E("mean", "center", "mean(dx̂)"), E("center", "scale", "dx̂"),
            E("center", "variance"), E("variance", "scale", "x̂ mean(dx̂ x̂)"), E("scale", "x_hat"),
            E("x_hat", "affine", "dx̂ = γ dy"), E("gamma", "affine", "dγ = Σ dy x̂", 0.35), E("beta", "affine", "dβ = Σ dy", 0.2),
            E("affine", "y", "dy"),
        ],
    ),
    "gelu": (
        "GELU, the erf form",
        {
            "x": N(0, 0, "x"), "phi": op(1.1, 1, "Φ", "normal distribution"), "times": op(2.3, 0, "×"), "y": N(3.3, 0, "y"),
        },
        [E("x", "times", "dy Φ(x)"), E("x", "phi", "dy x φ(x)"), E("phi", "times", "dy x"), E("times", "y", "dy")],
    ),
    "normal_cdf": (
        "The normal distribution and its derivative",
        {"x": N(0, 0, "x"), "cdf": op(1.2, 0, "½ (1 + erf(x/√2))"), "y": N(2.5, 0, "Φ(x)")},
        [E("x", "cdf", "dΦ φ(x)"), E("cdf", "y", "dΦ")],
    ),
    "dropout": (
        "Dropout: one mask, forward and back",
        {
            "x": N(0, 0, "x"), "m": N(0, 1, "m", "0 or 1, drawn once"), "times": op(1.4, 0, "x m / (1 - p)"), "y": N(2.7, 0, "y"),
        },
        [E("x", "times", "dx = dy m / (1 - p)"), E("m", "times"), E("times", "y", "dy")],
    ),
    "lookup": (
        "A lookup and its scatter-add",
        {
            "W": learned(0, 0, "W", "(V, H)"), "ids": N(0, 1, "ids", "(...)"), "gather": op(1.4, 0, "W[ids]", "gather"),
            "y": N(2.6, 0, "y", "(..., H)"),
        },
        [E("W", "gather", "dW[id] += dy"), E("ids", "gather"), E("gather", "y", "dy")],
    ),
    "embedding": (
        "The three embeddings",
        {
            "word": learned(0, 0, "W_word", "(V, H)"), "position": learned(0, 1, "W_position", "(P, H)"),
            "segment": learned(0, 2, "W_segment", "(S, H)"), "sum": op(1.4, 1, "+"), "norm": op(2.4, 1, "LayerNorm"),
            "drop": op(3.4, 1, "dropout"), "y": N(4.3, 1, "y", "(B, T, H)"),
        },
        [
            E("word", "sum", "add to row id"), E("position", "sum", "sum over the batch"), E("segment", "sum", "add to rows 0, 1"),
            E("sum", "norm", "dtotal"), E("norm", "drop", "dnormed"), E("drop", "y", "dy"),
        ],
    ),
    "attention": (
        "Scaled dot-product attention",
        {
            "Q": N(0, 0, "Q", "(T, D)"), "K": N(0, 1, "K", "(U, D)"), "score": op(1.1, 0.5, "Q Kᵀ / √D"),
            "S": N(2.1, 0.5, "S", "(T, U)"), "softmax": op(2.95, 0.5, "softmax", "allowed keys"), "P": N(3.85, 0.5, "P", "(T, U)"),
            "V": N(3.85, 1.6, "V", "(U, D)"), "mix": op(4.9, 0.5, "P V"), "y": N(5.7, 0.5, "y", "(T, D)"),
        },
        [
            E("Q", "score", "dQ = dS K / √D"), E("K", "score", "dK = dSᵀ Q / √D"), E("score", "S", "dS"),
            E("S", "softmax"), E("softmax", "P", "dS"), E("P", "mix", "dP = dy Vᵀ"), E("V", "mix", "dV = Pᵀ dy"),
            E("mix", "y", "dy"),
        ],
    ),
    "feed_forward": (
        "The feed-forward network",
        {
            "x": N(0, 0, "x", "(T, H)"), "expand": op(1, 0, "x W_1ᵀ + b_1"), "h": N(2, 0, "h", "(T, F)"), "gelu": op(2.8, 0, "gelu"),
            "contract": op(3.8, 0, "a W_2ᵀ + b_2"), "y": N(4.8, 0, "y", "(T, H)"), "W1": learned(1, 1, "W_1, b_1"),
            "W2": learned(3.8, 1, "W_2, b_2"),
        },
        [
            E("x", "expand", "dx"), E("expand", "h", "dh"), E("h", "gelu", "dh"), E("gelu", "contract", "da"),
            E("contract", "y", "dy"), E("W1", "expand", "dW_1, db_1"), E("W2", "contract", "dW_2, db_2"),
        ],
    ),
    "recompute": (
        "A layer that keeps its input alone and is computed twice",
        {
            "x": N(0, 0, "x", "kept"), "layer": op(1.2, 0, "layer", "its cache is dropped"), "y": N(2.5, 0, "y"),
            "again": op(1.2, 1, "layer again", "same mask, same draws"), "cache": N(2.5, 1, "cache"),
        },
        [E("x", "layer"), E("layer", "y"), E("x", "again", "dx"), E("again", "cache"), E("y", "cache", "dy")],
    ),
    "pooler": (
        "The pooler reads [CLS]",
        {
            "h": N(0, 0, "hidden", "(B, T, H)"), "first": op(1.1, 0, "row 0", "[CLS]"), "linear": op(2.1, 0, "x Wᵀ + b"),
            "tanh": op(3.1, 0, "tanh"), "y": N(4, 0, "pooled", "(B, H)"), "W": learned(2.1, 1, "W, b"),
        },
        [
            E("h", "first", "0 but in row 0"), E("first", "linear", "dx"), E("linear", "tanh", "dz"), E("tanh", "y", "dpooled"),
            E("W", "linear", "dW, db"),
        ],
    ),
    "encoder": (
        "A stack of L layers, and the way back",
        {
            "h0": N(0, 0, "h_0", "(B, T, H)"), "l1": op(0.95, 0, "layer 1"), "l2": op(1.95, 0, "layer 2"), "dots": N(2.9, 0, "..."),
            "lL": op(3.8, 0, "layer L"), "y": N(4.75, 0, "h_L", "(B, T, H)"), "p1": learned(0.95, 1, "params 1"),
            "p2": learned(1.95, 1, "params 2"), "pL": learned(3.8, 1, "params L"),
        },
        [
            E("h0", "l1", "dh_0"), E("l1", "l2", "dh_1"), E("l2", "dots", "dh_2"), E("dots", "lL", "dh_{L-1}"), E("lL", "y", "dh_L"),
            E("p1", "l1", "dparams 1"), E("p2", "l2", "dparams 2"), E("pL", "lL", "dparams L"),
        ],
    ),
    "bert": (
        "BERT: two outputs, whose gradients meet in the encoder's",
        {
            "ids": N(0, 0, "ids", "(B, T)"), "embedding": op(1, 0, "embedding"), "encoder": op(2.1, 0, "encoder"),
            "hidden": N(3.2, 0, "hidden", "(B, T, H)"), "pooler": op(3.2, 1, "pooler"), "pooled": N(4.2, 1, "pooled", "(B, H)"),
            "token": op(4.2, 0, "heads of tokens"), "text": op(5.3, 1, "heads of texts"),
        },
        [
            E("ids", "embedding"), E("embedding", "encoder", "dx"), E("encoder", "hidden", "sum of both"), E("hidden", "token", "dhidden"),
            E("hidden", "pooler", "row 0 alone"), E("pooler", "pooled"), E("pooled", "text", "dpooled"),
        ],
    ),
    "cross_entropy": (
        "Softmax and cross-entropy: predicted minus true",
        {
            "z": N(0, 0, "z", "(N, C)"), "log": op(1.1, 0, "log-softmax"), "pick": op(2.3, 0, "pick the label"),
            "labels": N(2.3, 1, "labels", "(N,)"), "mean": op(3.4, 0, "-mean", "over n labels"), "loss": N(4.4, 0, "loss"),
        },
        [
            E("z", "log", "dz = (p - y) / n"), E("log", "pick", "-1/n at the label"), E("labels", "pick"), E("pick", "mean"),
            E("mean", "loss", "dloss"),
        ],
    ),
    "binary_cross_entropy": (
        "Sigmoid and binary cross-entropy: each class by itself",
        {
            "z": N(0, 0, "z", "(N, C)"), "sigmoid": op(1.2, 0, "σ"), "labels": N(1.2, 1, "labels", "0 or 1"),
            "entropy": op(2.4, 0, "-y log p - (1-y) log(1-p)"), "loss": N(3.8, 0, "loss", "mean"),
        },
        [E("z", "sigmoid", "dz = (p - y) / n"), E("sigmoid", "entropy"), E("labels", "entropy"), E("entropy", "loss", "dloss")],
    ),
    "squared_error": (
        "The mean squared error",
        {
            "x": N(0, 0, "x", "(n,)"), "target": N(0, 1, "target", "(n,)"), "minus": op(1.1, 0, "e = x - target"),
            "square": op(2.3, 0, "mean of e²"), "loss": N(3.3, 0, "loss"),
        },
        [E("x", "minus", "dx"), E("target", "minus"), E("minus", "square", "2 e / n"), E("square", "loss", "dloss")],
    ),
    "head": (
        "A head on BERT",
        {
            "encoded": N(0, 0, "encoded"), "head": op(1.1, 0, "head"), "params": learned(1.1, 1, "params"),
            "logits": N(2.2, 0, "logits", "(..., C)"), "loss": op(3.3, 0, "cross-entropy"), "labels": N(3.3, 1, "labels"), "l": N(4.4, 0, "loss"),
        },
        [
            E("encoded", "head", "dencoded"), E("params", "head", "dparams"), E("head", "logits", "dlogits"), E("logits", "loss", "p - y"),
            E("labels", "loss"), E("loss", "l", "dloss"),
        ],
    ),
    "sequence_classification": (
        "A class for a text",
        {
            "pooled": N(0, 0, "pooled", "(B, H)"), "drop": op(1, 0, "dropout"), "linear": op(2, 0, "x Wᵀ + b"), "W": learned(2, 1, "W, b", "(C, H)"),
            "logits": N(3, 0, "logits", "(B, C)"), "loss": op(4, 0, "cross-entropy"),
        },
        [
            E("pooled", "drop", "dpooled"), E("drop", "linear", "dx"), E("W", "linear", "dW, db"), E("linear", "logits", "dlogits"),
            E("logits", "loss", "(p - y) / B"),
        ],
    ),
    "token_classification": (
        "A class for each token",
        {
            "hidden": N(0, 0, "hidden", "(B, T, H)"), "drop": op(1, 0, "dropout"), "linear": op(2, 0, "x Wᵀ + b"),
            "W": learned(2, 1, "W, b", "(C, H)"), "logits": N(3, 0, "logits", "(B, T, C)"), "loss": op(4.1, 0, "cross-entropy", "labeled tokens"),
        },
        [
            E("hidden", "drop", "dhidden"), E("drop", "linear", "dx"), E("W", "linear", "dW, db"), E("linear", "logits", "dlogits"),
            E("logits", "loss", "(p - y) / n"),
        ],
    ),
    "question_answering": (
        "Where an answer begins and ends: two softmaxes over the tokens",
        {
            "hidden": N(0, 0.5, "hidden", "(B, T, H)"), "linear": op(1.1, 0.5, "x Wᵀ + b", "W (2, H)"), "start": N(2.2, 0, "start", "(B, T)"),
            "end": N(2.2, 1, "end", "(B, T)"), "s": op(3.4, 0, "cross-entropy", "over T"), "e": op(3.4, 1, "cross-entropy", "over T"),
            "loss": N(4.5, 0.5, "loss", "their mean"),
        },
        [
            E("hidden", "linear", "dhidden"), E("linear", "start", "dstart"), E("linear", "end", "dend"), E("start", "s", "p - y"),
            E("end", "e", "p - y"), E("s", "loss", "½ dloss"), E("e", "loss", "½ dloss"),
        ],
    ),
    "multiple_choice": (
        "Texts that compete: one score each, one softmax over the K choices",
        {
            "pooled": N(0, 0, "pooled", "(B·K, H)"), "linear": op(1.1, 0, "x wᵀ + b"), "w": learned(1.1, 1, "w, b", "(1, H)"),
            "scores": N(2.2, 0, "scores", "(B, K)"), "loss": op(3.4, 0, "cross-entropy", "over K"),
        },
        [E("pooled", "linear", "dpooled"), E("w", "linear", "dw, db"), E("linear", "scores", "dscores"), E("scores", "loss", "(p - y) / B")],
    ),
    "sentence_embedding": (
        "One vector for a text: a mean, then unit length",
        {
            "hidden": N(0, 0, "hidden", "(B, T, H)"), "mean": op(1.2, 0, "mean", "over real tokens"), "v": N(2.3, 0, "v", "(B, H)"),
            "norm": op(3.2, 0, "v / |v|"), "u": N(4.2, 0, "u", "(B, H)"),
        },
        [E("hidden", "mean", "dv / T_real"), E("mean", "v"), E("v", "norm", "(du - u (u·du)) / |v|"), E("norm", "u", "du")],
    ),
    "next_sentence": (
        "Does the second text follow?",
        {
            "pooled": N(0, 0, "pooled", "(B, H)"), "linear": op(1.1, 0, "x Wᵀ + b"), "W": learned(1.1, 1, "W, b", "(2, H)"),
            "logits": N(2.2, 0, "logits", "(B, 2)"), "loss": op(3.4, 0, "cross-entropy"),
        },
        [E("pooled", "linear", "dpooled"), E("W", "linear", "dW, db"), E("linear", "logits", "dlogits"), E("logits", "loss", "(p - y) / B")],
    ),
    "pretraining": (
        "Two losses: gradients that meet add up",
        {
            "bert": op(0, 0.5, "BERT"), "hidden": N(1.1, 0, "hidden"), "pooled": N(1.1, 1, "pooled"), "mlm": op(2.2, 0, "masked LM"),
            "nsp": op(2.2, 1, "next sentence"), "sum": op(3.4, 0.5, "+"), "loss": N(4.3, 0.5, "loss"),
        },
        [
            E("bert", "hidden"), E("bert", "pooled"), E("hidden", "mlm", "dhidden"), E("pooled", "nsp", "dpooled"), E("mlm", "sum", "dloss"),
            E("nsp", "sum", "dloss"), E("sum", "loss", "dloss"),
        ],
    ),
    "rows": (
        "Attention of the last layer on the rows that are read",
        {
            "x": N(0, 0.5, "x", "(B, T, H)"), "rows": op(1.2, 0, "x[rows]", "rows that are read"), "Q": N(2.2, 0, "Q", "(B, A, M, D)"),
            "KV": N(2.2, 1, "K, V", "(B, A, T, D)"), "attention": op(3.4, 0.5, "attention"), "y": N(4.5, 0.5, "y", "(B, M, H)"),
        },
        [
            E("x", "rows", "added to their rows"), E("rows", "Q", "dx_rows"), E("x", "KV", "dx of all tokens"), E("Q", "attention", "dQ"),
            E("KV", "attention", "dK, dV"), E("attention", "y", "dy"),
        ],
    ),
    "masked_lm": (
        "The masked language model and its tied decoder",
        {
            "hidden": N(0, 0, "hidden", "(B, T, H)"), "rows": op(1, 0, "masked rows", "M of B·T"), "transform": op(2.1, 0, "linear, gelu, norm"),
            "n": N(3.1, 0, "n", "(M, H)"), "decode": op(4, 0, "n Eᵀ + b"), "E": learned(4, 1, "E", "(V, H), tied"), "logits": N(5, 0, "logits", "(M, V)"),
        },
        [
            E("hidden", "rows", "0 elsewhere"), E("rows", "transform", "dasked"), E("transform", "n", "dn"), E("n", "decode", "dn"),
            E("E", "decode", "its first gradient"), E("decode", "logits", "(p - y) / M"),
        ],
    ),
}  # fmt: skip


def drawings() -> dict[str, Drawing]:
    """Each graph by its name."""
    made = {}
    for name, (title, nodes, edges) in GRAPHS.items():
        ways = [
            f"{edge.source} to {edge.target}" + (f", back {edge.gradient}" if edge.gradient else "") for edge in edges
        ]
        made[name] = draw(title, f"Computational graph. Forward and back: {'; '.join(ways)}.", nodes, edges)
    return made
