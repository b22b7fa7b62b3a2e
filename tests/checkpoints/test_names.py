"""The table of names: every spelling there and back, heads, and names that mean nothing."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.checkpoints import names
from numpy_bert.config import BertConfig
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective

HEADS = tuple(objective.HEADS)
PRETRAINED = ("masked_lm", "next_sentence")
CONFIG = BertConfig(
    vocab_size=30, hidden_size=8, num_hidden_layers=12, num_attention_heads=2, intermediate_size=16,
    tie_word_embeddings=False,
)  # fmt: skip

# What each publisher calls one array of every kind, as their files have it: the name here, then Hugging Face's of
# today, of 2018, Google's, Keras' and Flax'.
ROWS = """
bert.embedding.word
    bert.embeddings.word_embeddings.weight  bert.embeddings.word_embeddings.weight
    bert/embeddings/word_embeddings
    bert/tf_bert_for_pre_training/bert/embeddings/word_embeddings/weight:0
    bert/embeddings/word_embeddings/embedding
bert.embedding.position
    bert.embeddings.position_embeddings.weight  bert.embeddings.position_embeddings.weight
    bert/embeddings/position_embeddings
    bert/tf_bert_model/bert/embeddings/position_embeddings/embeddings:0
    bert/embeddings/position_embeddings/embedding
bert.embedding.segment
    bert.embeddings.token_type_embeddings.weight  bert.embeddings.token_type_embeddings.weight
    bert/embeddings/token_type_embeddings
    bert/tf_bert_model/bert/embeddings/token_type_embeddings/embeddings:0
    bert/embeddings/token_type_embeddings/embedding
bert.embedding.norm.gamma
    bert.embeddings.LayerNorm.weight  bert.embeddings.LayerNorm.gamma
    bert/embeddings/LayerNorm/gamma
    bert/tf_bert_model/bert/embeddings/LayerNorm/gamma:0
    bert/embeddings/LayerNorm/scale
bert.encoder.layers.11.attention.output.W
    bert.encoder.layer.11.attention.output.dense.weight  bert.encoder.layer.11.attention.output.dense.weight
    bert/encoder/layer_11/attention/output/dense/kernel
    bert/tf_bert_model/bert/encoder/layer_._11/attention/output/dense/kernel:0
    bert/encoder/layer/11/attention/output/dense/kernel
bert.encoder.layers.0.attention_norm.beta
    bert.encoder.layer.0.attention.output.LayerNorm.bias  bert.encoder.layer.0.attention.output.LayerNorm.beta
    bert/encoder/layer_0/attention/output/LayerNorm/beta
    bert/tf_bert_model/bert/encoder/layer_._0/attention/output/LayerNorm/beta:0
    bert/encoder/layer/0/attention/output/LayerNorm/bias
bert.encoder.layers.3.feed_forward.expand.b
    bert.encoder.layer.3.intermediate.dense.bias  bert.encoder.layer.3.intermediate.dense.bias
    bert/encoder/layer_3/intermediate/dense/bias
    bert/tf_bert_model/bert/encoder/layer_._3/intermediate/dense/bias:0
    bert/encoder/layer/3/intermediate/dense/bias
bert.encoder.layers.3.feed_forward.contract.W
    bert.encoder.layer.3.output.dense.weight  bert.encoder.layer.3.output.dense.weight
    bert/encoder/layer_3/output/dense/kernel
    bert/tf_bert_model/bert/encoder/layer_._3/output/dense/kernel:0
    bert/encoder/layer/3/output/dense/kernel
bert.encoder.layers.3.feed_forward_norm.gamma
    bert.encoder.layer.3.output.LayerNorm.weight  bert.encoder.layer.3.output.LayerNorm.gamma
    bert/encoder/layer_3/output/LayerNorm/gamma
    bert/tf_bert_model/bert/encoder/layer_._3/output/LayerNorm/gamma:0
    bert/encoder/layer/3/output/LayerNorm/scale
bert.pooler.dense.W
    bert.pooler.dense.weight  bert.pooler.dense.weight
    bert/pooler/dense/kernel
    bert/tf_bert_model/bert/pooler/dense/kernel:0
    bert/pooler/dense/kernel
