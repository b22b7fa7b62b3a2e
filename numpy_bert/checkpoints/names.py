"""One table of names: each learned array of this project, and what it is called in the checkpoints people publish.

In the middle stand the names of Hugging Face's BERT. `spelled` brings every other spelling to them, `sources` says
which of them make up one array here, `google` is the way back to Google's. Both directions, loading and saving, read
the same rows. The same weight is called

    bert.encoder.layer.0.output.LayerNorm.weight                            by Hugging Face
    module.bert.encoder.layer.0.output.LayerNorm.gamma                      there in 2019, saved from several devices
    bert/encoder/layer_0/output/LayerNorm/gamma                             by Google (TensorFlow)
    bert/tf_bert_model/bert/encoder/layer_._0/output/LayerNorm/gamma:0      in Keras' tf_model.h5
    encoder/layer/0/output/LayerNorm/scale                                  in Flax' flax_model.msgpack
    blk.0.layer_output_norm.weight                                          in GGUF: gguf_names.py has the table
    bert.encoder.layers.0.feed_forward_norm.gamma                           here

TensorFlow, Keras and Flax store a matrix as (in, out) under the name `kernel`, everybody else as (out, in).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from . import gguf_names

WORD, DECODER = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
BIAS, DECODER_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"  # one array, often stored twice

# Array or block here -> its name there. A "*" is the number of a layer.
BLOCKS: dict[str, str | tuple[str, ...]] = {
    "bert.embedding.word": WORD,
    "bert.embedding.position": "bert.embeddings.position_embeddings.weight",
    "bert.embedding.segment": "bert.embeddings.token_type_embeddings.weight",
    "bert.embedding.norm": "bert.embeddings.LayerNorm",
    "bert.encoder.layers.*.attention.qkv": (  # three arrays there, below each other in one here
        "bert.encoder.layer.*.attention.self.query",
        "bert.encoder.layer.*.attention.self.key",
        "bert.encoder.layer.*.attention.self.value",
    ),
    "bert.encoder.layers.*.attention.output": "bert.encoder.layer.*.attention.output.dense",
    "bert.encoder.layers.*.attention_norm": "bert.encoder.layer.*.attention.output.LayerNorm",
    "bert.encoder.layers.*.feed_forward.expand": "bert.encoder.layer.*.intermediate.dense",
    "bert.encoder.layers.*.feed_forward.contract": "bert.encoder.layer.*.output.dense",
    "bert.encoder.layers.*.feed_forward_norm": "bert.encoder.layer.*.output.LayerNorm",
    "bert.pooler.dense": "bert.pooler.dense",
    "masked_lm.transform": "cls.predictions.transform.dense",
    "masked_lm.norm": "cls.predictions.transform.LayerNorm",
    "masked_lm.decoder": DECODER,
    "masked_lm.bias": BIAS,
    "next_sentence.dense": "cls.seq_relationship",
    "sequence_classification.dense": "classifier",
    "token_classification.dense": "classifier",
    "multiple_choice.dense": "classifier",
    "question_answering.dense": "qa_outputs",
}
FIELDS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}  # of the rows that are blocks


def _leaves() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The table array by array."""
    for block, there in BLOCKS.items():
        parts = there if isinstance(there, tuple) else (there,)
        if parts[0].endswith((".weight", ".bias")):
            yield block, parts
            continue
        for field in ("gamma", "beta") if block.endswith("norm") else ("W", "b"):
            yield f"{block}.{field}", tuple(f"{part}.{FIELDS[field]}" for part in parts)


LEAVES = dict(_leaves())

# The architecture by which a Hugging Face config names a head, and the names by which a file shows that it has it.
ARCHITECTURES = {
    "masked_lm": "BertForMaskedLM",
    "next_sentence": "BertForNextSentencePrediction",
    "sequence_classification": "BertForSequenceClassification",
    "token_classification": "BertForTokenClassification",
    "multiple_choice": "BertForMultipleChoice",
    "question_answering": "BertForQuestionAnswering",
}
PRETRAINING, PRETRAINED = "BertForPreTraining", ("masked_lm", "next_sentence")
WITH_LABELS = ("sequence_classification", "token_classification")  # as many outputs as the config has labels
START_AND_END = {"question_answering": 2}  # outputs that transformers counts as labels where no head has others
CLASSIFIERS = ("sequence_classification", "token_classification", "multiple_choice")  # all three are "classifier"
HEAD_PREFIXES = {
    "masked_lm": "cls.predictions.",
    "next_sentence": "cls.seq_relationship.",
    "question_answering": "qa_outputs.",
}

