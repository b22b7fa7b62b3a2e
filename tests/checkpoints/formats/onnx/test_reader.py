"""ONNX: graphs by hand and of exporters, every weight to the bit, hostile files, damage."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from support.file_damage import mutated
from support.hostile_files import Scratch, assert_refused_under_limits
from support.onnx_files import bert, bytes_field, integer_field, model, node, tensor
from support.tiny import tiny_bert

from numpy_bert.checkpoints import names
from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.checkpoints.formats.onnx import graph, reader
from numpy_bert.checkpoints.formats.onnx.operations import QUANTIZED
from numpy_bert.errors import Error
from numpy_bert.numerics import tree

FILES = Path(__file__).parents[3] / "data" / "onnx_files"
EXPORTED = sorted(path.name for path in FILES.glob("*.onnx"))


@pytest.fixture(scope="module")
def tiny():
    return tiny_bert(heads=(), has_pooler=False)


@pytest.fixture(scope="module")
def parts(tiny):
    return bert(tiny.params, tiny.config)


@pytest.fixture
def put(tmp_path):
    def write(data):
        path = tmp_path / "model.onnx"
        path.write_bytes(data)
        return path

    return write


def expected(params):
    """Hugging Face's name -> array."""
    arrays = {}
    for leaf, array in tree.items(params):
        sources = names.sources(leaf)
        arrays |= dict(zip(sources, np.split(array, len(sources)), strict=True))
    return arrays


def assert_same(arrays, others):
    assert set(arrays) == set(others)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], strict=True, err_msg=name)


def test_a_graph_by_hand(put, tiny, parts):
    path = put(model(*parts))
    arrays = reader.read(path)
    assert_same(arrays, expected(tiny.params))
    assert {name: entry.shape for name, entry in reader.describe(path).items()} == {
        name: array.shape for name, array in arrays.items()
    }
    found = reader.find_bert(path)
    assert (found.num_layers, found.num_heads, found.gelu) == (2, 3, "erf")
    assert np.float32(found.epsilon) == np.float32(1e-12)


def test_into_an_array_of_the_caller(put, parts):
    path, place = put(model(*parts)), np.empty((20, 12))
    name = "bert.encoder.layer.1.intermediate.dense.weight"
    arrays = reader.read(path, [name], into=lambda _, entry: place)
    assert arrays[name] is place
    np.testing.assert_array_equal(place, reader.read(path)[name])
    with pytest.raises(Error, match="'absent': expected a tensor of this name"):
        reader.read(path, ["absent"])


def test_query_and_key_are_told_apart_by_their_sides(put, tiny, parts):
    """The same tensors under other names, in another order: the graph alone says which is which."""
    arrays = reader.read(put(model(parts[0][::-1], parts[1][::-1])))
    assert_same(arrays, expected(tiny.params))
    found = reader.read(put(with_node(parts, "MatMul", "0.k.heads 0.q.heads", "0.scores")))
    for name, other in (("query", "key"), ("key", "query"), ("value", "value")):
        prefix = "bert.encoder.layer.0.attention.self"
        np.testing.assert_array_equal(found[f"{prefix}.{name}.weight"], arrays[f"{prefix}.{other}.weight"])


@pytest.mark.parametrize("name", EXPORTED)
def test_what_exporters_write(name):
    """To the bit what the state dict has; of a quantized file, what its own numbers say."""
    arrays = reader.read(FILES / name)
    weights = safetensors.read(FILES / f"{name.split('-')[0]}.safetensors")
    weights = {names.spelled(key).name: array for key, array in weights.items()}
    found = reader.find_bert(FILES / name)
    assert found.num_heads == 4
    assert found.gelu == ("tanh" if name.startswith("tanh") else "erf")
    for key, weight in found.weights.items():
        if key == "cls.predictions.decoder.weight":
            key = names.WORD
        if weight.scale is None:
            np.testing.assert_array_equal(arrays[key], weights[key], strict=True, err_msg=key)
        else:
            assert np.abs(arrays[key] - weights[key]).max() <= 0.51 * np.abs(weights[key]).max() / 63
    assert set(weights) <= set(found.weights) | {names.DECODER, "bert.pooler.dense.weight", "bert.pooler.dense.bias"}


