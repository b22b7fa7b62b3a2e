"""ONNX files by hand: fields, tensors, nodes, and the graph of a BERT from its parameters."""

import struct
from collections.abc import Sequence

import numpy as np

from numpy_bert.checkpoints.formats.protobuf import bytes_field, four_bytes_field, varint_bytes, varint_field

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10, "float64": 11}


def integer_field(number: int, value: int) -> bytes:
    """Zero and negative numbers as well."""
    return varint_bytes(number << 3) + varint_bytes(value % (1 << 64))


def tensor(
    name: str,
    array: np.ndarray,
    *,
    dims: Sequence[int] | None = None,
    kind: int | None = None,
    data: bytes | None = None,
    external: dict[str, str] | None = None,
) -> bytes:
    """A TensorProto, with raw data unless something else is given for it."""
    dims = array.shape if dims is None else dims
    content = b"".join(integer_field(1, size) for size in dims)
    content += integer_field(2, TYPES[array.dtype.name] if kind is None else kind) + bytes_field(8, name.encode())
    if external is not None:
        pairs = [bytes_field(1, key.encode()) + bytes_field(2, value.encode()) for key, value in external.items()]
        return content + b"".join(bytes_field(13, pair) for pair in pairs) + integer_field(14, 1)
    return content + (bytes_field(9, array.tobytes()) if data is None else data)


def attribute(name: str, value: object) -> bytes:
    content = bytes_field(1, name.encode())
    if isinstance(value, float):
        return content + four_bytes_field(2, int.from_bytes(struct.pack("<f", value), "little")) + integer_field(20, 1)
    if isinstance(value, int):
        return content + integer_field(3, value) + integer_field(20, 2)
    if isinstance(value, str):
        return content + bytes_field(4, value.encode()) + integer_field(20, 3)
    if isinstance(value, bytes):
        return content + bytes_field(5, value) + integer_field(20, 4)
    return content + b"".join(integer_field(8, item) for item in value) + integer_field(20, 7)


def node(op: str, inputs: str, output: str, domain: str = "", **attributes: object) -> bytes:
    """A NodeProto; inputs are separated by spaces, "-" stands for one that is left out."""
    names = [b"" if name == "-" else name.encode() for name in inputs.split()]
    content = b"".join(bytes_field(1, name) for name in names) + bytes_field(2, output.encode())
    content += bytes_field(3, f"node of {output}".encode()) + bytes_field(4, op.encode())
    content += b"".join(bytes_field(5, attribute(name, value)) for name, value in attributes.items())
    return content + (bytes_field(7, domain.encode()) if domain else b"")


def model(nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: str = "input_ids token_type_ids") -> bytes:
    graph = b"".join(bytes_field(1, content) for content in nodes) + bytes_field(2, b"main")
    graph += b"".join(bytes_field(5, content) for content in tensors)
    graph += b"".join(bytes_field(11, bytes_field(1, name.encode())) for name in inputs.split())
    graph += bytes_field(12, bytes_field(1, b"hidden"))
    return varint_field(1, 8) + bytes_field(2, b"by hand") + bytes_field(7, graph) + bytes_field(8, varint_field(2, 17))


def bert(params, config) -> tuple[list[bytes], list[bytes]]:
    """Nodes and tensors of a BERT as the newer exporter of PyTorch writes them, with as few nodes as can be."""
    nodes: list[bytes] = []
    tensors: list[bytes] = []

    def put(name: str, array: np.ndarray) -> str:
        tensors.append(tensor(name, np.ascontiguousarray(array)))
        return name

    def add(op: str, inputs: str, output: str, **attributes: object) -> str:
        nodes.append(node(op, inputs, output, **attributes))
        return output

    def linear(x: str, output: str, W: np.ndarray, b: np.ndarray) -> str:
        product = add("MatMul", f"{x} {put(f'{output}.W', W.T)}", f"{output}.product")
        return add("Add", f"{product} {put(f'{output}.b', b)}", output)

    def norm(x: str, output: str, leaf) -> str:
        names = f"{put(f'{output}.gamma', leaf.gamma)} {put(f'{output}.beta', leaf.beta)}"
        return add("LayerNormalization", f"{x} {names}", output, epsilon=config.layer_norm_eps, axis=-1)

    H, A = config.hidden_size, config.num_attention_heads
    put("shape", np.array([0, -1, A, H // A]))
    put("together", np.array([0, -1, H]))
    put("scale", np.array((H // A) ** -0.5, np.float32))
    put("positions", np.arange(config.max_position_embeddings)[None])
    put("zero", np.array([0]))
    put("one", np.array([1]))
    embedding = params.bert.embedding
    words = add("Gather", f"{put('words.table', embedding.word)} input_ids", "words")
    segments = add("Gather", f"{put('segments.table', embedding.segment)} token_type_ids", "segments")
    add("Shape", "input_ids", "sizes")
    add("Slice", "positions zero sizes one", "some.positions")
    positions = add("Gather", f"{put('positions.table', embedding.position)} some.positions", "places")
    total = add("Add", f"{add('Add', f'{words} {segments}', 'sum')} {positions}", "sum.of.three")
    hidden = norm(total, "embedded", embedding.norm)
    for i, layer in enumerate(params.bert.encoder.layers):
        parts = zip("qkv", np.split(layer.attention.qkv.W, 3), np.split(layer.attention.qkv.b, 3), strict=True)
        for name, W, b in parts:
            x = add("Reshape", f"{linear(hidden, f'{i}.{name}', W, b)} shape", f"{i}.{name}.apart")
            add("Transpose", x, f"{i}.{name}.heads", perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3])
        scores = add("MatMul", f"{i}.q.heads {i}.k.heads", f"{i}.scores")
        P = add("Softmax", add("Mul", f"{scores} scale", f"{i}.scaled"), f"{i}.P", axis=-1)
        mixed = add("Transpose", add("MatMul", f"{P} {i}.v.heads", f"{i}.mixed"), f"{i}.mixed.t", perm=[0, 2, 1, 3])
        x = add("Reshape", f"{mixed} together", f"{i}.context")
        y = linear(x, f"{i}.output", layer.attention.output.W, layer.attention.output.b)
        middle = norm(add("Add", f"{y} {hidden}", f"{i}.residual"), f"{i}.middle", layer.attention_norm)
        expand, contract = layer.feed_forward.expand, layer.feed_forward.contract
        form = "tanh" if config.gelu == "tanh" else "none"
        x = add("Gelu", linear(middle, f"{i}.expand", expand.W, expand.b), f"{i}.gelu", approximate=form)
        y = linear(x, f"{i}.contract", contract.W, contract.b)
        last = "hidden" if i + 1 == config.num_hidden_layers else f"{i}.hidden"
        hidden = norm(add("Add", f"{y} {middle}", f"{i}.second.residual"), last, layer.feed_forward_norm)
    return nodes, tensors