masked_lm.transform.W
    cls.predictions.transform.dense.weight  cls.predictions.transform.dense.weight
    cls/predictions/transform/dense/kernel
    mlm___cls/tf_bert_for_pre_training/mlm___cls/predictions/transform/dense/kernel:0
    cls/predictions/transform/dense/kernel
masked_lm.norm.gamma
    cls.predictions.transform.LayerNorm.weight  cls.predictions.transform.LayerNorm.gamma
    cls/predictions/transform/LayerNorm/gamma
    mlm___cls/tf_bert_for_pre_training/mlm___cls/predictions/transform/LayerNorm/gamma:0
    cls/predictions/transform/LayerNorm/scale
masked_lm.bias
    cls.predictions.bias  cls.predictions.bias
    cls/predictions/output_bias
    mlm___cls/tf_bert_for_pre_training/mlm___cls/predictions/bias:0
    cls/predictions/bias
next_sentence.dense.W
    cls.seq_relationship.weight  cls.seq_relationship.weight
    cls/seq_relationship/output_weights
    nsp___cls/tf_bert_for_pre_training/nsp___cls/seq_relationship/kernel:0
    cls/seq_relationship/kernel
next_sentence.dense.b
    cls.seq_relationship.bias  cls.seq_relationship.bias
    cls/seq_relationship/output_bias
    nsp___cls/tf_bert_for_pre_training/nsp___cls/seq_relationship/bias:0
    cls/seq_relationship/bias
sequence_classification.dense.W
    classifier.weight  classifier.weight
    output_weights
    classifier/tf_bert_for_sequence_classification/classifier/kernel:0
    classifier/kernel
sequence_classification.dense.b
    classifier.bias  classifier.bias
    output_bias
    classifier/tf_bert_for_sequence_classification/classifier/bias:0
    classifier/bias
question_answering.dense.W
    qa_outputs.weight  qa_outputs.weight
    cls/squad/output_weights
    qa_outputs/tf_bert_for_question_answering/qa_outputs/kernel:0
    qa_outputs/kernel
"""
LINES = ROWS.strip().replace("\n    ", " ").split("\n")
TABLE = [(leaf, today, others) for leaf, today, *others in map(str.split, LINES)]


@pytest.mark.parametrize(("leaf", "hugging_face", "others"), TABLE)
def test_every_publishers_name(leaf, hugging_face, others):
    assert names.sources(leaf) == (hugging_face,)
    assert names.leaf(hugging_face, "sequence_classification").name == leaf
    for foreign in [hugging_face, *others]:
        assert names.spelled(foreign).name == hugging_face
    old, google, keras, flax = others
    assert names.google(hugging_face).name == google
    for foreign in (old, google, keras, flax):
        assert names.spelled(foreign).transposed == ("kernel" in foreign)
    assert names.google(hugging_face).transposed == ("kernel" in google)


def test_query_key_and_value_are_three_there_and_one_here():
    W = "bert.encoder.layers.7.attention.qkv.W"
    parts = [f"bert.encoder.layer.7.attention.self.{part}.weight" for part in ("query", "key", "value")]
    assert names.sources(W) == tuple(parts)
    for i, (part, kind) in enumerate(zip(parts, ("query", "key", "value"), strict=True)):
        assert names.leaf(part) == names.Leaf(W, i, 3)
        for foreign in (
            f"module.bert.encoder.layer.7.attention.self.{kind}.weight",
            f"bert/encoder/layer_7/attention/self/{kind}/kernel",
            f"bert/tf_bert_model/bert/encoder/layer_._7/attention/self/{kind}/kernel:0",
            f"params/encoder/layer/7/attention/self/{kind}/kernel",
        ):
            assert names.spelled(foreign) == names.Spelled(part, "kernel" in foreign)
    assert names.spelled(W) == names.Spelled(W, False)
    assert names.leaf(W) == names.Leaf(W, 0, 1)
    assert names.stored_as(W, {W}) == (W,)
    assert names.stored_as(W, set(parts)) == tuple(parts)


@pytest.mark.parametrize(
    "wrapped",
    [
        "embeddings.LayerNorm.weight",
        "bert.embeddings.LayerNorm.weight",
        "module.bert.embeddings.LayerNorm.gamma",
        "model.bert.embeddings.LayerNorm.weight",
        "_orig_mod.module.embeddings.LayerNorm.gamma",
        "params/embeddings/LayerNorm/scale",
        "tf_bert_for_masked_lm/bert/embeddings/LayerNorm/gamma:0",
        "bert/bert/embeddings/LayerNorm/gamma:0",
    ],
)
def test_what_stands_before_a_name(wrapped):
    assert names.spelled(wrapped) == names.Spelled("bert.embeddings.LayerNorm.weight", False)


@pytest.mark.parametrize("classifier", [*names.CLASSIFIERS, None])
def test_the_whole_model_there_and_back(classifier):
    """Every leaf of every model: its names lead back to it, through Google's spelling too, and none is used twice."""
    heads = tuple(head for head in HEADS if head not in names.CLASSIFIERS or head == classifier)
    leaves = [leaf for leaf, _ in tree.items(objective.shapes(CONFIG, heads))]
    there = [(leaf, name) for leaf in leaves for name in names.sources(leaf)]
    spellings = [name for _, name in there]
    assert len(set(spellings)) == len(spellings)
    google = [names.google(name).name for name in spellings]
    assert len(set(google)) == len(google)
    for leaf, name in there:
        assert names.leaf(name, classifier).name == leaf
        assert names.spelled(name) == names.Spelled(name, False)
        back = names.spelled(names.google(name).name)
        assert back == names.Spelled(name, names.google(name).transposed)
        assert names.left(name, name) is None
    assert set(names.heads_in(set(spellings), (names.ARCHITECTURES.get(classifier, ""),))) == set(heads)