def test_there_are_files_of_every_kind():
    assert len(EXPORTED) >= 8


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("dtype", QUANTIZED)
def test_quantized_weights(dtype, axis, put, tiny, parts):
    """A product whose weight is dequantized by a node: one scale, or one for each row or column."""
    nodes, tensors = parts
    rng, length = np.random.default_rng(3), () if axis is None else ((12,), (20,))[axis]
    stored = rng.integers(*{"int8": (-128, 128), "uint8": (0, 256)}[dtype], (12, 20)).astype(dtype)
    scale = rng.random(length).astype(np.float32)
    zero = rng.integers(0, 100, length).astype(dtype)
    kept = [content for content in tensors if b"0.expand.W" not in content]
    made = [tensor("w.q", stored), tensor("w.scale", np.asarray(scale)), tensor("w.zero", np.asarray(zero))]
    nodes = [*nodes, node("DequantizeLinear", "w.q w.scale w.zero", "0.expand.W", axis=1 if axis is None else axis)]
    path, name = put(model(nodes, kept + made)), "bert.encoder.layer.0.intermediate.dense.weight"
    shape = [1, 1]
    if axis is not None:
        shape[axis] = -1
    numbers = stored.astype(np.int32) - zero.astype(np.int32).reshape(shape)
    np.testing.assert_array_equal(
        reader.read(path)[name], (numbers.astype(np.float32) * scale.reshape(shape)).T, strict=True
    )
    assert reader.describe(path)[name] == ("float32", (20, 12), dtype)


def test_weights_in_a_file_beside(tmp_path, put, tiny, parts):
    nodes, tensors = parts
    table = tiny.params.bert.embedding.word
    (tmp_path / "model.onnx.data").write_bytes(b"\0" * 64 + table.tobytes())
    where = {"location": "model.onnx.data", "offset": "64", "length": str(table.nbytes)}
    moved = [tensor("words.table", table, external=where) if b"words.table" in t else t for t in tensors]
    path = put(model(nodes, moved))
    assert_same(reader.read(path), expected(tiny.params))
    assert reader.files_of(path) == [tmp_path / "model.onnx.data"]
    (tmp_path / "model.onnx.data").unlink()
    with pytest.raises(Error, match="no such file"):
        reader.describe(path)


WEIGHT = np.ones((12, 20), np.float32)


def with_node(parts, op, inputs, output):
    """The model with another node for one value."""
    name = bytes_field(3, f"node of {output}".encode())
    nodes = [node(op, inputs, output) if name in content else content for content in parts[0]]
    return model(nodes, parts[1])


def with_weight(parts, **changes):
    """The model with another tensor for one of its weights."""
    name = bytes_field(8, b"0.expand.W")
    weight = tensor("0.expand.W", WEIGHT, **changes)
    return model(parts[0], [weight if name in content else content for content in parts[1]])


def place(**pairs):
    return {"location": "weights", "offset": "0", "length": "960"} | pairs


def hostile(parts):
    """{kind: (file, words of the error)}"""
    nodes, tensors = parts

    def weight(**changes):
        return with_weight(parts, **changes)

    def instead(op, inputs, output):
        return with_node(parts, op, inputs, output)

    many = bytes_field(1, bytes_field(2, b"")) * 1_000_000
    long = bytes_field(7, bytes_field(1, bytes_field(1, b"x" * 100_000)))
    return {
        "empty": (b"", "one graph, got 0"),
        "two graphs": (bytes_field(7, b"") * 2, "one graph, got 2"),
        "no nodes": (model([], []), "a norm of three lookups"),
        "a length beyond the end": (b"\x3a\xff\xff\xff\xff\x0f", "expected 4294967295 bytes, got 0"),
        "a varint of 11 bytes": (b"\x08" + b"\xff" * 11, "expected a varint"),
        "field 0": (b"\0\0", "expected a field number"),
        "a group": (b"\x0b", "expected wire type 0, 1, 2 or 5"),
        "a graph that is a number": (integer_field(7, 5), "expected a message, got wire type 0"),
        "a million nodes": (bytes_field(7, many), "expected at most 50000 nodes"),
        "a million fields": (many + many, "expected at most 262144 fields"),
        "a name of 100 KB": (long, "expected at most 65536 bytes"),
        "a name that is no text": (bytes_field(7, bytes_field(1, bytes_field(1, b"\xff"))), "UTF-8"),
        "a type that is none": (weight(kind=77), "'0.expand.W': expected a tensor of numbers, got type 77"),
        "strings": (weight(kind=8), "expected a tensor of numbers, got type 8"),
        "a negative size": (weight(dims=(-1, 20)), "got a negative size"),
        "2^63 numbers": (weight(dims=(2**62, 2)), "more elements than memory has addresses"),
        "nine axes": (weight(dims=(1,) * 9), "9 dimensions"),
        "too few bytes": (weight(data=bytes_field(9, bytes(956))), "expected 960 bytes for shape [12, 20], got 956"),
        "no bytes": (weight(data=b""), "got 0 bytes"),
        "raw data twice": (weight(data=bytes_field(9, bytes(960)) * 2), "got several lists"),
        "numbers of another type": (weight(data=bytes_field(5, bytes(240))), "expected its 240 elements of float32"),
        "a tensor twice": (model(nodes, [*tensors, tensors[-1]]), "expected every tensor once, got it twice"),
        "a value twice": (model([*nodes, nodes[-1]], tensors), "expected every value once"),
        "a weight of another shape": (weight(dims=(20, 12)), "expected shape ['any', 12], got [12, 20]"),
        "a weight of whole numbers": (weight(kind=6), "expected a GELU of one product"),
        "no norm": (instead("Relu", "sum.of.three", "embedded"), "a norm of three lookups"),
        "another activation": (instead("Relu", "0.expand", "0.gelu"), "node of 0.contract.product"),
        "a bias that is computed": (instead("Add", "0.expand.product sum", "0.expand"), "expected a stored bias"),
        "two heads' scores": (instead("MatMul", "0.q.heads 0.q.heads", "0.scores"), "accepted"),
        "no softmax": (instead("Sigmoid", "0.scaled", "0.P"), "the attention of a BERT"),
        "something between": (instead("Relu", "0.q", "0.q.apart"), "the attention of a BERT"),
        "a circle": (instead("Add", "0.residual 0.residual", "0.residual"), "a layer of BERT behind it"),
        "a circle of copies": (
            model([*nodes, node("Identity", "a", "b"), node("Identity", "b", "a")], tensors),
            "accepted",
        ),
        "a way out of the folder": (
            weight(external=place(location="../weights")),
            "in a file of this",
        ),
        "an absolute path": (weight(external=place(location="/etc/passwd")), "in a file of this"),
        "no path": (weight(external=place(location="")), "in a file of this folder"),
        "an offset of -1": (weight(external=place(offset="-1")), "expected offset and length"),
        "an offset of 10^30": (weight(external=place(offset="1" * 30)), "expected offset and length"),
        "another length": (weight(external=place(length="8")), "expected 960 bytes for its shape"),
        "a file that is not there": (weight(external=place()), "no such file"),
    }


