"""{name: array} -> parameters: whatever form and spelling, every tensor is accounted for and none is invented."""

import contextlib
import dataclasses
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support import hostile_files
from support.checkpoints import published
from support.spellings import SPELLINGS, arrays_of, assert_same
from support.tf_weights import weights as ruled
from support.tiny import tiny_bert, tiny_config

from numpy_bert import Error
from numpy_bert.checkpoints import locate, matching, names, saving, weights
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.checkpoints.formats import npz, safetensors
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective
from numpy_bert.training import new_head

TF_FILES = Path(__file__).parents[1] / "data" / "tf_files"
PRETRAINED = ("masked_lm", "next_sentence")


def stored(path, arrays):
    """Weights of a file, whose form its ending chooses."""
    if path.suffix == ".npz":
        npz.write(path, arrays)
    elif path.suffix == ".index":
        bundle.write(path.with_suffix(""), arrays)
    else:
        safetensors.write(path, arrays)
    return locate.locate(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".index"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_in_every_form_loads_to_the_same(tmp_path, spelling, suffix):
    bert = tiny_bert((*PRETRAINED, "question_answering"))
    spell = SPELLINGS[spelling]
    arrays = dict(spell(name, array) for name, array in arrays_of(bert).items())
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    if suffix == ".npz":  # whose names are names of files
        arrays = {name.removesuffix(":0"): array for name, array in arrays.items()}
    params, match = weights.load(stored(tmp_path / f"weights{suffix}", arrays), bert.config)
    assert_same(params, bert.params)
    assert match.heads == (*PRETRAINED, "question_answering")
    assert not match.left
    assert not match.unexpected
    assert not match.missing
    assert len(match.used) == len(arrays)


def test_the_names_of_this_project_load_whole(tmp_path):
    bert = tiny_bert()
    arrays = dict(tree.items(bert.params))
    params, match = weights.load(stored(tmp_path / "a.npz", arrays), bert.config)
    assert_same(params, bert.params)
    assert set(match.heads) == set(objective.HEADS)


@pytest.mark.parametrize("name", ["keras", "flax"])
def test_files_of_transformers(name):
    """Written by the frameworks themselves; Keras' repeats what two layers share."""
    if name == "keras":
        pytest.importorskip("h5py")
    place = locate.locate(TF_FILES / name)
    params, match = weights.load(place, read_config(place.folder))
    assert match.heads == PRETRAINED
    assert (match.unexpected, match.missing) == ((), ())
    repeated = {"keras": 5, "flax": 0}[name]
    assert len(match.left) == len(match.copies) == repeated
    scope = "tf_bert_for_pre_training/" if name == "keras" else ""
    table = {
        "keras": (
            ("bert.embedding.word", "bert/embeddings/word_embeddings/weight:0", (15, 4), False),
            ("masked_lm.transform.W", "mlm___cls/predictions/transform/dense/kernel:0", (4, 4), True),
            ("next_sentence.dense.W", "nsp___cls/seq_relationship/kernel:0", (4, 2), True),
        ),
        "flax": (
            ("bert.embedding.word", "bert/embeddings/word_embeddings/embedding", (15, 4), False),
            ("masked_lm.transform.W", "cls/predictions/transform/dense/kernel", (4, 4), True),
            ("next_sentence.dense.W", "cls/seq_relationship/kernel", (4, 2), True),
        ),
    }[name]
    leaves = dict(tree.items(params))
    for leaf, foreign, shape, transposed in table:
        expected = ruled(scope + foreign, shape)
        assert np.array_equal(leaves[leaf], expected.T if transposed else expected), leaf


def test_a_bundle_of_tensorflow_with_its_optimizer(tmp_path):
    """As run_pretraining.py left it: 46 weights, 92 Adam slots and a counter."""
    config = tiny_config(
        vocab_size=15, hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, num_labels=2,
    )  # fmt: skip
    params, match = weights.load(locate.locate(TF_FILES / "bert.ckpt"), config)
    assert len(match.used) == 46
    assert sorted(match.left.values()) == ["optimizer slot"] * 92 + ["training state"]
    assert (match.unexpected, match.missing) == ((), ())
    query = ruled("bert/encoder/layer_1/attention/self/query/kernel", (4, 4)).T
    value = ruled("bert/encoder/layer_1/attention/self/value/kernel", (4, 4)).T
    qkv = params.bert.encoder.layers[1].attention.qkv.W
    assert np.array_equal(qkv[:4], query)
    assert np.array_equal(qkv[8:], value)
    assert np.array_equal(params.bert.embedding.word, ruled("bert/embeddings/word_embeddings", (15, 4)))
    assert np.array_equal(params.next_sentence.dense.W, ruled("cls/seq_relationship/output_weights", (2, 4)))


@pytest.mark.parametrize(
    ("name", "used", "left", "heads", "pooler"),
    [
        ("minilm", 103, {"embeddings.position_ids": "buffer"}, (), True),
        ("splade", 42, {}, ("masked_lm",), False),
        ("rxnfp/bert_ft", 199, {}, (), True),
        ("rxnfp/bert_ft_10k_25s", 201, {}, ("sequence_classification",), True),
        (
            "rxnfp/bert_pretrained",
            206,
            {"cls.predictions.decoder.weight": "decoder tied to the word embedding"},
            PRETRAINED,
            True,
        ),
    ],
)
def test_published_checkpoints_account_for_every_tensor(name, used, left, heads, pooler):
    package, _, inside = name.partition("/")
    place = locate.locate(published(package) / inside)
    params, match = weights.load(place, read_config(place.folder))
    assert (len(match.used), match.left, match.heads, match.has_pooler) == (used, left, heads, pooler)
    assert (match.unexpected, match.missing) == ((), ())
    assert sum(array.size for array in tree.leaves(params)) == sum(
        np.prod(tensor.entry.shape) for tensor in match.used.values()
    )


# The decoder, and other tensors that come twice.


def test_a_tied_decoder_that_is_stored_is_left(tmp_path):
    bert = tiny_bert(PRETRAINED)
    arrays = arrays_of(bert, **{names.DECODER: bert.params.bert.embedding.word.copy()})
    arrays["cls.predictions.decoder.bias"] = bert.params.masked_lm.bias.copy()
    params, match = weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config)
    assert_same(params, bert.params)
    assert set(match.left) == {names.DECODER, names.BIAS}
    assert match.config.tie_word_embeddings


