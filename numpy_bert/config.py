"""BertConfig: sizes and constants of one BERT, read from Hugging Face's `config.json` or Google's `bert_config.json`.

A file is in Google's form when it is called bert_config.json and holds none of the keys that only Hugging Face's
library writes; every other file is in Hugging Face's. The forms differ in one thing: `hidden_act: gelu` is the tanh
form in Google's code and the erf form in Hugging Face's.

The sizes must be there, since a guessed size is a wrong model; a constant that a file leaves out has the value that
both codes give it. What is not plain BERT is refused by name: other model types and architectures, relative positions,
decoders, pruned heads.

Source: modeling.py of google-research/bert, configuration_bert.py of transformers.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import Error, describe, show
from .files import strict_json
from .files.atomic import replacing
from .files.reading import require_path
from .rules import Rule, integer, number, one_of, optional, texts

FILE = "config.json"
GOOGLE_FILE = "bert_config.json"


PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
PROBABILITY = number("a number of at least 0 and below 1", lambda value: 0 <= value < 1)

# The limits are far above any BERT, and low enough that no array is asked for that memory has no addresses for.
RULES = {
    "vocab_size": integer(1, 10_000_000),
    "hidden_size": integer(1, 65_536),
    "num_hidden_layers": integer(1, 1_000),
    "num_attention_heads": integer(1, 65_536),
    "intermediate_size": integer(1, 1_000_000),
    "max_position_embeddings": integer(1, 1_000_000),
    "type_vocab_size": integer(1, 1_000),
    "gelu": one_of("erf", "tanh"),
    "layer_norm_eps": number("a finite number > 0", lambda value: 0 < value < math.inf),
    "hidden_dropout": PROBABILITY,
    "attention_dropout": PROBABILITY,
    "classifier_dropout": optional(PROBABILITY),
    "initializer_range": number("a finite number > 0", lambda value: 0 < value < math.inf),
    "pad_token_id": integer(0, 10_000_000 - 1),
    "num_labels": integer(1, 1_000_000),
    "labels": texts("a tuple of names of classes"),
    "problem_type": optional(one_of(*PROBLEM_TYPES)),
    "architectures": texts("a tuple of names of architectures"),
    "tie_word_embeddings": one_of(True, False),
    "null_score_diff_threshold": optional(number("a finite number", math.isfinite)),
}


@dataclass(frozen=True)
class BertConfig:
    """The sizes of the paper and the constants of its equations. Error: a value that no BERT can have."""

    vocab_size: int  # V
    hidden_size: int = 768  # H
    num_hidden_layers: int = 12  # L
    num_attention_heads: int = 12  # A
    intermediate_size: int = 3072  # F
    max_position_embeddings: int = 512  # P
    type_vocab_size: int = 2
    gelu: str = "erf"  # or "tanh"
    layer_norm_eps: float = 1e-12
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    classifier_dropout: float | None = None  # None: as hidden_dropout
    initializer_range: float = 0.02
    pad_token_id: int = 0
    num_labels: int = 2  # C
    labels: tuple[str, ...] = ()  # names of the classes, in order; () where none are known
    problem_type: str | None = None  # one of PROBLEM_TYPES; None: see `problem`
    architectures: tuple[str, ...] = ()  # as the file names them: ("BertForMaskedLM",); () in Google's files
    tie_word_embeddings: bool = True  # the masked-LM decoder is the word embedding itself
    null_score_diff_threshold: float | None = None  # see answer_spans.answer; None: every question has an answer

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            rule.check(name, getattr(self, name))
        if self.hidden_size % self.num_attention_heads:
            heads = f"num_attention_heads={self.num_attention_heads}"
            raise Error(f"hidden_size: expected a multiple of {heads}, got {self.hidden_size}")
        if self.pad_token_id >= self.vocab_size:
            raise Error(f"pad_token_id: expected an id below vocab_size={self.vocab_size}, got {self.pad_token_id}")
        if self.labels and len(set(self.labels)) != self.num_labels:
            names = f"{len(set(self.labels))} different ones"
            raise Error(f"labels: expected names for num_labels={self.num_labels} classes, got {names}")

    @property
    def head_dropout(self) -> float:
        """The dropout before a classifier."""
        return self.hidden_dropout if self.classifier_dropout is None else self.classifier_dropout

    @property
    def problem(self) -> str:
        """What sequence classification predicts, one of PROBLEM_TYPES: as it is said, else by the number of labels."""
        return self.problem_type or ("regression" if self.num_labels == 1 else "single_label_classification")

    @property
    def is_regression(self) -> bool:
        """Whether sequence classification predicts values."""
        return self.problem == "regression"

    @property
    def label_names(self) -> tuple[str, ...]:
        """What each class is called: by the checkpoint, or as Hugging Face calls classes without a name."""
        return self.labels or tuple(f"LABEL_{i}" for i in range(self.num_labels))

    def to_json(self) -> str:
        """The text of a config.json that read_config and Hugging Face transformers both understand."""
        settings: dict[str, object] = {"model_type": "bert", "architectures": list(self.architectures)}
        settings |= {key: getattr(self, field) for key, field in KEYS.items()}
        settings["hidden_act"] = {"erf": "gelu", "tanh": "gelu_new"}[self.gelu]
        settings["position_embedding_type"] = "absolute"
        if self.labels:  # transformers counts these, so num_labels would be said twice
            settings["id2label"] = {str(i): name for i, name in enumerate(self.labels)}
            settings["label2id"] = {name: i for i, name in enumerate(self.labels)}
            del settings["num_labels"]
        return json.dumps(settings, indent=2, sort_keys=True) + "\n"


# Key of the file -> field, where the value is taken as it stands.
KEYS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "layer_norm_eps": "layer_norm_eps",
    "hidden_dropout_prob": "hidden_dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "classifier_dropout",
    "initializer_range": "initializer_range",
    "pad_token_id": "pad_token_id",
    "num_labels": "num_labels",
    "problem_type": "problem_type",
    "tie_word_embeddings": "tie_word_embeddings",
    "null_score_diff_threshold": "null_score_diff_threshold",
}
REQUIRED = tuple(KEYS)[:7]  # the sizes

# Meanings of hidden_act. The names of the tanh form differ in how the same curve is written down.
ACTIVATIONS = {
    "gelu": "erf",
    "gelu_python": "erf",
    "gelu_new": "tanh",
    "gelu_pytorch_tanh": "tanh",
    "gelu_fast": "tanh",
    "gelu_accurate": "tanh",
}
GOOGLE_ACTIVATIONS = {"gelu": "tanh"}
HUGGING_FACE_ONLY = {
    "model_type", "architectures", "transformers_version", "_name_or_path", "layer_norm_eps", "torchscript",
    "output_attentions", "output_hidden_states", "pruned_heads", "id2label", "pad_token_id", "torch_dtype", "dtype",
}  # fmt: skip

# Keys that plain BERT leaves out or leaves at this value.
FIXED = {
    "position_embedding_type": one_of("absolute"),
    "is_decoder": one_of(False),
    "add_cross_attention": one_of(False),
    "is_encoder_decoder": one_of(False),
    "pruned_heads": Rule("no pruned heads", lambda value: value == {}),
}
# Keys of other architectures, in files that do not name theirs.
FOREIGN = {
    "embedding_size": "ALBERT, ELECTRA or MobileBERT",
    "num_hidden_groups": "ALBERT",
    "inner_group_num": "ALBERT",
    "attention_window": "Longformer",
    "relative_attention": "DeBERTa",
    "alibi_starting_size": "MosaicBERT",
    "use_bottleneck": "MobileBERT",
    "n_heads": "DistilBERT or XLM",
    "quantization_config": "quantized weights",
}


def read_config(path: str | os.PathLike[str]) -> BertConfig:
    """The config in a folder (config.json, else bert_config.json) or in a file. Error: file, key, expected, got."""
    require_path(path)
    place = Path(path)
    if os.path.isdir(place):
        inside = next((place / file for file in (FILE, GOOGLE_FILE) if os.path.lexists(place / file)), None)
        if inside is None:
            raise Error(f"expected {FILE} or {GOOGLE_FILE} in the folder, got neither", at=path)
        place = inside
    settings = strict_json.read(place)
    if not isinstance(settings, dict):
        raise Error(f"expected an object, got {describe(settings)}", at=place)
    try:
        return _config(settings, google=place.name == GOOGLE_FILE and not HUGGING_FACE_ONLY & settings.keys())
    except Error as error:
        raise Error(str(error), at=place) from None


def write_config(config: BertConfig, folder: str | os.PathLike[str], architecture: str | None = None) -> Path:
    """Write config.json into a folder, whole or not at all; returns its path.

    architecture: what transformers shall make of the folder, such as "BertForMaskedLM"; None: as the config says.
    """
    path = Path(folder, FILE)
    if architecture is not None:
        config = replace(config, architectures=(architecture,))
    with replacing(path) as stream:
        stream.write(config.to_json().encode("utf-8"))
    return path


def _config(settings: dict[str, Any], google: bool) -> BertConfig:
    _refuse_other_architectures(settings)
    for key in REQUIRED:
        if key not in settings:
            raise Error(f"{key}: expected {RULES[KEYS[key]].expected}, got no such key")
    if settings.get("pad_token_id", 0) is None:  # newer files of models that were trained without padding
        settings = settings | {"pad_token_id": 0}
    fields = {}
    for key, field in KEYS.items():
        if key in settings:
            RULES[field].check(key, settings[key])
            fields[field] = settings[key]
    activations = GOOGLE_ACTIVATIONS if google else ACTIVATIONS
    activation = settings.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in activations:
        raise Error(f"hidden_act: expected {', '.join(activations)}, got {describe(activation)}")
    fields["gelu"] = activations[activation]
    fields["architectures"] = tuple(settings.get("architectures") or ())
    return BertConfig(**(fields | _labels(settings)))


def _refuse_other_architectures(settings: dict[str, Any]) -> None:
    one_of("bert").check("model_type", settings.get("model_type", "bert"))
    architectures = settings.get("architectures") or []
    if not isinstance(architectures, list) or not all(isinstance(name, str) for name in architectures):
        raise Error(f"architectures: expected an array of names, got {describe(architectures)}")
    for name in architectures:
        if not name.startswith("Bert") or name.startswith("BertGeneration"):
            raise Error(f"architectures: expected those of BERT, such as 'BertModel', got {show(name)}")
    for key, other in FOREIGN.items():
        if settings.get(key) is not None:
            raise Error(f"{key}: expected a key of BERT, got one of {other}")
    for key, rule in FIXED.items():
        if settings.get(key) is not None:
            rule.check(key, settings[key])


def _labels(settings: dict[str, Any]) -> dict[str, Any]:
    """num_labels and the names of the classes. Where the two disagree the number stands: files are known that say 50
    beside the names of the two classes that the library invents, and whose weights have 50."""
    names = settings.get("id2label")
    if names is None:
        return {}
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise Error(f"id2label: expected an object of names, got {describe(names)}")
    if not names or set(names) != {str(i) for i in range(len(names))}:
        raise Error(f"id2label: expected the keys 0 to {max(len(names), 1) - 1}, got {show(list(names), 80)}")
    if settings.get("num_labels", len(names)) != len(names):
        return {}
    if len(set(names.values())) != len(names):
        raise Error(f"id2label: expected {len(names)} different names, got {len(set(names.values()))}")
    return {"num_labels": len(names), "labels": tuple(names[str(i)] for i in range(len(names)))}