# Known, and not weights: buffers that frameworks save, and what an optimizer left behind.
LEFT = (
    (r"bert\.embeddings\.(position_ids|token_type_ids)", "buffer"),
    (r".*/((adam|lamb)_[mv]|Adam(_1)?|AdamWeightDecayOptimizer(_1)?|LAMB(_1)?)", "optimizer slot"),
    (r"cls(\.output)?\.(weight|bias)", "classifier without the pooler that it reads from"),  # GGUF
    (r"(global_step|good_steps|current_loss_scale|loss_scale|beta[12]_power)", "training state"),
)

# Rules applied in order, the second half once path separators have become dots. Each reads any name in linear time.
WRAPPED = (
    (r"^(?:(?:module|model|_orig_mod|params)[./])+", ""),  # DataParallel and others; torch.compile; Flax
    (r":0$", ""),  # Keras: the first output of a variable
    (r"(^|/)[^/]*___", r"\1"),  # Keras: what is before ___ only keeps scopes apart ("mlm___cls")
    (r"(^|/)layer_\._", r"\1layer_"),  # Keras: a number in a list
    (r"^.*/(?=(?:bert|cls|classifier|qa_outputs)/)", ""),  # Keras: the scopes outside
)
SPELLINGS = (
    (r"\blayer_(\d+)\b", r"layer.\1"),
    (r"(word|position|token_type)_embeddings(?:\.weight|\.embeddings?)?$", r"\1_embeddings.weight"),
    (r"^cls\.predictions\.output_weights$", DECODER),
    (r"^cls\.squad\.output_", "qa_outputs.output_"),
    (r"^output_(weights|bias)$", r"classifier.output_\1"),  # run_classifier.py puts its head at the top
    (r"\.(?:kernel|gamma|scale|output_weights)$", ".weight"),
    (r"\.(?:beta|output_bias)$", ".bias"),
    (r"^(?=(?:embeddings|encoder|pooler)\.)", "bert."),
    (r"^cls\.predictions\.decoder\.bias$", BIAS),
)

# The way back: the ends of names that Google spells otherwise.
GOOGLE = (
    (r"^classifier\.(?=weight|bias)", "output_"),
    (r"^qa_outputs\.", "cls.squad.output_"),
    (r"^cls\.seq_relationship\.", "cls.seq_relationship.output_"),
    (r"^cls\.predictions\.(?=bias$)", "cls.predictions.output_"),
    (r"^cls\.predictions\.decoder\.weight$", "cls.predictions.output_weight"),
    (r"\boutput_weight$", "output_weights"),
    (r"LayerNorm\.weight$", "LayerNorm.gamma"),
    (r"LayerNorm\.bias$", "LayerNorm.beta"),
    (r"_embeddings\.weight$", "_embeddings"),
    (r"\.weight$", ".kernel"),
    (r"\blayer\.(\d+)\b", r"layer_\1"),
)


class Spelled(NamedTuple):
    """A name in another spelling."""

    name: str
    transposed: bool  # one side stores (in, out), the other (out, in)


class Leaf(NamedTuple):
    """A leaf of objective.Params, or one of the equal parts, below each other, that make it."""

    name: str
    part: int
    parts: int


def spelled(foreign: str) -> Spelled:
    """Any spelling of a name -> Hugging Face's.

    Two kinds of this project's names stay: those of Q, K and V in one array, which are three there, and those of the
    three heads that are all `classifier` there. A name that means nothing here comes back much as it was.
    """
    foreign = gguf_names.hugging_face(foreign) or foreign
    if stays(foreign):
        return Spelled(foreign, False)
    if is_own(foreign):
        return Spelled(sources(foreign)[0], False)
    name = _rewritten(foreign, WRAPPED).replace("/", ".")
    return Spelled(_rewritten(name, SPELLINGS), name.endswith(".kernel"))


def google(name: str) -> Spelled:
    """Hugging Face's name -> Google's. Names that `spelled` lets stay stay here too."""
    if stays(name):
        return Spelled(name, False)
    google_name = _rewritten(name, GOOGLE)
    return Spelled(google_name.replace(".", "/"), google_name.endswith(".kernel"))