@pytest.mark.parametrize("mmap", [False, True])
def test_a_decoder_of_its_own_is_used_with_a_warning(tmp_path, mmap):
    """As transformers does, whatever the config says of it."""
    bert = tiny_bert(PRETRAINED)
    decoder = bert.params.bert.embedding.word + 1
    place = stored(tmp_path / "a.safetensors", arrays_of(bert, **{names.DECODER: decoder}))
    with pytest.warns(UserWarning, match=r"decoder.weight.*being tied"):
        params, match = weights.load(place, bert.config, mmap=mmap)
    assert np.array_equal(params.masked_lm.decoder, decoder)
    assert not match.config.tie_word_embeddings


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("first", [names.BIAS, names.DECODER_BIAS])
def test_of_two_output_biases_that_of_the_decoder_is_used(tmp_path, tied, first):
    """As in transformers, where the other one is a name for it, or without a use if nothing is tied."""
    bert = tiny_bert(("masked_lm",), tie_word_embeddings=tied)
    other = bert.params.masked_lm.bias + 1
    arrays = {first: None} | arrays_of(bert) | {names.BIAS: other, names.DECODER_BIAS: bert.params.masked_lm.bias}
    npz.write(tmp_path / "a.npz", arrays)  # sorted; the rule holds in any order
    entries = {name: Entry("float32", array.shape) for name, array in arrays.items()}
    match = matching.match_tensors(entries, bert.config)
    assert match.used[names.BIAS].foreign == names.DECODER_BIAS
    assert match.left == {names.BIAS: f"second copy of {names.DECODER_BIAS!r}"}
    with contextlib.nullcontext() if not tied else pytest.warns(UserWarning, match="which is used, got other numbers"):
        params, _ = weights.load(locate.locate(tmp_path / "a.npz"), bert.config)
    assert_same(params, bert.params)


def test_an_untied_decoder(tmp_path):
    bert = tiny_bert(PRETRAINED, tie_word_embeddings=False)
    params, match = weights.load(stored(tmp_path / "a.safetensors", arrays_of(bert)), bert.config)
    assert_same(params, bert.params)
    assert not match.left
    place = stored(tmp_path / "b.safetensors", arrays_of(bert, **{names.DECODER: None}))
    _, match = weights.load(place, bert.config)
    assert "got none called cls.predictions.decoder.weight" in str(match.closed["masked_lm"])
    assert match.heads == ("next_sentence",)


