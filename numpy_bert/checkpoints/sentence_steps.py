"""What follows the pooling of a sentence model: Dense, LayerNorm and Normalize, as sentence-transformers stores them.

    2_Dense/config.json          sizes, the activation by the name of its class in PyTorch
    2_Dense/model.safetensors    linear.weight (O, I), linear.bias (O,) and, for a residual connection that changes the
                                 size, residual.weight (O, I); pytorch_model.bin in older folders

Source: base/modules/dense.py and normalize.py, sentence_transformer/modules/layer_norm.py of sentence-transformers 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..blocks import layer_norm, linear
from ..errors import Error, describe, show
from ..files import strict_json
from ..numerics.arrays import Array
from . import locate

# Names of ours -> the classes of PyTorch, without `torch.nn.modules.`
ACTIVATIONS = {
    "identity": "linear.Identity",
    "tanh": "activation.Tanh",
    "sigmoid": "activation.Sigmoid",
    "relu": "activation.ReLU",
    "gelu": "activation.GELU",
    "silu": "activation.SiLU",
}
LAYER_NORM_EPS = 1e-5  # PyTorch's, which the module does not change
VECTOR = "sentence_embedding"  # what a step reads and writes, by the name of its modules


class Dense(NamedTuple):
    """y = activation(x Wᵀ + b), and + x Rᵀ with a residual connection"""

    linear: linear.Params
    activation: str  # one of ACTIVATIONS
    residual: Array | None = None  # R (O, I), the identity where the sizes are the same


class LayerNorm(NamedTuple):
    """y = γ (x - μ) / √(σ² + 1e-5) + β"""

    norm: layer_norm.Params


class Normalize(NamedTuple):
    """y = x / |x|"""

    smallest: float = 1e-12  # what is divided by at least


Step = Dense | LayerNorm | Normalize
KINDS = ("Dense", "LayerNorm", "Normalize", "Dropout")  # Dropout does nothing outside training


def activation(name: Any, at: Path, key: str) -> str:
    """The class of PyTorch that a file names, by our name. Error: one that is not known here."""
    last = str(name).rpartition(".")[2]
    known = {path.rpartition(".")[2]: ours for ours, path in ACTIVATIONS.items()}
    if not isinstance(name, str) or not name.startswith("torch.") or last not in known:
        raise Error(f"expected one of {', '.join(known)} of torch.nn, got {show(name, 80)}", at=at, key=key)
    return known[last]


def read(kind: str, folder: Path, size: int | None) -> tuple[list[Step], int | None]:
    """The step in a folder, for vectors of `size` numbers -> none or one step, and the size after it; None: unknown."""
    if kind == "Dropout":
        return [], size
    if kind == "Normalize":
        _refuse_other_features(folder)
        return [Normalize()], size
    config, path = _refuse_other_features(folder), folder / "config.json"
    if kind == "LayerNorm":
        inputs = _dimension(config, "dimension", size, path)
        norm = layer_norm.Params(*_weights(folder, {"norm.weight": (inputs,), "norm.bias": (inputs,)}))
        return [LayerNorm(norm)], inputs
    inputs = _dimension(config, "in_features", size, path)
    outputs = _dimension(config, "out_features", None, path)
    name = activation(config.get("activation_function", "torch.nn.Tanh"), path, "activation_function")
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (outputs, inputs)}
    if config.get("bias", True):
        shapes["linear.bias"] = (outputs,)
    has_residual = config.get("use_residual", False)
    if not isinstance(has_residual, bool):
        raise Error(f"use_residual: expected true or false, got {describe(has_residual)}", at=path)
    if has_residual and inputs != outputs:
        shapes["residual.weight"] = (outputs, inputs)
    arrays = dict(zip(shapes, _weights(folder, shapes), strict=True))
    W = arrays["linear.weight"]
    step = Dense(linear.Params(W, arrays.get("linear.bias", np.zeros(outputs, W.dtype))), name)
    if has_residual:
        step = step._replace(residual=arrays.get("residual.weight", np.eye(outputs, dtype=W.dtype)))
    return [step], outputs


def _refuse_other_features(folder: Path) -> dict[str, Any]:
    """The config of a step, which must work on the vector of the text."""
    path = folder / "config.json"
    config = strict_json.read(path) if path.is_file() else {}
    if not isinstance(config, dict):
        raise Error("expected an object", at=path)
    for key in ("module_input_name", "module_output_name"):
        if config.get(key) not in (None, VECTOR):
            raise Error(f"{key}: expected {VECTOR}, got {show(config[key])}", at=path)
    return config


def _dimension(config: dict[str, Any], key: str, size: int | None, path: Path) -> int:
    """A size of a step. Error: it is no size, or differs from the size of the vectors."""
    value = config.get(key)
    if type(value) is not int or value < 1 or size not in (None, value):
        expected = "a number above 0" if size is None else f"{size}, the numbers of a vector before it"
        raise Error(f"{key}: expected {expected}, got {show(value)}", at=path)
    return value


def _weights(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> list[Array]:
    """The arrays of a step, at least float32. Error: one is missing or has another shape."""
    weights = locate.locate(folder)
    entries = weights.reader.describe(weights.path)
    for name, dims in shapes.items():
        actual = entries[name].shape if name in entries else None
        if actual != dims:
            got = "no such tensor" if actual is None else str(actual)
            raise Error(f"expected the shape {dims}, got {got}", at=weights.path, key=name)
    arrays = weights.reader.read(weights.path, names=list(shapes))
    return [arrays[name].astype(np.result_type(np.float32, arrays[name].dtype), copy=False) for name in shapes]


def files(steps: Sequence[Step], size: int) -> list[tuple[str, dict[str, Any], dict[str, Array]]]:
    """For each step the name of its class, its config and its arrays, as sentence-transformers writes them."""
    written: list[tuple[str, dict[str, Any], dict[str, Array]]] = []
    for step in steps:
        if isinstance(step, Dense):
            outputs = len(step.linear.W)
            config: dict[str, Any] = {"in_features": size, "out_features": outputs, "bias": True}
            config["activation_function"] = f"torch.nn.modules.{ACTIVATIONS[step.activation]}"
            arrays = {"linear.weight": step.linear.W, "linear.bias": step.linear.b}
            if step.residual is not None:
                config["use_residual"] = True
                arrays |= {"residual.weight": step.residual} if outputs != size else {}
            written.append(("Dense", config, arrays))
            size = outputs
        elif isinstance(step, LayerNorm):
            arrays = {"norm.weight": step.norm.gamma, "norm.bias": step.norm.beta}
            written.append(("LayerNorm", {"dimension": size}, arrays))
        else:
            written.append(("Normalize", {}, {}))
    return written
