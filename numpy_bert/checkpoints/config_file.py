"""BertConfig from Hugging Face's `config.json` or Google's `bert_config.json`, and back.

A file is in Google's form when it is called bert_config.json and holds none of the keys that only Hugging Face's
library writes; every other file is in Hugging Face's. The forms differ in the defaults of what is not there, and in
`hidden_act: gelu`, the tanh form in Google's code and the erf form in Hugging Face's.

What is left out has the value that the library of the file gives it. A wrong size shows in the shapes of the weights,
but for the number of attention heads, of which there is a warning. What is not plain BERT is refused by name: other
model types, relative positions, decoders, pruned heads.

Source: modeling.py of google-research/bert, configuration_bert.py and configuration_utils.py of transformers.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import KEYS, RULES, BertConfig
from ..errors import Error, describe, show, warn
from ..files import strict_json
from ..files.atomic import replacing
from ..files.reading import require_path
from ..rules import Rule, one_of

FILE = "config.json"
GOOGLE_FILE = "bert_config.json"

# Sizes of a file that leaves them out: what BertConfig of transformers has, and BertConfig of modeling.py.
SIZES = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
GOOGLE_SIZES = SIZES | {"type_vocab_size": 16}

# Keys that a head alone depends on, and keys that only training uses. The encoder is open whatever they hold.
HEADS_OF = {
    "problem_type": ("sequence_classification",),
    "num_labels": ("sequence_classification", "token_classification"),
    "id2label": ("sequence_classification", "token_classification"),
    "tie_word_embeddings": ("masked_lm",),
    "null_score_diff_threshold": ("question_answering",),
}
FOR_TRAINING = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "initializer_range")

# Meanings of hidden_act. The names of the tanh form differ in how the same curve is written down.
ACTIVATIONS = {
    "gelu": "erf",
    "gelu_python": "erf",
    "gelu_new": "tanh",
    "gelu_pytorch_tanh": "tanh",
    "gelu_python_tanh": "tanh",
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
    "embedding_size": "ALBERT, ELECTRA or MobileBERT",  # as large as hidden_size it changes nothing
    "num_hidden_groups": "ALBERT",
    "inner_group_num": "ALBERT",
    "attention_window": "Longformer",
    "relative_attention": "DeBERTa",
    "alibi_starting_size": "MosaicBERT",
    "use_bottleneck": "MobileBERT",
    "n_heads": "DistilBERT or XLM",
    "quantization_config": "quantized weights",
}


def read_config(path: str | os.PathLike[str], closed: dict[str, Error] | None = None) -> BertConfig:
    """The config in a folder (config.json, else bert_config.json) or in a file. Error: file, key, expected, got.

    closed: receives, by the name of the head, the errors of keys that only a head depends on; of a key that only
    training uses there is then a warning, and its default is taken. Without it every fault is raised.
    """
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
        google = place.name == GOOGLE_FILE and not HUGGING_FACE_ONLY & settings.keys()
        return _Reader(place, settings, google, closed).config()
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


class _Reader:
    """One file that is being read."""

    def __init__(self, path: Path, settings: dict[str, Any], google: bool, closed: dict[str, Error] | None) -> None:
        self.path, self.settings, self.google, self.closed = path, settings, google, closed

    def config(self) -> BertConfig:
        architectures = _architectures(self.settings)
        _refuse_other_architectures(self.settings)
        sizes = GOOGLE_SIZES if self.google else SIZES
        settings = sizes | {"pad_token_id": 0} | self.settings
        if settings["pad_token_id"] is None:  # newer files of models that were trained without padding
            settings["pad_token_id"] = 0
        fields: dict[str, Any] = {"architectures": architectures, "gelu": self._gelu()}
        for key in KEYS.keys() & settings.keys():
            with self._guarded(key):
                RULES[KEYS[key]].check(key, settings[key])
                fields[KEYS[key]] = settings[key]
        with self._guarded("id2label"):
            fields |= self._labels(fields.get("num_labels"))
        if fields.get("pad_token_id", 0) >= fields["vocab_size"] and self.closed is not None:
            expected = f"expected an id below vocab_size={fields['vocab_size']}"
            warn(f"{expected}, got {fields['pad_token_id']}; 0 is used", at=self.path, key="pad_token_id")
            fields["pad_token_id"] = 0
        config = BertConfig(**fields)
        if "num_attention_heads" not in self.settings:
            warn("expected it in the file, which no shape shows; 12 is used", at=self.path, key="num_attention_heads")
        return config

    @contextlib.contextmanager
    def _guarded(self, key: str) -> Iterator[None]:
        """A fault in what a key says closes the heads that depend on it."""
        try:
            yield
        except Error as error:
            if self.closed is None or not (key in HEADS_OF or key in FOR_TRAINING or key == "pad_token_id"):
                raise
            if key not in HEADS_OF:
                warn(f"{error}; the default is used", at=self.path)
            for head in HEADS_OF.get(key, ()):
                self.closed.setdefault(head, Error(str(error), at=self.path))

    def _gelu(self) -> str:
        activations = GOOGLE_ACTIVATIONS if self.google else ACTIVATIONS
        activation = self.settings.get("hidden_act", "gelu")
        if not isinstance(activation, str) or activation not in activations:
            raise Error(f"hidden_act: expected {', '.join(activations)}, got {describe(activation)}")
        return activations[activation]

    def _labels(self, num_labels: int | None) -> dict[str, Any]:
        """num_labels and the names of the classes. Where the two disagree the number stands, as in transformers."""
        names = self.settings.get("id2label")
        if names is None:
            return {}
        if not isinstance(names, dict) or not all(type(name) in (str, int, float, bool) for name in names.values()):
            raise Error(f"id2label: expected an object of names, got {describe(names)}")
        if not names or not all(key.isdecimal() for key in names):
            raise Error(f"id2label: expected the keys 0 to {max(len(names), 1) - 1}, got {show(list(names), 80)}")
        if num_labels is not None and num_labels != len(names):
            if any(name != f"LABEL_{key}" for key, name in names.items()):
                got = f"{len(names)} names, which are left"
                warn(f"expected a name for each of num_labels={num_labels}, got {got}", at=self.path, key="id2label")
            return {}
        by_id = {int(key): str(name) for key, name in names.items()}
        unnamed = [i for i in range(len(names)) if i not in by_id]
        if unnamed:
            expected = f"expected the keys 0 to {len(names) - 1}, got none for {unnamed[0]}"
            warn(f"{expected}, which is called LABEL_{unnamed[0]}", at=self.path, key="id2label")
        RULES["num_labels"].check("id2label", len(names))
        labels = tuple(by_id.get(i, f"LABEL_{i}") for i in range(len(names)))
        if len(set(labels)) < len(labels):
            name = next(name for name in labels if labels.count(name) > 1)
            warn(f"{show(name)} is the name of several classes", at=self.path, key="id2label")
        return {"num_labels": len(names), "labels": labels}


def _architectures(settings: dict[str, Any]) -> tuple[str, ...]:
    architectures = settings.get("architectures") or []
    if not isinstance(architectures, list) or not all(isinstance(name, str) for name in architectures):
        raise Error(f"architectures: expected an array of names, got {describe(architectures)}")
    for (
        name
    ) in architectures:  # a file that says model_type may name a class of its own, which transformers passes over
        if "model_type" not in settings and (not name.startswith("Bert") or name.startswith("BertGeneration")):
            raise Error(f"architectures: expected those of BERT, such as 'BertModel', got {show(name)}")
    return tuple(architectures)


def _refuse_other_architectures(settings: dict[str, Any]) -> None:
    one_of("bert").check("model_type", settings.get("model_type", "bert"))
    for key, other in FOREIGN.items():
        value = settings.get(key)
        if value is not None and (key != "embedding_size" or value != settings.get("hidden_size")):
            raise Error(f"{key}: expected a key of BERT, got one of {other}")
    for key, rule in FIXED.items():
        if settings.get(key) is not None:
            rule.check(key, settings[key])