def test_two_copies_that_differ_are_an_error(tmp_path):
    bert = tiny_bert(())
    arrays = arrays_of(bert, **{"module.pooler.dense.bias": bert.params.bert.pooler.dense.b})
    _, match = weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config)
    assert list(match.copies.values()) == ["bert.pooler.dense.bias"]
    arrays["module.pooler.dense.bias"] = bert.params.bert.pooler.dense.b + 1
    with pytest.raises(Error, match=r"a.safetensors: '.*pooler.dense.bias': expected a copy of .* got other numbers"):
        weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config)


# What is missing, left over or of another shape.


def test_what_is_missing_is_named_and_not_invented(tmp_path):
    bert = tiny_bert(("sequence_classification",))
    arrays = arrays_of(bert, **{"classifier.bias": None, "bert.embeddings.LayerNorm.weight": None})
    with pytest.raises(Error, match=r"got 1 \('bert.embeddings.LayerNorm.weight'\) missing"):
        weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config)


def test_a_head_without_the_pooler_it_reads(tmp_path):
    bert = tiny_bert(("sequence_classification",))
    arrays = {name: array for name, array in arrays_of(bert).items() if "pooler" not in name}
    config = dataclasses.replace(bert.config, architectures=("BertForSequenceClassification",))
    params, account = weights.load(stored(tmp_path / "a.safetensors", arrays), config)
    assert (params.sequence_classification, params.bert.pooler) == (None, None)
    assert "got none called bert.pooler.dense.bias" in str(account.closed["sequence_classification"])


def test_what_means_nothing_is_left_and_told(tmp_path):
    bert = tiny_bert(())
    extra = {"dense.weight": np.zeros((2, 2), "f4"), "\x1b[31m": np.zeros(1, "f4")}
    place = stored(tmp_path / "a.safetensors", arrays_of(bert, **extra))
    with pytest.warns(UserWarning, match=r"got 2 \(.*'dense.weight'.*\) that mean nothing here; left") as warned:
        params, match = weights.load(place, bert.config)
    assert str(warned[0].message).isprintable()
    assert set(match.unexpected) == set(extra)
    assert_same(params, bert.params)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "encoder.layer.1.output.dense.weight",
            (12, 11),
            r"dense.weight': expected shape \[12, 20\] by the config, got \[12, 11\]",
        ),
        ("embeddings.word_embeddings.weight", (34, 12), r"word_embeddings.weight': expected shape"),
        ("encoder.layer.0.attention.self.key.bias", (4, 3), r"expected shape \[12\] by the config, got \[4, 3\]"),
        ("embeddings.LayerNorm.bias", (), r"expected shape \[12\] by the config, got \[\]"),
    ],
)
def test_a_shape_that_the_config_does_not_ask_for(tmp_path, name, shape, message):
    bert = tiny_bert(())
    place = stored(tmp_path / "a.safetensors", arrays_of(bert, **{name: np.zeros(shape, "f4")}))
    with pytest.raises(Error, match=message):
        weights.load(place, bert.config)


def test_integers_are_no_weights(tmp_path):
    bert = tiny_bert(())
    place = stored(tmp_path / "a.safetensors", arrays_of(bert, **{"embeddings.LayerNorm.bias": np.zeros(12, "i8")}))
    with pytest.raises(Error, match=r"LayerNorm.bias': expected floating point, got int64"):
        weights.load(place, bert.config)


def test_nothing_is_allocated_for_a_config_that_the_file_does_not_bear_out(tmp_path):
    bert = tiny_bert(())
    place = stored(tmp_path / "a.safetensors", arrays_of(bert))
    huge = tiny_config(vocab_size=9_000_000, hidden_size=12_000)
    tracemalloc.start()
    try:
        with pytest.raises(Error, match="expected shape"):
            weights.load(place, huge)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_years_in_which_keras_kept_the_heads_apart(tmp_path):
    """Kernels (H, A, D) and biases (A, D) for Q, K and V, (A, D, H) for what follows."""
    bert = tiny_bert(())
    A, D, H = 3, 4, 12
    arrays = {}
    for name, array in arrays_of(bert).items():
        foreign, array = SPELLINGS["keras"]("bert." + name, array)
        if "/attention/self/" in foreign:
            array = array.reshape(H, A, D) if "kernel" in foreign else array.reshape(A, D)
        elif "/attention/output/dense/kernel" in foreign:
            array = array.reshape(A, D, H)
        arrays[foreign] = np.ascontiguousarray(array)
    params, match = weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config)
    assert_same(params, bert.params)
    assert not match.unexpected