def _rewritten(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def left(foreign: str, name: str) -> str | None:
    """What a known tensor that is not a weight is; None for a weight or an unknown one. `name`: as spelled here."""
    return next((role for pattern, role in LEFT if re.fullmatch(pattern, foreign) or re.fullmatch(pattern, name)), None)


def is_own(name: str) -> bool:
    """Whether this is a leaf of objective.Params, such as bert.encoder.layers.0.attention.qkv.W."""
    return _numbered(name)[0] in LEAVES


def stays(name: str) -> bool:
    """Whether this name of the project has no counterpart of its own in Hugging Face's spelling."""
    return is_own(name) and (len(sources(name)) > 1 or name.split(".")[0] in CLASSIFIERS)


def sources(leaf: str) -> tuple[str, ...]:
    """The Hugging Face names whose arrays, below each other, make the array called `leaf` in objective.Params."""
    pattern, number = _numbered(leaf)
    return tuple(there.replace("*", number) for there in LEAVES[pattern])


def leaf(name: str, head: str | None = None) -> Leaf | None:
    """Where an array of this name, as `spelled` gives it, belongs. `head`: the one that is called `classifier`."""
    if is_own(name):
        return Leaf(name, 0, 1)
    pattern, number = _numbered(name)
    for own, parts in LEAVES.items():
        if pattern in parts and (not name.startswith("classifier.") or own.startswith(f"{head}.")):
            return Leaf(own.replace("*", number), parts.index(pattern), len(parts))
    return None


def _numbered(name: str) -> tuple[str, str]:
    """The name with "*" for the number of a layer, and that number."""
    number = re.search(r"\.layers?\.(\d+)\.", name)
    if not number:
        return name, "*"
    return f"{name[: number.start(1)]}*{name[number.end(1) :]}", number[1]


def stored_as(leaf: str, stored: Collection[str]) -> tuple[str, ...]:
    """The names, as `spelled` gives them for a file, whose arrays make this leaf, be they there or not."""
    return (leaf,) if leaf in stored else sources(leaf)


def heads_in(names: Collection[str], architectures: tuple[str, ...]) -> tuple[str, ...]:
    """The heads whose arrays are among these names, which are as `spelled` gives them.

    Three heads share the name `classifier`; the architectures in the config say which it is, and where they do not it
    is sequence classification if there is a pooler to read from, else token classification.
    """
    heads = {head for head in CLASSIFIERS if any(name.startswith(f"{head}.") and is_own(name) for name in names)}
    heads |= {head for head, prefix in HEAD_PREFIXES.items() if any(name.startswith(prefix) for name in names)}
    if "classifier.weight" in names or "classifier.bias" in names:
        pooler = any(name.startswith("bert.pooler.") for name in names)
        by_pooler = "sequence_classification" if pooler else "token_classification"
        heads.add(classifier_of(architectures) or by_pooler)
    return tuple(head for head in ARCHITECTURES if head in heads)


def classifier_of(architectures: tuple[str, ...]) -> str | None:
    """The head that is called `classifier` in a model of these architectures, which may be of a class of their own
    ("MyBertForTokenClassification"): that of the first which has one."""
    ends = {ARCHITECTURES[head].removeprefix("Bert"): head for head in CLASSIFIERS}
    return next((head for name in architectures for end, head in ends.items() if name.endswith(end)), None)


def promised_heads(architectures: Collection[str]) -> tuple[str, ...]:
    """The heads that a config with these architectures names."""
    promised = [head for head, name in ARCHITECTURES.items() if name in architectures]
    return tuple(dict.fromkeys([*promised, *(PRETRAINED if PRETRAINING in architectures else ())]))


def fixed_labels(heads: Collection[str]) -> int | None:
    """The number of labels that transformers expects in the config of a model with these heads; None: any number."""
    if any(head in WITH_LABELS for head in heads):
        return None
    return next((START_AND_END[head] for head in heads if head in START_AND_END), None)


def architectures_of(heads: Collection[str], stated: tuple[str, ...]) -> tuple[str, ...]:
    """How a config names a model with these heads. The first one `stated` that is still right stays the first.

    Without one the order is that of CLASSIFIERS, question answering, pretraining: what a model was tuned for last.
    """
    architectures = [name for head, name in ARCHITECTURES.items() if head in heads and head not in PRETRAINED]
    pretrained = [head for head in PRETRAINED if head in heads]
    architectures += [PRETRAINING] if len(pretrained) == 2 else [ARCHITECTURES[head] for head in pretrained]
    first = next((name for name in stated if name in architectures), None)
    if first:
        architectures = [first] + [name for name in architectures if name != first]
    return tuple(architectures) or ("BertModel",)
