"""A GGUF file is a whole model: weights, config, tokenizer and pooling, against the folder that it was made from."""

import numpy as np
import pytest
from support import exported
from support.checkpoints import published
from support.gguf_files import Stored, gguf, key, q8_0, stored
from support.limits import assert_refused, run_limited
from support.text_samples import random_strings
from support.tiny import WORDS, tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import gguf_model, gguf_names, names
from numpy_bert.checkpoints.comparison import compare
from numpy_bert.checkpoints.conversion import convert
from numpy_bert.checkpoints.formats import gguf as reader
from numpy_bert.checkpoints.inspection import inspect
from numpy_bert.checkpoints.locate import locate
from numpy_bert.cli.inputs import load_tokenizer
from numpy_bert.numerics import tree
from numpy_bert.tokenizer.added_tokens import AddedToken

SIZES = {
    "bert.block_count": 2,
    "bert.context_length": 24,
    "bert.embedding_length": 12,
    "bert.feed_forward_length": 20,
    "bert.attention.head_count": 3,
}
IDS = {"padding": 0, "unknown": 1, "bos": 2, "seperator": 3, "mask": 4}  # codespell:ignore


def turned(token):
    """As llama.cpp has a token."""
    return token[2:] if token.startswith("##") else token if token in WORDS[:5] else f"\u2581{token}"


def keys(changes=(), without=()):
    """The metadata of tiny.gguf: {name: (kind, value)} as bytes, with changes."""
    values = {"general.architecture": ("str", "bert")}
    values |= {name: ("u32", value) for name, value in SIZES.items()}
    values |= {"bert.attention.layer_norm_epsilon": ("f32", 1e-12), "bert.attention.causal": ("bool", False)}
    values |= {"bert.pooling_type": ("u32", 2), "tokenizer.ggml.model": ("str", "bert")}
    values |= {"tokenizer.ggml.tokens": ("str[]", [turned(token) for token in WORDS])}
    values |= {"tokenizer.ggml.token_type": ("i32[]", [3] * 5 + [1] * (len(WORDS) - 5))}
    values |= {f"tokenizer.ggml.{name}_token_id": ("u32", index) for name, index in IDS.items()}
    values |= dict(changes)
    return [key(name, *value) for name, value in values.items() if name not in without]


def tensors(bert):
    """The weights as a GGUF file holds them, by the table of names that the reader uses the other way round."""
    found = []
    for leaf, array in tree.items(bert.params):
        sources = names.sources(leaf)
        for name, part in zip(sources, np.split(array, len(sources)), strict=True):
            if gguf_names.gguf(name):
                found.append(stored(gguf_names.gguf(name), part))
    return found


@pytest.fixture(scope="module")
def bert():
    return tiny_bert(heads=(), has_pooler=False)


@pytest.fixture
def put(tmp_path, bert):
    def write(changes=(), without=(), more=(), less=()):
        path = tmp_path / "tiny.gguf"
        weights = [tensor for tensor in tensors(bert) if tensor.name not in less]
        path.write_bytes(gguf(keys(changes, without), [*weights, *more]))
        return path

    return write


def assert_equal(a, b):
    for (name, array), (other, expected) in zip(tree.items(a), tree.items(b), strict=True):
        assert name == other
        np.testing.assert_array_equal(array, expected, strict=True)


def test_names_lead_there_and_back():
    there = {name for leaf in names.LEAVES for name in names.sources(leaf.replace("*", "11"))}
    known = {name: gguf_names.gguf(name) for name in there if gguf_names.gguf(name)}
    assert {gguf_names.hugging_face(name) for name in known.values()} == set(known)
    assert {name for name in there - set(known) if not name.startswith(("cls.", "classifier.", "qa_outputs."))} == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
    }
    assert all(names.spelled(foreign) == (name, False) for name, foreign in known.items())
    assert names.spelled("blk.7.attn_qkv.weight") == ("bert.encoder.layers.7.attention.qkv.W", False)
    assert names.spelled("blk.0.attn_q.scale").name == "blk.0.attn_q.weight"  # no name of GGUF's, thus unexpected