# Numbers of labels, and new heads.


@pytest.mark.parametrize("spelling", ["google", "keras"])
def test_a_config_without_labels_learns_their_number_from_the_weights(tmp_path, spelling):
    bert = tiny_bert(("sequence_classification",), num_labels=5)
    arrays = dict(SPELLINGS[spelling](name, array) for name, array in arrays_of(bert).items())
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    place = stored(tmp_path / "a.safetensors", arrays)
    silent = dataclasses.replace(bert.config, num_labels=2)
    with pytest.warns(UserWarning, match="expected a config with the number of labels, got none and 5"):
        params, match = weights.load(place, silent)
    assert match.config.num_labels == 5
    assert_same(params, bert.params)
    for stated in ({"architectures": ("BertForSequenceClassification",)}, {"labels": ("no", "yes")}, {"num_labels": 3}):
        _, match = weights.load(place, dataclasses.replace(silent, **stated))
        assert "by the config, got" in str(match.closed["sequence_classification"])


@pytest.mark.parametrize("old", [(), ("sequence_classification",), ("token_classification",), PRETRAINED])
@pytest.mark.parametrize("head", objective.HEADS)
def test_a_new_head_is_made_only_when_asked_and_is_announced(tmp_path, old, head):
    bert = tiny_bert(old)
    place = stored(tmp_path / "a.safetensors", arrays_of(bert))
    config = dataclasses.replace(bert.config, architectures=names.architectures_of(old, ()))
    params, match = weights.load(place, config, without=new_head.replaced(head))
    replaced = names.CLASSIFIERS if head in names.CLASSIFIERS else (head,)  # which share a name in published files
    assert match.heads == tuple(name for name in old if name not in replaced)
    for foreign, role in match.left.items():
        assert role == "replaced by a new head", foreign
    labels = 4 if head in names.WITH_LABELS else None
    with pytest.warns(UserWarning, match=f"{head} head of random numbers"):
        made, fresh = new_head.add(params, match.config, head, labels, seed=7)
    assert getattr(made, head) is not None
    assert made.bert is params.bert
    assert fresh.architectures == (names.ARCHITECTURES[head],)
    if labels:
        assert getattr(made, head).dense.W.shape == (4, 12)
        assert fresh.num_labels == 4
    with pytest.warns(UserWarning, match="random"):
        again, _ = new_head.add(params, match.config, head, labels, seed=7)
    assert_same(made, again)
    for other in match.heads:
        assert getattr(made, other) is getattr(params, other)


def test_a_new_head_brings_the_pooler_it_reads():
    bert = tiny_bert((), has_pooler=False)
    with pytest.warns(UserWarning, match="a sequence_classification head and a pooler"):
        made, _ = new_head.add(bert.params, bert.config, "sequence_classification")
    assert made.bert.pooler is not None
    with pytest.warns(UserWarning, match="a token_classification head of"):
        made, _ = new_head.add(bert.params, bert.config, "token_classification")
    assert made.bert.pooler is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classifier",), "new_head: expected one of masked_lm"),
        (("masked_lm", 3), "num_labels: expected none for a masked_lm head"),
        (("sequence_classification", 0), "num_labels: expected an integer from 1"),
        (("sequence_classification", 2, -1), "seed: expected an integer of at least 0"),
    ],
)
def test_refused_new_heads(arguments, message):
    bert = tiny_bert(())
    with pytest.raises(Error, match=message):
        new_head.add(bert.params, bert.config, *arguments)
    with pytest.raises(Error, match=message):  # before anything is read
        new_head.replaced(*arguments)


