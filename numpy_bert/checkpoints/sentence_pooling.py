"""How a checkpoint makes one vector of a text: `modules.json` and the folders it names, of sentence-transformers.

    modules.json                 the steps: Transformer (the BERT), Pooling, then any of Dense, LayerNorm, Normalize
    1_Pooling/config.json        which pooling: one flag for each in older files, words in newer ones
    1_SpladePooling/config.json  in place of Pooling, for sparse vectors
    2_Dense/config.json, ...     see sentence_steps.py
    sentence_bert_config.json    where a text is cut; else, as in a folder without these files, model_max_length of
                                 tokenizer_config.json says it, but never beyond the positions of the model

A step, a pooling or a setting that is not known here is an error that names it, since vectors made in another way would
look right and be wrong.

Source: what sentence-transformers 2 to 6 write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Error, describe, show
from ..files import strict_json
from ..numerics.arrays import Array
from ..rules import integer, is_integer, optional
from ..tasks.sentence_embedding import POOLINGS
from . import sentence_steps
from .modules_file import LENGTH_FILES, MODULES, encoder_folder, leads_elsewhere, root_of
from .sentence_steps import Dense, LayerNorm, Step

# The flags of older files, in the order in which their vectors stand side by side.
FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
PACKAGE = "sentence_transformers"
TRANSFORMERS = ("Transformer", "MLMTransformer")  # the second one in older folders of sparse models
SHORTEST, UNLIMITED = 3, 1 << 20  # tokens: room for one between [CLS] and [SEP]; a number from here on is no limit


class Splade(NamedTuple):
    """How the scores of all tokens of the vocabulary become one sparse vector; see inference/sparse.py."""

    strategy: str = "max"  # or "sum", over the tokens of the text
    activation: str = "relu"  # or "log1p_relu"


class SentencePooling(NamedTuple):
    pooling: str = "mean"  # one of POOLINGS, or several joined by +, side by side
    steps: tuple[Step, ...] = ()  # what follows the pooling
    max_length: int | None = None  # tokens at which the checkpoint cuts a text; None: as many as it has positions
    include_prompt: bool = True  # whether the tokens of a prompt are pooled
    sparse: Splade | None = None  # the checkpoint makes sparse vectors, and no others

    def size(self, H: int) -> int:
        """How many numbers a vector has."""
        size = H * len(self.pooling.split("+"))
        for step in self.steps:
            size = len(step.linear.W) if isinstance(step, Dense) else size
        return size


DEFAULT = SentencePooling()  # what sentence-transformers does with a plain BERT


def read(folder: Path) -> SentencePooling:
    """The pooling of a checkpoint folder; the DEFAULT where the folder says nothing of it."""
    root = root_of(folder)
    path = root / MODULES
    if not path.is_file():
        return DEFAULT._replace(max_length=_max_length(folder))
    modules = strict_json.read(path)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise Error(f"expected an array of modules, got {describe(modules)}", at=path)
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    poolings = kinds[1:2]
    following = kinds[2:] if poolings == ["Pooling"] else []
    steps_known = all(kind in sentence_steps.KINDS for kind in following)
    is_known = poolings in ([], ["Pooling"], ["SpladePooling"]) and len(kinds) == 1 + len(poolings) + len(following)
    if kinds[:1] not in ([name] for name in TRANSFORMERS) or not steps_known or not is_known:
        got = ", ".join(show(kind, 40)[1:-1] for kind in kinds) or "none"
        expected = f"the steps Transformer, Pooling and perhaps {', '.join(sentence_steps.KINDS[:-1])}"
        raise Error(f"expected {expected}, got {got}", at=path)
    if encoder_folder(root) != folder:
        got = show(modules[0]["path"])
        raise Error(f"path: expected the Transformer in this folder, got it in {got}; name that folder", at=path)
    max_length = _max_length(folder)
    if not poolings:  # a cross-encoder, whose encoder pools as a plain BERT does
        return DEFAULT._replace(max_length=max_length)
    config_path = root / _plain(path, modules[1].get("path")) / "config.json"
    config = _object(config_path)
    if poolings == ["SpladePooling"]:
        return DEFAULT._replace(max_length=max_length, sparse=_splade(config, config_path))
    pooling = SentencePooling(_modes(config, config_path), (), max_length, _include_prompt(config, config_path))
    H = _dimension(config, config_path)
    size = None if H is None else pooling.size(H)
    steps: list[Step] = []
    for kind, module in zip(following, modules[2:], strict=True):
        name = module.get("path")
        place = root / _plain(path, name) if name or kind in ("Dense", "LayerNorm") else root / "none"
        more, size = sentence_steps.read(kind, place, size)
        steps += more
    return pooling._replace(steps=tuple(steps))


def is_stated(folder: Path) -> bool:
    """Whether a folder that `read` could read names a pooling; if not, the one of `read` is assumed."""
    path = root_of(folder) / MODULES
    modules = strict_json.read(path) if path.is_file() else None
    return isinstance(modules, list) and len(modules) > 1


def check(pooling: SentencePooling, H: int, at: Path) -> None:
    """Error: a step takes vectors of another size than the model makes."""
    size = H * len(pooling.pooling.split("+"))
    for step in pooling.steps:
        takes = size
        if isinstance(step, Dense):
            takes = step.linear.W.shape[1]
        elif isinstance(step, LayerNorm):
            takes = len(step.norm.gamma)
        if takes != size:
            raise Error(f"modules.json: expected a {type(step).__name__} of {size} numbers, got {takes}", at=at)
        size = len(step.linear.W) if isinstance(step, Dense) else size


def _plain(path: Path, name: Any) -> str:
    """The name of a folder beside modules.json; nothing else is opened."""
    if not isinstance(name, str) or leads_elsewhere(name):
        raise Error(f"path: expected the plain name of a folder, got {show(name)}", at=path)
    return name


def _object(path: Path) -> dict[str, Any]:
    config = strict_json.read(path)
    if not isinstance(config, dict):
        raise Error(f"expected an object, got {describe(config)}", at=path)
    return config


def _optional(path: Path) -> dict[str, Any]:
    return _object(path) if path.is_file() else {}


def _modes(config: dict[str, Any], path: Path) -> str:
    """The poolings of a file, joined by +; the mean where it names none, as for sentence-transformers 6."""
    flags = {key: config[key] for key in FLAGS if key in config}
    for key, flag in flags.items():
        if not isinstance(flag, bool):
            raise Error(f"{key}: expected true or false, got {describe(flag)}", at=path)
    unknown = [key for key in config if key.startswith("pooling_mode_") and key not in FLAGS and config[key]]
    modes: Any = [FLAGS[key] for key in FLAGS if flags.get(key)] + unknown or ["mean"]
    if "pooling_mode" in config:
        modes = config["pooling_mode"]
        modes = [modes] if not isinstance(modes, list) else modes
    if not modes or any(mode not in POOLINGS for mode in modes):
        got = ", ".join(map(str, modes)) or "no pooling_mode"
        raise Error(f"expected a pooling of {', '.join(POOLINGS)}, got {show(got)}", at=path)
    return "+".join(modes)


def _dimension(config: dict[str, Any], path: Path) -> int | None:
    """How many numbers are pooled of each token; None where the file does not say."""
    key = "embedding_dimension" if "embedding_dimension" in config else "word_embedding_dimension"
    size = config.get(key)
    if size is not None and (type(size) is not int or size < 1):
        raise Error(f"{key}: expected a number above 0, got {describe(size)}", at=path)
    return size


def _include_prompt(config: dict[str, Any], path: Path) -> bool:
    include = config.get("include_prompt", True)
    if not isinstance(include, bool):
        raise Error(f"include_prompt: expected true or false, got {describe(include)}", at=path)
    return include


def _splade(config: dict[str, Any], path: Path) -> Splade:
    splade = Splade(config.get("pooling_strategy", "max"), config.get("activation_function", "relu"))
    if splade.strategy not in ("max", "sum") or splade.activation not in ("relu", "log1p_relu"):
        got = f"{show(splade.strategy, 40)} and {show(splade.activation, 40)}"
        raise Error(f"expected pooling_strategy max or sum, activation relu or log1p_relu, got {got}", at=path)
    return splade


def _max_length(folder: Path) -> int | None:
    """Where a text is cut. Also an error if texts are put in lower case that the tokenizer takes as they are."""
    tokenizer = _optional(folder / "tokenizer_config.json")
    path = next((place for name in LENGTH_FILES if (place := folder / name).is_file()), folder / LENGTH_FILES[0])
    config = _optional(path)
    if config.get("do_lower_case") is True and tokenizer.get("do_lower_case") is False:
        raise Error("do_lower_case: expected false, as in tokenizer_config.json, got true", at=path)
    length = config.get("max_seq_length")
    if length is not None:
        optional(integer(SHORTEST)).check("max_seq_length", length, at=path)
        return length  # type: ignore[no-any-return]
    limit = tokenizer.get("model_max_length", tokenizer.get("max_len"))  # the latter before transformers 2.9
    return limit if is_integer(limit, SHORTEST, UNLIMITED - 1) else None


def to_files(pooling: SentencePooling, H: int) -> tuple[dict[str, Any], dict[str, dict[str, Array]]]:
    """The files that say the same to sentence-transformers, by name: JSON documents, and arrays for safetensors."""
    first: dict[str, Any] = {"max_seq_length": pooling.max_length, "do_lower_case": False}
    documents: dict[str, Any] = {}
    arrays: dict[str, dict[str, Array]] = {}
    if pooling.sparse is not None:
        types = [f"{PACKAGE}.sparse_encoder.models.{kind}" for kind in ("MLMTransformer", "SpladePooling")]
        paths = ["", "1_SpladePooling"]
        config = {"pooling_strategy": pooling.sparse.strategy, "activation_function": pooling.sparse.activation}
        documents["1_SpladePooling/config.json"] = config
        first["transformer_task"] = "fill-mask"
    else:
        types, paths = [f"{PACKAGE}.models.{kind}" for kind in ("Transformer", "Pooling")], ["", "1_Pooling"]
        documents["1_Pooling/config.json"] = _pooling_config(pooling, H)
    size = H * len(pooling.pooling.split("+"))
    for i, (kind, config, tensors) in enumerate(sentence_steps.files(pooling.steps, size), 2):
        types.append(f"{PACKAGE}.models.{kind}")
        paths.append(f"{i}_{kind}")
        if config:
            documents[f"{i}_{kind}/config.json"] = config
        if tensors:
            arrays[f"{i}_{kind}/model.safetensors"] = tensors
    documents["sentence_bert_config.json"] = first
    documents["modules.json"] = [
        {"idx": i, "name": str(i), "path": path, "type": kind}
        for i, (path, kind) in enumerate(zip(paths, types, strict=True))
    ]
    return documents, arrays


def _pooling_config(pooling: SentencePooling, H: int) -> dict[str, Any]:
    """In flags, which all releases read; poolings in another order than theirs in words, for the newer ones."""
    modes = pooling.pooling.split("+")
    config: dict[str, Any] = {"word_embedding_dimension": H, "include_prompt": pooling.include_prompt}
    if modes == [mode for mode in FLAGS.values() if mode in modes]:
        return config | {key: mode in modes for key, mode in FLAGS.items()}
    return config | {"pooling_mode": modes}