def test_the_names_are_those_of_the_library():
    library = pytest.importorskip("gguf")
    mapping = library.get_tensor_name_map(library.MODEL_ARCH.BERT, 12)
    for name, there in gguf_names.TABLE.items():
        hugging_face = there.removeprefix("bert.").replace("*", "7")
        assert mapping.get_name(hugging_face) == name.replace("*", "7")


def test_a_single_file_is_the_whole_model(put, bert):
    path = put()
    read = load(path)
    assert_equal(read.params, bert.params)
    assert read.config.layer_norm_eps == 1e-12
    assert (read.config.max_position_embeddings, read.config.vocab_size) == (24, len(WORDS))
    assert read.tokenizer.tokens == WORDS
    assert read.tokenizer.special_tokens == bert.tokenizer.special_tokens
    assert read.tokenizer.encode("It rains, liked!").tokens == ["[CLS]", "it", "rains", ",", "liked", "!", "[SEP]"]
    vectors = read.embed(["a good film"])
    np.testing.assert_allclose(vectors[0], bert("a good film")[0] / np.linalg.norm(bert("a good film")[0]), rtol=1e-5)
    assert load_tokenizer(str(path)).tokens == WORDS
    assert locate(path.parent).form == "gguf"  # in a folder it is found without being named


def test_three_in_one_array(put, bert):
    q, k, v = (next(t for t in tensors(bert) if t.name == f"blk.0.attn_{name}.weight") for name in "qkv")
    fused = Stored("blk.0.attn_qkv.weight", (36, 12), 0, q.data + k.data + v.data)
    assert_equal(load(put(more=[fused], less={q.name, k.name, v.name})).params, bert.params)


def test_inspect_convert_and_compare(put, tmp_path, bert):
    path = put(more=[stored("cls.output.weight", np.zeros((2, 12), np.float32))])
    report = inspect(path)
    assert (report.form, report.problems, report.missing) == ("gguf", (), ())
    assert [file.name for file in report.files] == ["tiny.gguf"]
    assert report.tasks == ("embeddings", "sentence_embedding")
    assert {t.status for t in report.tensors} == {"used", "left"}
    folder = convert(path, tmp_path / "folder")
    assert compare(path, folder).equal
    assert_equal(load(folder).params, bert.params)
    assert load(folder).tokenizer.tokens == WORDS
    np.testing.assert_array_equal(load(folder).embed(["not bad"]), load(path).embed(["not bad"]))


def test_a_quantized_tensor_is_shown_as_what_it_is(put, bert):
    wide = [q8_0("unknown", np.ones((2, 64)))]
    shown = {tensor.name: tensor.dtype for tensor in inspect(put(more=wide)).tensors}
    assert (shown["unknown"], shown["token_embd.weight"]) == ("Q8_0", "float32")


TOKENS = "tokenizer.ggml.tokens"
KINDS = "tokenizer.ggml.token_type"


def test_tokens_turned_round(put):
    """Marks inside a token stay, what begins as vocab.txt marks a continuation too; unused ones at the end go."""
    tokens = [*WORDS[:5], "[unused0]", "\u2581[unused1]", "\u2581\u2581", "", "##", "\u2581##x", "\u2581[PAD11]"]
    kinds = [3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 4, 5]
    path = put({TOKENS: ("str[]", tokens), KINDS: ("i32[]", kinds)})
    read = gguf_model.tokenizer(path)
    assert read.tokens == [*WORDS[:5], "[unused0]", "[unused1]", "\u2581", "##", "####", "##x"]
    assert read.added == (AddedToken("##x"),)


