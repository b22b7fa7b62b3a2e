"""inspect: everything a checkpoint holds, and what is wrong with it, whatever that is."""

import hashlib
import json
import re
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support import sentence_folders
from support.checkpoints import published
from support.limits import run_limited
from support.spellings import arrays_of
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.checkpoints import inspection, saving
from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.inspection import Numbers, inspect
from numpy_bert.cli.inspect import format_inspection

TF_FILES = Path(__file__).parents[1] / "data" / "tf_files"
PRETRAINED = ("masked_lm", "next_sentence")


def written(folder, heads=PRETRAINED, form="hf", **changes):
    bert = tiny_bert(heads, **changes)
    saving.write_folder(folder, bert.config, bert.params, bert.tokenizer, bert.pooling, form=form)
    return bert


def checked(report):
    """A report can be shown and written, whatever it holds; returns the text."""
    text = format_inspection(report)
    assert text.replace("\n", "").isprintable()
    assert json.loads(json.dumps(inspection.to_json(report), allow_nan=False))["form"] == report.form
    return text


def words(report):
    """The text of a report without its columns."""
    return " ".join(checked(report).split())


@pytest.mark.parametrize("form", saving.FORMS)
def test_a_report_of_every_form(tmp_path, form):
    bert = written(tmp_path / "model", form=form)
    report = inspect(tmp_path / "model")
    assert report.config == saving.stated(bert.config, bert.params)
    assert report.tasks == ("embeddings", "sentence_embedding", *PRETRAINED)
    assert (report.missing, report.unexpected, report.problems) == ((), (), ())
    assert all(tensor.status == "used" for tensor in report.tensors)
    assert len(report.tensors) == (46 if form != "npz" else 46 - 2 * 4)
    qkv = {t.role: t for t in report.tensors if "qkv.W" in t.role}
    if form == "npz":
        assert qkv["bert.encoder.layers.1.attention.qkv.W"].shape == (36, 12)
    else:
        tensor = qkv["bert.encoder.layers.1.attention.qkv.W [2 of 3]"]
        assert re.search(r"layer[._]1[./]attention[./]self[./]key[./](weight|kernel)$", tensor.name)
        key = bert.params.bert.encoder.layers[1].attention.qkv.W[12:24]
        assert tensor.numbers == Numbers(
            float(key.min()), float(key.max()), pytest.approx(float(key.mean(dtype=np.float64)), abs=1e-12), 0
        )
    totals = inspection.to_json(report)["totals"]
    assert totals["parameters"] == sum(array.size for array in arrays_of(bert).values())
    text = checked(report)
    assert "bert.embedding.word" in text
    assert f"{totals['parameters']:,}" in text


def test_the_hash_of_every_file(tmp_path):
    written(tmp_path / "model", form="tf1")
    report = inspect(tmp_path / "model")
    names = [file.name for file in report.files]
    assert names == [
        "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "vocab.txt", "tokenizer_config.json",
        "bert_config.json", "config.json",
    ]  # fmt: skip
    for file in report.files:
        data = (tmp_path / "model" / file.name).read_bytes()
        assert file[1:] == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("name", "counts", "tasks"),
    [
        ("minilm", (103, 1, 0), ("embeddings", "sentence_embedding")),
        ("splade", (42, 0, 0), ("embeddings", "sentence_embedding", "masked_lm")),
        ("rxnfp/bert_ft_10k_25s", (201, 0, 0), ("embeddings", "sentence_embedding", "sequence_classification")),
    ],
)
def test_published_checkpoints(name, counts, tasks):
    package, _, inside = name.partition("/")
    report = inspect(published(package) / inside)
    totals = inspection.to_json(report)["totals"]
    assert (totals["used"], totals["left"], totals["unexpected"]) == counts
    assert report.tasks == tasks
    assert not report.problems
    assert all(tensor.numbers.not_finite == 0 for tensor in report.tensors)
    checked(report)


def test_a_checkpoint_with_its_optimizer(tmp_path):
    """139 variables: 46 weights, 92 Adam slots, a counter. The config says how many layers are asked for."""
    for path in TF_FILES.glob("bert.ckpt*"):
        shutil.copy(path, tmp_path)
    sizes = {
        "vocab_size": 15, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu",
    }  # fmt: skip
    (tmp_path / "bert_config.json").write_text(json.dumps(sizes))
    report = inspect(tmp_path)
    totals = inspection.to_json(report)["totals"]
    assert (totals["tensors"], totals["used"], totals["left"]) == (139, 46, 93)
    assert len(report.files) == 5  # index, three shards, config
    assert report.tasks == ("embeddings", "sentence_embedding", *PRETRAINED)
    (problem,) = report.problems
    assert "expected a folder with vocab.txt or tokenizer.json" in problem
    assert "left: optimizer slot" in checked(report)