def test_the_names_of_this_project():
    """Each is known; those with one counterpart become it, the others stay."""
    for leaf, _ in tree.items(objective.shapes(CONFIG, HEADS)):
        assert names.is_own(leaf)
        name = names.spelled(leaf).name
        if leaf.split(".")[0] in names.CLASSIFIERS or ".qkv." in leaf:
            assert name == leaf
            assert names.google(leaf) == names.Spelled(leaf, False)
        else:
            assert (name,) == names.sources(leaf)
    for name in ("bert.embedding.norm", "bert.embedding.norm.W", "bert.pooler.dense.gamma", "bert.embedding.word.W"):
        assert not names.is_own(name)
    assert names.heads_in({"token_classification.dense.W"}, ()) == ("token_classification",)


def test_a_name_of_another_place_is_not_confused():
    assert names.leaf("bert.embeddings.other.weight") is None
    assert names.leaf("classifier.weight", None) is None
    for foreign in ("dense/kernel", "layer_0/kernel", "bert/x/dense/kernel", "decoder.weight", "m.bert.embedding.word"):
        assert names.leaf(names.spelled(foreign).name) is None


@pytest.mark.parametrize(
    ("foreign", "role"),
    [
        ("embeddings.position_ids", "buffer"),
        ("bert.embeddings.position_ids", "buffer"),
        ("module.bert.embeddings.token_type_ids", "buffer"),
        ("bert/encoder/layer_0/output/dense/kernel/adam_m", "optimizer slot"),
        ("cls/seq_relationship/output_bias/adam_v", "optimizer slot"),
        ("output_weights/adam_m", "optimizer slot"),
        ("bert/pooler/dense/bias/AdamWeightDecayOptimizer_1", "optimizer slot"),
        ("bert/pooler/dense/bias/Adam", "optimizer slot"),
        ("global_step", "training state"),
        ("beta1_power", "training state"),
        ("bert.embeddings.LayerNorm.weight", None),
        ("adam_m", None),
        ("bert/pooler/dense/kernel", None),
    ],
)
def test_what_is_known_and_no_weight(foreign, role):
    assert names.left(foreign, names.spelled(foreign).name) == role