@pytest.mark.parametrize(
    ("changes", "without", "less", "words"),
    [
        ({"general.architecture": ("str", "nomic-bert")}, (), (), "expected 'bert', got 'nomic-bert' (string)"),
        ({"tokenizer.ggml.model": ("str", "t5")}, (), (), "tokenizer.ggml.model: expected 'bert', got 't5' (string)"),
        ({}, (), ("token_types.weight",), "as in a DistilBERT"),
        ({}, (), ("token_embd.weight",), "'token_embd.weight': expected a matrix, got none"),
        ({}, (), ("blk.1.ffn_up.bias",), "got 1 ('bert.encoder.layer.1.intermediate.dense.bias') missing"),
        (
            {"bert.attention.causal": ("bool", True)},
            (),
            (),
            "causal: expected false, got True (boolean)",
        ),
        ({"bert.block_count": ("u32", 10**9)}, (), (), "num_hidden_layers: expected an integer from 1 to 1000"),
        ({"bert.attention.head_count": ("i32[]", [3, 3])}, (), (), "head_count: expected an integer, got an array"),
        ({"bert.attention.head_count": ("u32", 5)}, (), (), "expected a multiple of num_attention_heads=5"),
        ({"bert.embedding_length": ("u32", 24)}, (), (), "expected shape"),
        ({}, ("bert.context_length",), (), "bert.context_length: expected an integer, got no such key"),
        ({}, ("bert.attention.layer_norm_epsilon",), (), "layer_norm_epsilon: expected a number, got null"),
        ({"bert.attention.layer_norm_epsilon": ("f32", np.nan)}, (), (), "layer_norm_eps: expected a finite number"),
        ({TOKENS: ("i32[]", [1])}, (), (), "tokenizer.ggml.tokens: expected an array of strings"),
        ({KINDS: ("i32[]", [1])}, (), (), f"token_type: expected {len(WORDS)} integers, got an array"),
        ({TOKENS: ("str[]", ["x"] * len(WORDS))}, (), (), "expected each token once, got 'x' with ids 0 and 1"),
        ({"tokenizer.ggml.mask_token_id": ("u32", 10**6)}, (), (), "mask_token_id: expected the id of one of"),
        ({"tokenizer.ggml.normalizer.lowercase": ("u32", 1)}, (), (), "expected true or false, got 1"),
    ],
)
def test_what_is_refused(changes, without, less, words, put):
    path = put(changes, without, less=less)
    with pytest.raises(Error) as caught:
        load(path).tokenizer  # noqa: B018 - the faults of a tokenizer are kept until it is asked for
    assert words in str(caught.value)
    assert str(caught.value).count("tiny.gguf: ") == 1


def test_a_pooling_that_is_not_known_closes_the_sentence_vectors_alone(put):
    read = load(put({"bert.pooling_type": ("u32", 3)}))
    assert read("a film").shape == (4, 12)
    with pytest.raises(Error, match=r"pooling_type: expected 1 \(mean\) or 2 \(cls\), got 3 \(the last token\)"):
        read.embed(["a film"])


def test_what_is_not_obeyed_is_warned_of(put):
    with pytest.warns(UserWarning, match="add_bos_token: false is not obeyed"):
        load(put({"tokenizer.ggml.add_bos_token": ("bool", False)}))


def test_hostile_metadata_under_limits(put):
    """A million tokens, of which each is there twice, through the front door."""
    path = put({TOKENS: ("str[]", ["\u2581x"] * 1_000_000), KINDS: ("i32[]", [1] * 1_000_000)})
    code = "from numpy_bert.cli.main import main; raise SystemExit(main(['tokenize', '--model', sys.argv[1], 'x']))"
    result = run_limited(code, args=[path], memory_mib=512)
    assert_refused(result, "tiny.gguf", "expected each token once, got 'x' with ids 0 and 1")


# The published model, as the converter of llama.cpp writes it.


def test_minilm_to_the_bit():
    folder, path = load(published("minilm")), load(exported.gguf("minilm", "f32"))
    assert_equal(path.params.bert.embedding, folder.params.bert.embedding)
    assert_equal(path.params.bert.encoder, folder.params.bert.encoder)
    assert path.config == folder.config
    assert path.tokenizer.tokens == folder.tokenizer.tokens
    assert path.pooling._replace(max_length=None) == folder.pooling._replace(max_length=None)
    texts = random_strings(20_000, seed=15)
    assert path.tokenizer.encode_ids(texts) == folder.tokenizer.encode_ids(texts)


@pytest.mark.parametrize("kind", ["f16", "bf16", "q8_0"])
def test_minilm_in_fewer_bits(kind):
    """Each tensor is what the format's own library reads."""
    library = pytest.importorskip("gguf")
    path = exported.gguf("minilm", kind)
    ours = reader.read(path)
    for tensor in library.GGUFReader(path).tensors:
        expected = library.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        np.testing.assert_array_equal(ours[tensor.name].astype(np.float32), expected, strict=True)
    dtypes = {array.dtype.name for name, array in ours.items() if name.endswith("ffn_up.weight")}
    assert dtypes == {"float16" if kind == "f16" else "float32"}