KINDS = sorted(hostile(([b""], [b""])))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused(kind, put, parts):
    data, words = hostile(parts)[kind]
    path = put(data)
    for use in (reader.describe, reader.read):
        with contextlib.nullcontext() if words == "accepted" else pytest.raises(Error) as caught:
            use(path)
        if words != "accepted":
            assert words in str(caught.value)
            assert "model.onnx" in str(caught.value) or "weights" in str(caught.value)


def test_in_bounded_time_and_memory(tmp_path, parts):
    assert_refused_under_limits("onnx.reader", list(hostile(parts).values()), tmp_path, largest=64)


def test_an_overlap_is_refused(tmp_path, put, parts):
    """Two tensors of one file beside it that share bytes."""
    nodes, tensors = parts
    (tmp_path / "weights").write_bytes(bytes(2000))
    other = tensor("1.expand.W", WEIGHT, external={"location": "weights", "offset": "956", "length": "960"})
    weight = tensor("0.expand.W", WEIGHT, external=place())
    replaced = [weight if b"0.expand.W" in t else other if b"1.expand.W" in t else t for t in tensors]
    with pytest.raises(Error, match="got an overlap with another tensor"):
        reader.describe(put(model(nodes, replaced)))


def test_cut_short_anywhere_it_is_refused(tmp_path, parts):
    data = model(*parts)
    scratch = Scratch(tmp_path / "model.onnx")
    for length in range(0, len(data) - 4, 311):
        with pytest.raises(Error):
            reader.read(scratch.put(data[:length]))


def test_damage_ends_in_an_error_or_in_arrays(tmp_path, parts):
    data = model(*parts)
    scratch = Scratch(tmp_path / "model.onnx")
    for seed in range(100):
        with contextlib.suppress(Error):
            reader.read(scratch.put(mutated(data, seed)))


def test_small_tensors_one_by_one(put):
    """Elements that are stored as varints: the zero points of quantizers."""
    packed = tensor("zero", np.zeros(3, np.int8), data=bytes_field(5, bytes([5, 0, 7])))
    single = tensor("one", np.zeros((), np.uint8), data=integer_field(5, 200))
    negative = tensor("less", np.zeros((), np.int8), data=integer_field(5, -128))
    path = put(model([], [packed, single, negative]))
    with graph.File(path) as file:
        stored = graph.read_graph(file).stored
        assert graph.values_of(file, stored["zero"]).tolist() == [5, 0, 7]
        assert (graph.values_of(file, stored["one"]), graph.values_of(file, stored["less"])) == (200, -128)