def test_the_second_name_of_the_output_bias():
    assert names.spelled("cls.predictions.decoder.bias").name == "cls.predictions.bias"


CLASSIFIER = {"classifier.weight", "classifier.bias"}
POOLER = {"bert.pooler.dense.weight"}


@pytest.mark.parametrize(
    ("stored", "architectures", "heads"),
    [
        (set(), ("BertForMaskedLM",), ()),
        ({"cls.predictions.bias"}, (), ("masked_lm",)),
        ({"cls.predictions.bias", "cls.seq_relationship.weight"}, (), PRETRAINED),
        ({"qa_outputs.bias"}, (), ("question_answering",)),
        (CLASSIFIER | POOLER, (), ("sequence_classification",)),
        (CLASSIFIER, (), ("token_classification",)),
        (CLASSIFIER | POOLER, ("BertForTokenClassification",), ("token_classification",)),
        (CLASSIFIER | POOLER, ("BertForMultipleChoice",), ("multiple_choice",)),
        (CLASSIFIER | POOLER, ("BertForMaskedLM", "BertForMultipleChoice"), ("multiple_choice",)),
        (
            CLASSIFIER | {"token_classification.dense.W", "cls.predictions.bias"},
            ("BertForSequenceClassification",),
            ("masked_lm", "sequence_classification", "token_classification"),
        ),
    ],
)
def test_heads(stored, architectures, heads):
    assert names.heads_in(stored, architectures) == heads


@pytest.mark.parametrize(
    ("heads", "stated", "architectures"),
    [
        ((), (), ("BertModel",)),
        ((), ("BertForMaskedLM",), ("BertModel",)),
        (("masked_lm",), (), ("BertForMaskedLM",)),
        (PRETRAINED, (), ("BertForPreTraining",)),
        (PRETRAINED, ("BertForPreTraining",), ("BertForPreTraining",)),
        (("masked_lm", "sequence_classification"), (), ("BertForSequenceClassification", "BertForMaskedLM")),
        (
            ("masked_lm", "sequence_classification"),
            ("BertForMaskedLM",),
            ("BertForMaskedLM", "BertForSequenceClassification"),
        ),
        (
            names.CLASSIFIERS,
            ("BertForTokenClassification",),
            ("BertForTokenClassification", "BertForSequenceClassification", "BertForMultipleChoice"),
        ),
    ],
)
def test_architectures(heads, stated, architectures):
    assert names.architectures_of(heads, stated) == architectures


def test_every_choice_of_heads_is_named_so_that_it_is_read_back():
    for count in range(len(HEADS) + 1):
        for heads in itertools.combinations(HEADS, count):
            architectures = names.architectures_of(heads, ())
            classifiers = [head for head in names.CLASSIFIERS if head in heads]
            assert names.classifier_of(architectures) == (classifiers[0] if classifiers else None)


WORDS = ("bert", "encoder", "layer", "layer_0", "layer_._1", "12", "cls", "___", "kernel", "gamma", ":0", "*", "qkv")


@settings(max_examples=300)
@given(st.text(max_size=60) | st.lists(st.sampled_from((*WORDS, "/", ".")), max_size=12).map("".join))
def test_any_name_can_be_asked_about(name):
    """No name makes the table fail, and what it says is one of its own names or means nothing."""
    there, transposed = names.spelled(name)
    assert isinstance(there, str)
    assert isinstance(transposed, bool)
    result = names.leaf(there, "sequence_classification")
    assert result is None or names.is_own(result.name)
    names.left(name, there)
    names.google(there)


@pytest.mark.parametrize("sign", ["a", "_", "/", ".", "layer_", "module.", "a/", "___", "1", "\n", "\x1b"])
def test_a_hostile_name_takes_no_time(sign):
    """A rule that went over it for each of its characters would take hours."""
    name = sign * (1_000_000 // len(sign))
    started = time.process_time()
    for part in (name, name[:300], "bert/" + name[:290]):
        there = names.spelled(part).name
        assert names.leaf(there) is None
        assert names.left(part, there) is None
    assert time.process_time() - started < 3
