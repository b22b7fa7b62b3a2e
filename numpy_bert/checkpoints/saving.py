"""A model as a folder that others open: Hugging Face's form, Google's TensorFlow form, or npz.

    hf     model.safetensors                                  names and layout of Hugging Face's BERT
    tf1    bert_model.ckpt.index, .data-00000-of-00001        names and layout of Google's BERT
           bert_config.json
    npz    model.npz                                          names of objective.Params: bert.embedding.word, ...

with config.json, the files of the tokenizer and those of the sentence pooling beside it in each. Weights are written
in the dtype they have in memory: what was float16 or bfloat16 in its file has become float32, the same values in twice
the bytes. The folder is made under another name and renamed when it is complete, so it is there whole or not at all,
and only where nothing was before.

Several heads in one folder: every head is written. The config names them all, the first being what transformers takes
the model for: the one it was, or else the head that was tuned last. Hugging Face calls the heads of three tasks
`classifier`; where a model has two of them, the first has this name and the other keeps its name of this project,
which transformers reports as unexpected and leaves. Its question answering has an output for each label of the config,
so it opens that head only of models without other labels than two.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ..config import BertConfig
from ..errors import Error, warn
from ..files.atomic import write_text
from ..files.new_folder import new_folder
from ..numerics import tree
from ..numerics.arrays import Array
from ..tasks import objective
from ..tokenizer.interface import Tokenizer
from . import modules_file, names, sentence_pooling, sentence_settings
from .config_file import write_config
from .formats import npz, safetensors
from .formats.tensorflow import bundle
from .sentence_pooling import SentencePooling
from .sentence_settings import SentenceSettings

Pooling = SentencePooling | Error
Settings = SentenceSettings | Error
Vocabulary = Tokenizer | Error | None
Write = Callable[[Path, BertConfig, objective.Params], None]

# What Google's bert_config.json says, in the names of BertConfig.
GOOGLE_KEYS = {
    "attention_probs_dropout_prob": "attention_dropout",
    "hidden_dropout_prob": "hidden_dropout",
    "hidden_size": "hidden_size",
    "initializer_range": "initializer_range",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "num_attention_heads": "num_attention_heads",
    "num_hidden_layers": "num_hidden_layers",
    "type_vocab_size": "type_vocab_size",
    "vocab_size": "vocab_size",
}
GOOGLE_EPS = 1e-12  # of its layer norm; no config says it


def write_folder(
    folder: Path,
    config: BertConfig,
    params: objective.Params,
    tokenizer: Vocabulary,
    pooling: Pooling,
    settings: Settings = sentence_settings.DEFAULT,
    source: Path | None = None,
    form: str = "hf",
) -> Path:
    """Write a folder that load() opens, and transformers if its form is "hf"; returns its path. form: one of FORMS.

    The folder must not exist, or be empty. A tokenizer that cannot be used is left out, with a warning; of a pooling or
    settings that cannot be used the files are copied from the folder `source`. Error: the folder is neither, a file
    cannot be written, or there is such a part and no source.
    """
    fault = next((part for part in (pooling, settings) if isinstance(part, Error)), None)
    if fault is not None and (source is None or modules_file.root_of(source) != source):
        raise fault  # without the files of the source the copy would have the defaults, and other vectors
    config = stated(config, params)
    with new_folder(folder) as new:
        FORMS[form](new, config, params)
        write_config(config, new)
        longest = None if isinstance(pooling, Error) else pooling.max_length
        if isinstance(tokenizer, Error):
            warn(f"the tokenizer is left out: {tokenizer}")
        elif tokenizer is not None:
            tokenizer.write(new, min(config.max_position_embeddings, longest or config.max_position_embeddings))
        if isinstance(pooling, Error) or isinstance(settings, Error):
            assert source is not None
            modules_file.copy(source, new)
        else:
            _write_sentence_files(new, config, pooling, settings)
    return folder


def _write_hf(new: Path, config: BertConfig, params: objective.Params) -> None:
    """The weights as Hugging Face's transformers has them."""
    arrays = hugging_face(params, config.architectures)
    if params.masked_lm is not None and params.masked_lm.decoder is not None:
        arrays[names.DECODER_BIAS] = params.masked_lm.bias  # where nothing is tied, transformers wants it twice
    safetensors.write(new / "model.safetensors", arrays, {"format": "pt"})