def test_an_index_without_its_data(tmp_path):
    written(tmp_path / "model", form="tf1")
    (tmp_path / "model" / "bert_model.ckpt.data-00000-of-00001").unlink()
    report = inspect(tmp_path / "model")
    assert len(report.tensors) == 46
    assert all(tensor.numbers is None for tensor in report.tensors)
    assert report.tasks == ()
    (problem,) = report.problems
    assert "1 missing: bert_model.ckpt.data-00000-of-00001" in problem
    assert "nothing: it cannot be loaded" in checked(report)


def test_one_damaged_tensor_among_others(tmp_path):
    """Only a form with checksums can tell; the others are still read."""
    written(tmp_path / "model", form="tf1")
    path = tmp_path / "model" / "bert_model.ckpt.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    report = inspect(tmp_path / "model")
    assert sum(tensor.numbers is None for tensor in report.tensors) == 1
    assert report.tasks == ()
    (problem,) = report.problems
    assert "CRC32C" in problem
    checked(report)


@pytest.mark.parametrize("config", [b"{", b'{"hidden_size": "768"}', b'{"model_type": "roberta"}', None])
def test_a_config_that_cannot_be_read(tmp_path, config):
    written(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_bytes(config) if config is not None else path.unlink()
    report = inspect(tmp_path / "model")
    assert report.config is None
    assert report.tasks == ()
    assert any("config" in problem for problem in report.problems)
    assert all(tensor.numbers and tensor.status == "used" for tensor in report.tensors)
    assert "cannot be read, see the problems" in checked(report)


def test_what_is_missing_and_what_means_nothing(tmp_path):
    written(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    arrays = safetensors.read(path)
    del arrays["bert.embeddings.LayerNorm.bias"]
    hostile = "\x1b]0;x\x07\n\u202e" + "n" * 2000
    safetensors.write(path, arrays | {hostile: np.zeros((2, 0), "i4"), "scalar": np.array(True)})
    report = inspect(tmp_path / "model")
    assert report.missing == ("bert.embeddings.LayerNorm.bias",)
    assert set(report.unexpected) == {hostile, "scalar"}
    assert report.tasks == ()
    assert any("got 1 ('bert.embeddings.LayerNorm.bias') missing" in problem for problem in report.problems)
    by_name = {tensor.name: tensor for tensor in report.tensors}
    assert by_name[hostile].numbers == Numbers(None, None, None, 0)
    assert by_name["scalar"].numbers == Numbers(1.0, 1.0, 1.0, 0)
    text = checked(report)
    assert max(map(len, text.split("\n"))) < 420


def test_a_shape_that_does_not_fit_and_numbers_that_are_none(tmp_path):
    written(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    arrays = safetensors.read(path)
    arrays["bert.embeddings.LayerNorm.bias"] = np.array([np.nan, -np.inf, 2.0, 4.0], "f4")
    safetensors.write(path, arrays)
    report = inspect(tmp_path / "model")
    assert report.tasks == ()
    assert any("expected shape [12] by the config, got [4]" in problem for problem in report.problems)
    tensor = next(tensor for tensor in report.tensors if tensor.name == "bert.embeddings.LayerNorm.bias")
    assert tensor.numbers == Numbers(2.0, 4.0, 3.0, 2)
    assert "2 not" in checked(report)


def test_a_head_that_the_config_promises(tmp_path):
    written(tmp_path / "model", heads=())
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace("BertModel", "BertForPreTraining"))
    report = inspect(tmp_path / "model")
    assert [problem.split("expected the ")[1].split(" head")[0] for problem in report.problems] == list(PRETRAINED)
    assert report.tasks == ("embeddings", "sentence_embedding")


def test_a_pooling_that_is_not_known(tmp_path):
    written(tmp_path / "model", heads=())
    (tmp_path / "model" / "modules.json").write_text('[{"type": "a.Transformer", "path": ""}, {"type": "a.Dense"}]')
    report = inspect(tmp_path / "model")
    assert report.tasks == ("embeddings",)
    assert "got Transformer, Dense" in report.problems[0]


def test_how_vectors_are_made_and_what_of_it_is_assumed(tmp_path):
    folder = tmp_path / "model"
    sentence_folders.write_embedding(folder, "dense")
    report = inspect(folder)
    assert report.sentences == ("mean", ("Dense", "Normalize"), False, 24, False)  # tokenizer_config.json says 24
    assert "pooling mean, Dense, Normalize texts cut at 24 tokens tensor" in words(report)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    report = inspect(folder)
    assert (report.sentences.max_length, report.sentences.max_length_assumed) == (16, False)
    assert "texts cut at 16 tokens tensor" in words(report)
    (folder / "modules.json").unlink()
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 24}')
    report = inspect(folder)
    assert report.sentences == ("mean", (), True, 24, False)
    assert "pooling mean (assumed: there is no modules.json that names it) texts" in words(report)
    (folder / "sentence_bert_config.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    report = inspect(folder)
    assert report.sentences == ("mean", (), True, 24, True)
    assert "24 tokens (assumed: no file says it, and the model has so many positions)" in words(report)
    assert inspection.to_json(report)["sentences"]["pooling_assumed"] is True
    (folder / "1_Pooling" / "config.json").unlink(missing_ok=True)
    (folder / "modules.json").write_text("[1]")
    assert inspect(folder).sentences is None


def test_tensors_of_no_numbers(tmp_path):
    """Strings and complex numbers in a bundle are listed."""
    report = inspect(TF_FILES / "types.ckpt")
    by_name = {tensor.name: tensor for tensor in report.tensors}
    assert by_name["strings"][2:] == ("string", "left", "no numbers", None)
    assert by_name["complex"].dtype == "complex64"
    assert by_name["bfloat16"].status == "unexpected"
    checked(report)


def test_other_files_with_weights_are_told(tmp_path):
    written(tmp_path / "model")
    bert = tiny_bert(PRETRAINED)
    bundle.write(tmp_path / "model" / "bert_model.ckpt", arrays_of(bert))
    report = inspect(tmp_path / "model")
    assert report.passed_over == ("bert_model.ckpt.index",)
    assert "passed over bert_model.ckpt.index" in words(report)


def test_labels_that_only_the_weights_know(tmp_path):
    written(tmp_path / "model", heads=("sequence_classification",), num_labels=5, gelu="tanh", form="tf1")
    (tmp_path / "model" / "config.json").unlink()
    report = inspect(tmp_path / "model")
    assert report.config.num_labels == 5
    assert "sequence_classification" in report.tasks


def test_nothing_to_look_at(tmp_path):
    for path, message in ((tmp_path, "expected a file with weights"), (tmp_path / "no" / "x", "nothing of this name")):
        with pytest.raises(Error, match=message):
            inspect(path)
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(Error, match="expected a checkpoint of a known form"):
        inspect(tmp_path)


def test_memory_is_bounded_by_the_largest_tensor(tmp_path):
    """128 MiB of weights are looked at within 48, of which 32 are one batch."""
    rng = np.random.default_rng(0)
    arrays = {f"part{i}": rng.standard_normal((1 << 20,), "f4") for i in range(32)}
    safetensors.write(tmp_path / "model.safetensors", arrays)
    del arrays
    tracemalloc.start()
    try:
        report = inspect(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(report.tensors) == 32
    assert peak < 48 << 20


def test_a_damaged_checkpoint_is_looked_at_under_limits(tmp_path):
    """Truncated everywhere, and with every byte of the header changed: a report or one line."""
    written(tmp_path / "model", heads=())
    code = """
from pathlib import Path
from numpy_bert.checkpoints import inspection
from numpy_bert.cli.inspect import format_inspection
from numpy_bert.errors import Error
folder = Path(sys.argv[1])
path = folder / "model.safetensors"
data = path.read_bytes()
length = 8 + int.from_bytes(data[:8], "little")
cases = [data[:n] for n in range(0, len(data), 211)]
cases += [data[:n] + bytes([data[n] ^ 0x15]) + data[n + 1:] for n in range(0, length, 29)]
told = 0
for case in cases:
    path.write_bytes(case)
    try:
        text = format_inspection(inspection.inspect(folder))
        assert text.replace("\\n", "").isprintable()
    except Error as error:
        assert str(error).isprintable()
        told += 1
print(len(cases), told)
"""
    result = run_limited(code, args=[tmp_path / "model"], writable=[tmp_path], cpu_seconds=20)
    assert result.returncode == 0, result.stderr
    cases, refused = map(int, result.stdout.split())
    assert cases > 150
    assert refused > cases // 2