# Dtypes.


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_loads_exactly(tmp_path, dtype):
    """bfloat16 is the upper half of a float32. The first bits are of subnormal, negative and large numbers."""
    bert = tiny_bert(PRETRAINED)
    header, data, expected = {}, b"", {}
    for name, array in arrays_of(bert).items():
        bits = array.astype("f2").view("u2") if dtype == "F16" else (array.view("u4") >> 16).astype("u2")
        bits.reshape(-1)[:2] = 0x0001, 0x8000
        expected[name] = bits.view("f2").astype("f4") if dtype == "F16" else (bits.astype("u4") << 16).view("f4")
        header[name] = {"dtype": dtype, "shape": list(bits.shape), "data_offsets": [len(data), len(data) + bits.nbytes]}
        data += bits.tobytes()
    path = tmp_path / "a.safetensors"
    path.write_bytes(hostile_files.safetensors(header, data))
    params, _ = weights.load(locate.locate(path), bert.config)
    actual = saving.hugging_face(params, ())
    assert set(actual) == set(expected)
    for name, array in actual.items():
        assert array.dtype == np.float32
        assert np.array_equal(array.view("u4"), expected[name].view("u4")), name


def arrays_size(arrays):
    return sum(array.nbytes for array in arrays.values())


def test_float64_stays_and_narrows_on_request(tmp_path):
    bert = tiny_bert(PRETRAINED, dtype="float64")
    arrays = arrays_of(bert)
    place = stored(tmp_path / "a.safetensors", arrays)
    params, _ = weights.load(place, bert.config)
    assert_same(params, bert.params)
    params, _ = weights.load(place, bert.config, dtype="float32")
    assert_same(params, tree.map(lambda array: array.astype("f4"), bert.params))
    arrays["bert.pooler.dense.bias"] = np.full(12, 1e39)
    place = stored(tmp_path / "b.safetensors", arrays)
    with pytest.raises(Error, match=r"pooler.dense.bias': expected numbers within float32, got float64 beyond it"):
        weights.load(place, bert.config, dtype="float32")


def test_float32_widens_on_request(tmp_path):
    bert = tiny_bert(PRETRAINED)
    params, _ = weights.load(stored(tmp_path / "a.safetensors", arrays_of(bert)), bert.config, dtype="float64")
    assert_same(params, tree.map(lambda array: array.astype("f8"), bert.params))


def test_weights_that_are_not_finite(tmp_path):
    bert = tiny_bert(())
    bad = np.array([np.nan, np.inf] + [0] * 10, "f4")
    place = stored(tmp_path / "a.safetensors", arrays_of(bert, **{"pooler.dense.bias": bad}))
    with pytest.warns(UserWarning, match=r"dense.b: expected finite weights, got 2 NaN or infinite \(2 in all\)"):
        weights.load(place, bert.config)
    with pytest.raises(Error, match="expected finite weights"):
        weights.load(place, bert.config, strict_finite=True)


def test_shared_pages(tmp_path):
    """With mmap whole arrays share the pages of the file; Q, K and V, which move together, are copied."""
    bert = tiny_bert(())
    place = stored(tmp_path / "a.safetensors", arrays_of(bert))
    params, _ = weights.load(place, bert.config, mmap=True)
    assert_same(params, bert.params)
    assert not params.bert.embedding.word.flags.writeable
    assert params.bert.encoder.layers[0].attention.qkv.W.flags.writeable
    wide, _ = weights.load(place, bert.config, dtype="float64", mmap=True)
    assert wide.bert.embedding.word.flags.writeable


def test_progress_is_told_of_every_byte(tmp_path):
    bert = tiny_bert(PRETRAINED)
    arrays = arrays_of(bert)
    done = []
    weights.load(stored(tmp_path / "a.safetensors", arrays), bert.config, progress=done.append)
    assert sum(done) == arrays_size(arrays)


def test_an_account_needs_no_weights():
    """Names and shapes are enough, as of an index whose data are missing."""
    entries = {name: Entry("float32", array.shape) for name, array in arrays_of(tiny_bert(())).items()}
    entries["bert/pooler/dense/kernel/adam_m"] = Entry("float32", (12, 12))
    del entries["pooler.dense.weight"]
    match = matching.match_tensors(entries, tiny_config())
    assert match.missing == ("bert.pooler.dense.weight",)
    assert match.left == {"bert/pooler/dense/kernel/adam_m": "optimizer slot"}


def test_the_same_weights_in_a_folder_and_as_a_file(tmp_path):
    bert = tiny_bert(PRETRAINED)
    saving.write_folder(tmp_path / "model", bert.config, bert.params, None, bert.pooling)
    for path in (tmp_path / "model", tmp_path / "model" / "model.safetensors"):
        place = locate.locate(path)
        params, _ = weights.load(place, read_config(place.folder))
        assert_same(params, bert.params)
    shutil.rmtree(tmp_path / "model")