def _write_tf1(new: Path, config: BertConfig, params: objective.Params) -> None:
    """A TensorFlow checkpoint as Google published BERT.

    By `gelu` Google's code means the tanh form; it has one epsilon and always ties the decoder. A model that this code
    would compute differently gets a bert_config.json whose hidden_act it refuses to run, so that no answer changes
    silently; here and in transformers that file means what it says.
    """
    arrays = {}
    for name, array in hugging_face(params, config.architectures, bare=False).items():
        google_name, transposed = names.google(name)
        arrays[google_name] = array.T if transposed else array
    bundle.write(new / "bert_model.ckpt", arrays)
    write_text(new / "bert_config.json", google_config(config))


def _write_npz(new: Path, config: BertConfig, params: objective.Params) -> None:
    """The arrays as this project has them, Q, K and V in one."""
    npz.write(new / "model.npz", dict(tree.items(params)))


FORMS: dict[str, Write] = {"hf": _write_hf, "tf1": _write_tf1, "npz": _write_npz}


def tell_left_out(closed: Mapping[str, Error]) -> None:
    """Warn of what a model was loaded without, which a copy then lacks."""
    for part, error in closed.items():
        warn(f"the {part.replace('_', ' ')} cannot be used and is left out: {error}")


def stated(config: BertConfig, params: objective.Params) -> BertConfig:
    """The config with what the parameters say themselves: which heads there are, and whether the decoder is tied."""
    heads = [head for head in objective.HEADS if getattr(params, head) is not None]
    labels = names.fixed_labels(heads)
    if labels is not None:
        config = dataclasses.replace(config, num_labels=labels, labels=())
    masked = params.masked_lm
    return dataclasses.replace(
        config,
        architectures=names.architectures_of(heads, config.architectures),
        tie_word_embeddings=config.tie_word_embeddings if masked is None else masked.decoder is None,
    )


def hugging_face(params: objective.Params, architectures: tuple[str, ...], bare: bool = True) -> dict[str, Array]:
    """The arrays by Hugging Face name, as views. `bare`: without the prefix "bert." where there is no head."""
    classifier = names.classifier_of(architectures)
    arrays = {}
    for leaf, array in tree.items(params):
        head = leaf.split(".")[0]
        parts = (leaf,) if head in names.CLASSIFIERS and head != classifier else names.sources(leaf)
        rows = array.shape[0] // len(parts)
        for i, name in enumerate(parts):
            arrays[name] = array[i * rows : (i + 1) * rows]
    if bare and all(name.startswith("bert.") for name in arrays):
        arrays = {name.removeprefix("bert."): array for name, array in arrays.items()}
    return arrays


def google_config(config: BertConfig) -> str:
    """The text of a bert_config.json: Google's own where its code computes this model, else one it refuses to run."""
    if config.gelu == "tanh" and config.layer_norm_eps == GOOGLE_EPS and config.tie_word_embeddings:
        settings = {key: getattr(config, field) for key, field in GOOGLE_KEYS.items()} | {"hidden_act": "gelu"}
    else:
        settings = json.loads(config.to_json())
        # Both are names that Hugging Face knows for the forms and Google's get_activation does not.
        settings["hidden_act"] = {"erf": "gelu_python", "tanh": "gelu_new"}[config.gelu]
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def _write_sentence_files(new: Path, config: BertConfig, pooling: SentencePooling, settings: SentenceSettings) -> None:
    """The files of sentence-transformers, where the folder needs them."""
    documents, arrays = sentence_pooling.to_files(pooling, config.hidden_size)
    is_cross_encoder = settings.kind == "CrossEncoder" or settings.activation_fn is not None
    is_plain = is_cross_encoder or settings == sentence_settings.DEFAULT  # others are read beside modules.json alone
    # Where texts are cut the tokenizer's files say as well.
    if pooling._replace(max_length=None) == sentence_pooling.DEFAULT and is_plain:
        documents = {}
    if settings != sentence_settings.DEFAULT:
        documents[sentence_settings.FILE] = sentence_settings.to_json(settings)
    if settings.activation_fn is not None:  # where sentence-transformers looks in a folder without modules.json
        plain = json.loads((new / "config.json").read_text("utf-8"))
        documents["config.json"] = plain | {"sentence_transformers": {"activation_fn": settings.activation_fn}}
    for name, value in documents.items():
        (new / name).parent.mkdir(exist_ok=True)
        write_text(new / name, json.dumps(value, indent=2) + "\n")
    for name, tensors in arrays.items():
        (new / name).parent.mkdir(exist_ok=True)
        safetensors.write(new / name, tensors, {"format": "pt"})
