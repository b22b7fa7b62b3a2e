"""Which stored tensor is which weight of BERT: the graph followed from the embeddings on, norm by norm.

    lookups of ids, segments and positions -> norm                                        the embeddings
    norm(hidden + product(attention(three products of hidden)))                           a layer's attention
    norm(hidden + product(GELU(product(hidden))))                                         its feed-forward part
    tanh(product(first token)), products of it, products of the last hidden states        pooler and heads

No name in the graph is believed but those of its inputs, which tell ids from segments, and for heads the name of the
bias, where it says which head it is. Names are otherwise what the exporter made of them ("onnx::MatMul_373"), and two
equal tensors have one. Query and key are distinguished by their sides in the product of attention scores.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import NamedTuple

from ....errors import Error
from ....files.reading import File
from ..tensors import Entry
from . import gelu
from .graph import Graph, Node, Stored, values_of
from .operations import FUSED_GEMM, SHAPING, Norm, Operations, Product, Weight

HEADS_APART = ("Reshape", "Transpose", "Unsqueeze", "Squeeze", "Mul", "Div")
SCORING = (*HEADS_APART, "Add", "Where")
ADDING = ("Add", "com.microsoft.BiasGelu", "com.microsoft.FastGelu", "com.microsoft.SkipLayerNormalization")
PRODUCT = ("MatMul", "com.microsoft.FusedMatMul")  # of two computed values
FUSED_ATTENTION = ("com.microsoft.Attention", "com.microsoft.QAttention")
MOST_LAYERS = 1000
HEADS = ("classifier", "qa_outputs", "cls.seq_relationship")


class GraphBert(NamedTuple):
    weights: dict[str, Weight]  # by Hugging Face's names
    nodes: dict[str, Node]  # where each is used
    num_layers: int
    num_heads: int | None  # None where the graph does not say
    gelu: str  # "erf" or "tanh"
    epsilon: float


def find(file: File, graph: Graph) -> GraphBert:
    """The weights of the BERT in a graph. Error: there is none, or it is computed in a way that is not known here."""
    return _Walk(file, Operations(file, graph), graph).bert()


class _Walk:
    def __init__(self, file: File, operations: Operations, graph: Graph) -> None:
        self.file, self.all, self.graph = file, operations, graph
        self.weights: dict[str, Weight] = {}
        self.nodes: dict[str, Node] = {}
        self.heads: set[int | None] = set()
        self.gelus: set[str] = set()

    def bert(self) -> GraphBert:
        embedded = self._embeddings()
        hidden, layers = embedded.result, 0
        while (norm := self._norm_behind(hidden)) is not None and layers < MOST_LAYERS:
            hidden = self._layer(f"bert.encoder.layer.{layers}", hidden, norm)
            layers += 1
        if not layers:
            raise self.file.error(f"{embedded.node}: expected a layer of BERT behind it, got none that is known here")
        self._heads(hidden)
        if len(self.gelus) != 1 or len(self.heads) != 1:
            got = f"{' and '.join(sorted(self.gelus))}, {self.heads} heads"
            raise self.file.error(f"expected one form of GELU and one number of heads, got {got}")
        return GraphBert(self.weights, self.nodes, layers, self.heads.pop(), self.gelus.pop(), embedded.epsilon)

    def _error(self, node: Node, expected: str) -> Error:
        return self.file.error(f"{node}: expected {expected}, got another computation")

    def _put(self, name: str, node: Node, weight: Weight | None, *shape: int | None) -> None:
        """Keep a weight, which has this shape; None is a size that is not known."""
        if weight is None:
            raise self._error(node, f"a stored {name}")
        fits = len(weight.shape) == len(shape) and all(
            size in (None, other) for size, other in zip(shape, weight.shape, strict=True)
        )
        if not fits:
            wanted = [size or "any" for size in shape]
            raise self.file.error(f"{node}: {name}: expected shape {wanted}, got {list(weight.shape)}")
        self.weights[name], self.nodes[name] = weight, node

    def _put_norm(self, name: str, norm: Norm) -> None:
        for field, weight in (("weight", norm.gamma), ("bias", norm.beta)):
            self._put(f"{name}.{field}", norm.node, weight, self.size)

    def _put_product(self, name: str, product: Product, rows: int | None, columns: int) -> None:
        if product.node.op == FUSED_GEMM and name != "bert.pooler.dense":
            raise self._error(product.node, f"{name} without a tanh")
        self._put(f"{name}.weight", product.node, product.weight, rows, columns)
        self._put(f"{name}.bias", product.node, self._bias(product).bias, product.weight.shape[0])

    def _bias(self, product: Product, summed: bool = False) -> Product:
        """With zeros for a bias where nothing is added: exporters leave out an addition of zeros.

        summed: all that is added to the product is known.
        """
        if product.bias is not None:
            return product
        adding = [user for user in self.all.consumers[product.result] if user.op in ADDING]
        if adding and not summed:
            raise self._error(adding[0], "a stored bias")
        length = product.weight.shape[0]
        zeros = Stored("", Entry("float32", (length,)), os.fspath(self.file.path), 0, packed=(0,) * length)
        return product._replace(bias=Weight(zeros))

    # The embeddings

    def _embeddings(self) -> Norm:
        for norm in self.all.norms.values():
            lookups = [self.all.lookups.get(part) for part in self.all.parts(norm.parts)]
            known = [lookup for lookup in lookups if lookup is not None]
            if len(known) == 3 == len(lookups):
                rows = sorted(known, key=lambda lookup: lookup.table.shape[0])
                positions = [lookup for lookup in known if not self._input_of(lookup.ids)]
                positions += [lookup for lookup in known if "position" in self._input_of(lookup.ids)]
                if len(positions) != 1:
                    raise self._error(norm.node, "one lookup by positions")
                segments, words = (lookup for lookup in rows if lookup is not positions[0])
                self.size = words.table.shape[1]
                self._put_tables(norm.node, words.table, positions[0].table, segments.table)
                self._put_norm("bert.embeddings.LayerNorm", norm)
                return norm
        return self._fused_embeddings()

    def _fused_embeddings(self) -> Norm:
        """EmbedLayerNormalization: ids, segments, the three tables, gamma, beta."""
        for node in self.all.nodes:
            if node.op == "com.microsoft.EmbedLayerNormalization" and len(node.inputs) >= 7:
                words, positions, segments = (self.all.weight(name, 2) for name in node.inputs[2:5])
                gamma, beta = (self.all.weight(name, 1) for name in node.inputs[5:7])
                if words is None or gamma is None or beta is None:
                    raise self._error(node, "stored tables")
                self.size = words.shape[1]
                self._put_tables(node, words, positions, segments)
                norm = Norm((), gamma, beta, float(node.attributes.get("epsilon", 1e-12)), node.outputs[0], node)
                self._put_norm("bert.embeddings.LayerNorm", norm)
                return norm
        raise self.file.error("expected the embeddings of a BERT: a norm of three lookups, got a graph without")

    def _put_tables(self, node: Node, words: Weight, positions: Weight | None, segments: Weight | None) -> None:
        for name, table in (("word", words), ("position", positions), ("token_type", segments)):
            self._put(f"bert.embeddings.{name}_embeddings.weight", node, table, None, self.size)

    def _input_of(self, value: str) -> str:
        """The input of the graph that this is; "" for what is computed."""
        return value if value in self.graph.inputs else ""

    # A layer

    def _norm_behind(self, hidden: str) -> Norm | None:
        """The norm of a sum of these hidden states and a product."""
        norms = [norm for norm in self.all.norms.values() if hidden in self.all.parts(norm.parts)]
        if len(norms) > 1:
            raise self._error(norms[1].node, "one norm behind each residual connection")
        return norms[0] if norms and len(self.all.parts(norms[0].parts)) > 1 else None

    def _residual(self, hidden: str, norm: Norm) -> Product:
        """The product whose sum with the hidden states is normalized."""
        others = [part for part in self.all.parts(norm.parts) if part != hidden]
        products = [self.all.products[part] for part in others if part in self.all.products]
        vectors = [weight for part in others if (weight := self.all.weight(part, 1)) is not None]
        if len(products) != 1 or len(products) + len(vectors) != len(others) or len(vectors) > 1:
            raise self._error(norm.node, "the sum of hidden states and one product")
        if vectors and products[0].bias is not None:
            raise self._error(norm.node, "one bias")
        return self._bias(products[0]._replace(bias=vectors[0]) if vectors else products[0], summed=True)

    def _layer(self, name: str, hidden: str, norm: Norm) -> str:
        output = self._residual(hidden, norm)
        self._attention(f"{name}.attention.self", hidden, output)
        self._put_product(f"{name}.attention.output.dense", output, self.size, self.size)
        self._put_norm(f"{name}.attention.output.LayerNorm", norm)
        middle = norm.result
        last = self._norm_behind(middle)
        if last is None:
            raise self._error(norm.node, "a feed-forward part behind it")
        contract = self._residual(middle, last)
        expand = self._activated(contract, middle)
        self._put_product(f"{name}.intermediate.dense", expand, None, self.size)
        self._put_product(f"{name}.output.dense", contract, self.size, expand.weight.shape[0])
        self._put_norm(f"{name}.output.LayerNorm", last)
        return last.result

    def _activated(self, contract: Product, x: str) -> Product:
        """The product of x whose GELU this one reads."""
        products = [product for product in self.all.products_of[x] if product.node.op not in FUSED_ATTENTION]
        results = {product.result: product for product in products}
        behind = self.all.behind(contract.x, gelu.OPS, results)
        if len(set(behind)) != 1:
            raise self._error(contract.node, "a GELU of one product before it")
        self.gelus.add(gelu.form(self.all, contract.x, results))
        return results[behind[0]]

    # Attention

    def _attention(self, name: str, hidden: str, output: Product) -> None:
        fused = self.all.producers.get(output.x)
        if fused is not None and fused.op in FUSED_ATTENTION:
            products = self._fused(hidden, fused)
        else:
            products = self._unfused(hidden, output)
        for part, product in zip(("query", "key", "value"), products, strict=True):
            self._put_product(f"{name}.{part}", product, self.size, self.size)

    def _fused(self, hidden: str, node: Node) -> list[Product]:
        product = self.all.products.get(node.outputs[0])
        if product is None or product.x != hidden or product.bias is None or "qkv_hidden_sizes" in node.attributes:
            raise self._error(node, "attention of the hidden states with a stored weight and bias")
        self.heads.add(node.attributes.get("num_heads"))
        weight, bias = product.weight, product.bias
        if weight.shape != (3 * self.size, self.size) or bias.shape != (3 * self.size,):
            got = f"{list(weight.shape)} and {list(bias.shape)}"
            raise self.file.error(f"{node}: expected query, key and value of size {self.size}, got {got}")
        return [
            product._replace(weight=weight._replace(part=(i, 3)), bias=bias._replace(part=(i, 3))) for i in range(3)
        ]

    def _unfused(self, hidden: str, output: Product) -> list[Product]:
        """Query, key and value by where the product of attention scores and that of probabilities and values are."""
        inputs = {product.result: product for product in self.all.products_of[hidden]}
        node = self.all.producers.get(output.x)
        if node is not None and node.op == "com.microsoft.MultiHeadAttention" and len(node.inputs) >= 3:
            sources, bias = [[name] for name in node.inputs[:3]], (*node.inputs, "", "")[3]
            self.heads.add(node.attributes.get("num_heads"))
            if bias or not all(name in inputs for (name,) in sources):
                raise self._error(node, "three products of the hidden states")
        else:
            plain = [node.outputs[0] for node in self.all.nodes if node.op in PRODUCT]
            softmaxes = [node.outputs[0] for node in self.all.nodes if node.op == "Softmax"]
            mixed = self._only(output, self.all.behind(output.x, HEADS_APART[:4], plain))
            left, value = self.all.producers[mixed].inputs
            probabilities = self._only(output, self.all.behind(left, ("Where", "Mul"), softmaxes))
            scores = self._only(output, self.all.behind(self.all.producers[probabilities].inputs[0], SCORING, plain))
            query, key = self.all.producers[scores].inputs
            sources = [self.all.behind(side, HEADS_APART, inputs) for side in (query, key, value)]
            self.heads.add(self._num_heads(query, inputs))
        return [inputs[self._only(output, side)] for side in sources]

    def _only(self, output: Product, values: list[str]) -> str:
        if len(set(values)) != 1:
            raise self._error(output.node, "the attention of a BERT before it")
        return values[0]

    def _num_heads(self, query: str, inputs: Collection[str]) -> int | None:
        """By the shape (batch, tokens, heads, size of a head) that the queries are brought to."""
        reshapes = [node.outputs[0] for node in self.all.nodes if node.op == "Reshape"]
        for value in self.all.behind(query, ("Transpose", "Mul", "Div"), reshapes):
            shape = self.all.producers[value].inputs[1]
            node, stored = self.all.producers.get(shape), self.all.stored(shape)
            sizes: list[float | None] = []
            if stored is not None and stored.entry.loaded.kind == "i":
                sizes = [float(size) for size in values_of(self.file, stored).reshape(-1)]
            elif node is not None and node.op == "Concat":
                sizes = [self.all.number(name) for name in node.inputs]
            if len(sizes) == 4:
                heads, size = (int(number) if number and 0 < number <= self.size else 0 for number in sizes[2:])
                if heads or (size and self.size % size == 0):
                    return heads or self.size // size
        return None

    # Pooler and heads

    def _heads(self, hidden: str) -> None:
        for product in self.all.products.values():
            tanh = next((user for user in self.all.consumers[product.result] if user.op == "Tanh"), None)
            fused = product.node if product.node.op == FUSED_GEMM else None
            pooled = tanh or fused
            if pooled and product.x != hidden and self.all.behind(product.x, SHAPING, [hidden]):
                self._put_product("bert.pooler.dense", product, self.size, self.size)
                for other in self.all.products_of[pooled.outputs[0]]:
                    self._put_product(self._head(other), other, None, self.size)
        for product in self.all.products_of[hidden]:
            norms = [norm for norm in self.all.norms.values() if self._reads(norm, product)]
            if norms:
                self._masked_lm(product, norms[0])
            else:
                self._put_product(self._head(product), product, None, self.size)

    def _reads(self, norm: Norm, product: Product) -> bool:
        return len(norm.parts) == 1 and bool(self.all.behind(norm.parts[0], gelu.OPS, [product.result]))

    def _masked_lm(self, transform: Product, norm: Norm) -> None:
        self._put_product("cls.predictions.transform.dense", transform, self.size, self.size)
        self._put_norm("cls.predictions.transform.LayerNorm", norm)
        for product in self.all.products_of[norm.result]:
            self._put("cls.predictions.decoder.weight", product.node, product.weight, None, self.size)
            self._put("cls.predictions.bias", product.node, self._bias(product).bias, product.weight.shape[0])

    def _head(self, product: Product) -> str:
        name = product.bias.stored.name if product.bias else ""
        by_name = next((head for head in HEADS if name.removeprefix("bert.").startswith(f"{head}.")), None)
        split = any(user.op == "Split" for user in self.all.consumers[product.result])
        return by_name or ("qa_outputs" if split else "classifier")
