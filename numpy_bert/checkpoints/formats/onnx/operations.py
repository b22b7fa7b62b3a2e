"""What the nodes of a graph compute with stored tensors: products, layer norms, lookups.

Exporters and optimizers write the same computation in many ways. Here each way becomes one of three things:

    Product    x Wᵀ + b       MatMul and Add, Gemm; quantized: MatMulInteger with its scales, or one fused node
    Norm       layer norm     LayerNormalization, SkipLayerNormalization, or the nine nodes of older exporters
    Lookup     rows of a table, by ids: Gather, perhaps of a quantized table

Values that only pass on (Identity, Dropout, Cast) are looked through first, so that a weight that several places share
is found from each of them.

Source: the operators of ONNX and of ONNX Runtime's com.microsoft domain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ....files.reading import File
from .graph import Graph, Node, Stored, values_of

PASSING = ("Identity", "Dropout", "Cast")
SHAPING = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Gather", "Expand")  # of their input 0
QUANTIZED = ("int8", "uint8")
FUSED_GEMM = "com.microsoft.FusedGemm"  # with an activation behind: the tanh of a pooler
MOST_STEPS = 64  # nodes looked at from one value on


class Weight(NamedTuple):
    """A stored tensor as a place of the graph uses it."""

    stored: Stored
    transposed: bool = False  # stored as (in, out)
    scale: Stored | None = None  # where it is quantized: (stored - zero) * scale
    zero: Stored | None = None
    axis: int = 0  # of the stored tensor, along which a list of scales goes
    part: tuple[int, int] = (0, 1)  # which of how many equal parts, side by side in the last axis

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape as (out, in)."""
        shape = self.stored.entry.shape
        shape = (*shape[:-1], shape[-1] // self.part[1]) if shape else ()
        return shape[::-1] if self.transposed else shape


class Product(NamedTuple):
    x: str
    weight: Weight
    bias: Weight | None
    result: str
    node: Node


class Norm(NamedTuple):
    parts: tuple[str, ...]  # whose sum is normalized
    gamma: Weight
    beta: Weight
    epsilon: float
    result: str
    node: Node


class Lookup(NamedTuple):
    table: Weight
    ids: str
    result: str
    node: Node


class Operations:
    """All of a graph. The dictionaries go by the value that comes out."""

    def __init__(self, file: File, graph: Graph) -> None:
        self.file = file
        self._graph = graph
        self._passed: dict[str, str] = {}
        self.nodes = [node._replace(inputs=tuple(map(self.plain, node.inputs))) for node in graph.nodes]
        self.producers = {name: node for node in self.nodes for name in node.outputs if name}
        self.consumers: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            if node.op not in PASSING:
                for name in dict.fromkeys(node.inputs):
                    self.consumers[name].append(node)
        self.norms = {norm.result: norm for norm in self._norms()}
        self.products = {product.result: product for product in self._products()}
        self.lookups = {lookup.result: lookup for lookup in self._lookups()}
        self.products_of: dict[str, list[Product]] = defaultdict(list)
        for product in self.products.values():
            self.products_of[product.x].append(product)

    def plain(self, value: str) -> str:
        """The value that this one is a copy of."""
        way = []
        while value not in self._passed:
            self._passed[value] = value  # ends a circle
            way.append(value)
            node = self._graph.producers.get(value)
            if node is not None and node.op in PASSING and node.inputs and value == node.outputs[0]:
                value = node.inputs[0]
        end = self._passed[value]
        self._passed.update(dict.fromkeys(way, end))
        return end

    def op(self, value: str) -> str:
        node = self.producers.get(value)
        return node.op if node else ""

    def number(self, value: str) -> float | None:
        """A stored scalar."""
        stored = self._graph.stored.get(value)
        return float(values_of(self.file, stored).reshape(-1)[0]) if stored and stored.size == 1 else None

    def stored(self, value: str) -> Stored | None:
        return self._graph.stored.get(value)

    def weight(self, value: str, rank: int) -> Weight | None:
        """A stored tensor of this rank, perhaps quantized, perhaps transposed by a node."""
        stored = self._graph.stored.get(value)
        if stored is not None:
            floating = stored.entry.loaded.kind == "f"
            return Weight(stored) if floating and len(stored.entry.shape) == rank else None
        node = self.producers.get(value)
        if node is None or not node.inputs:
            return None
        if node.op == "DequantizeLinear" and rank == 2:
            value, scale, zero = (*node.inputs, "", "")[:3]
            return self._quantized(node, value, scale, zero, node.attributes.get("axis", 1))
        if node.op == "Transpose" and rank == 2 and node.attributes.get("perm", [1, 0]) == [1, 0]:
            weight = self._graph.stored.get(node.inputs[0]) and self.weight(node.inputs[0], rank)
            return weight._replace(transposed=True) if weight else None
        return None

    def _quantized(self, node: Node, value: str, scale: str = "", zero: str = "", axis: int = 1) -> Weight | None:
        stored, scales, zeros = map(self._graph.stored.get, (value, scale, zero))
        if stored is None or scales is None or stored.entry.dtype not in QUANTIZED or (zero and zeros is None):
            return None
        axis = axis if axis >= 0 else axis + len(stored.entry.shape)
        if len(stored.entry.shape) != 2 or axis not in (0, 1):
            return None
        length = stored.entry.shape[axis : axis + 1]
        fits = all(other is None or other.entry.shape in ((), (1,), length) for other in (scales, zeros))
        if not fits or scales.entry.dtype not in ("float32", "float16"):
            raise self.file.error(f"{node}: expected a scale, or one for each column, got another shape or type")
        if zeros is not None and zeros.entry.dtype != stored.entry.dtype:
            raise self.file.error(f"{node}: expected a zero point of {stored.entry.dtype}, got {zeros.entry.dtype}")
        return Weight(stored, scale=scales, zero=zeros, axis=axis)

    # Products

    def _products(self) -> Iterator[Product]:
        for node in self.nodes:
            product = self._product(node)
            if product is not None:
                yield self._with_bias(product)

    def _product(self, node: Node) -> Product | None:
        inputs = (*node.inputs, *[""] * 8)
        weight, bias, result = None, None, node.outputs[0] if node.outputs else ""
        x, flipped = inputs[0], True
        if node.op == "MatMul":
            weight = self.weight(inputs[1], 2)
        elif node.op == "Gemm" or (node.op == FUSED_GEMM and node.attributes.get("activation") == b"Tanh"):
            factors = [node.attributes.get(key, 1.0) for key in ("alpha", "beta")]
            if factors == [1.0, 1.0] and not node.attributes.get("transA"):
                weight, bias = self.weight(inputs[1], 2), self.weight(inputs[2], 1)
                flipped = not node.attributes.get("transB")
        elif node.op == "MatMulInteger":
            x = self._before_quantizing(inputs[0])
            scaling = next((user for user in self.consumers[result] if user.op == "Mul"), None)
            scale = scaling and self._stored_factor(next(name for name in scaling.inputs if name != result))
            if x and scaling and scale:
                weight, result = self._quantized(node, inputs[1], scale, inputs[3]), scaling.outputs[0]
        elif node.op == "com.microsoft.DynamicQuantizeMatMul":
            weight, bias = self._quantized(node, inputs[1], inputs[2], inputs[3]), self.weight(inputs[4], 1)
        elif node.op == "com.microsoft.MatMulIntegerToFloat":
            x = self._before_quantizing(inputs[0])
            weight, bias = self._quantized(node, inputs[1], inputs[3], inputs[5]), self.weight(inputs[6], 1)
        elif node.op == "com.microsoft.Attention":
            weight, bias = self.weight(inputs[1], 2), self.weight(inputs[2], 1)
        elif node.op == "com.microsoft.QAttention":
            x = self._before_quantizing(inputs[0])
            weight, bias = self._quantized(node, inputs[1], inputs[4], inputs[7]), self.weight(inputs[2], 1)
        if weight is None or not x or len(weight.stored.entry.shape) != 2:
            return None
        return Product(x, weight._replace(transposed=weight.transposed != flipped), bias, result, node)

    def _before_quantizing(self, value: str) -> str:
        node = self.producers.get(value)
        return node.inputs[0] if node and node.op == "DynamicQuantizeLinear" and node.inputs else ""

    def _stored_factor(self, value: str) -> str:
        """Of two scales that are multiplied, the stored one."""
        node = self.producers.get(value)
        factors = node.inputs if node and node.op == "Mul" else ()
        return next((name for name in factors if name in self._graph.stored), "")

    def _with_bias(self, product: Product) -> Product:
        """With the vector that the only node behind adds, alone or together with a GELU."""
        users = self.consumers[product.result]
        if product.bias is not None or len(users) != 1:
            return product
        (user,) = users
        vectors = [self.weight(name, 1) for name in user.inputs if name != product.result]
        if user.op in ("com.microsoft.BiasGelu", "com.microsoft.FastGelu") and vectors:
            return product._replace(bias=vectors[0])
        if user.op == "Add" and vectors and vectors[0] is not None:
            return product._replace(bias=vectors[0], result=user.outputs[0])
        return product

    # Norms

    def _norms(self) -> Iterator[Norm]:
        vectors: tuple[str, ...]
        parts: tuple[str, ...]
        for node in self.nodes:
            inputs, epsilon = node.inputs, node.attributes.get("epsilon")
            if node.op == "LayerNormalization" and len(inputs) == 3:
                vectors, parts, result = inputs[1:], inputs[:1], node.outputs[0]
                epsilon = 1e-5 if epsilon is None else epsilon
            elif node.op == "com.microsoft.SkipLayerNormalization" and len(inputs) >= 4:
                vectors, parts, result = inputs[2:4], (*inputs[:2], *inputs[4:5]), node.outputs[0]
                epsilon = 1e-12 if epsilon is None else epsilon
            elif node.op == "Div" and (written_out := self._written_out(node)):
                vectors, parts, result, epsilon = written_out
            else:
                continue
            gamma, beta = (self.weight(name, 1) for name in vectors)
            if gamma is not None and beta is not None:
                yield Norm(tuple(parts), gamma, beta, float(epsilon or 0.0), result, node)

    def _written_out(self, division: Node) -> tuple[tuple[str, ...], tuple[str, ...], str, float | None] | None:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, from its division on."""
        if len(division.inputs) != 2:
            return None
        centered, root = map(self.producers.get, division.inputs)
        if not centered or not root or (centered.op, root.op) != ("Sub", "Sqrt") or len(centered.inputs) != 2:
            return None
        x, mean = centered.inputs[0], self.producers.get(centered.inputs[1])
        if mean is None or mean.op != "ReduceMean" or mean.inputs[:1] != (x,):
            return None
        inside = self.producers.get(root.inputs[0])
        epsilon = next(filter(None, map(self.number, inside.inputs)), None) if inside and inside.op == "Add" else None
        value, vectors = division.outputs[0], []
        for op in ("Mul", "Add"):
            user = next((user for user in self.consumers[value] if user.op == op and len(user.inputs) == 2), None)
            if user is None:
                return None
            vectors.append(next((name for name in user.inputs if name != value), ""))
            value = user.outputs[0]
        return tuple(vectors), (x,), value, epsilon

    # Lookups

    def _lookups(self) -> Iterator[Lookup]:
        for node in self.nodes:
            if node.op != "Gather" or len(node.inputs) != 2 or node.attributes.get("axis"):
                continue
            table, result = self.weight(node.inputs[0], 2), node.outputs[0]
            user = next((user for user in self.consumers[result] if user.op == "DequantizeLinear"), None)
            if table is None and user is not None and user.inputs[0] == result:
                _, scale, zero = (*user.inputs, "", "")[:3]
                table, result = self._quantized(user, node.inputs[0], scale, zero), user.outputs[0]
            if table is not None:
                yield Lookup(table, node.inputs[1], result, node)

    # Ways through the graph

    def parts(self, values: Iterable[str]) -> list[str]:
        """What is added up in these values: products, norms, lookups, stored tensors and others."""
        known = self.products.keys() | self.norms.keys() | self.lookups.keys()
        left, leaves, steps = list(values), [], 0
        while left:
            value = left.pop()
            node = self.producers.get(value)
            steps += 1
            if value in known or node is None or node.op != "Add" or steps > MOST_STEPS:
                leaves.append(value)
            else:
                left += node.inputs
        return leaves

    def behind(self, value: str, ops: Iterable[str], wanted: Iterable[str]) -> list[str]:
        """The nearest values of `wanted` that this one is computed from by these operations alone."""
        wanted, ops, left, seen, values = set(wanted), set(ops), [value], {value}, []
        while left and len(seen) < MOST_STEPS * 4:
            value = left.pop(0)
            node = self.producers.get(value)
            if value in wanted:
                values.append(value)
            elif node is not None and node.op in ops:
                names = node.inputs[:1] if node.op in SHAPING else node.inputs
                left += [name for name in names if name not in seen]
                seen.update(names)
        return values
