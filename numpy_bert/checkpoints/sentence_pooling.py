"""How a checkpoint makes one vector of a text: `modules.json` and `1_Pooling/config.json` of sentence-transformers.

    modules.json                 the steps: Transformer (the BERT), Pooling, perhaps Normalize
    1_Pooling/config.json        which pooling: one flag for each in older files, a word in newer ones
    sentence_bert_config.json    where a text is cut, or else model_max_length of tokenizer_config.json

A step, a pooling or a setting that is not known here is an error that names it, since vectors made in another way would
look right and be wrong.

Source: what sentence-transformers 2 to 6 write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Error, describe, show
from ..files import strict_json
from ..rules import integer, is_integer, optional

KNOWN = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max"}
STEPS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
SHORTEST, UNLIMITED = 3, 1 << 20  # tokens: room for one between [CLS] and [SEP]; a number from here on is not a limit


class SentencePooling(NamedTuple):
    pooling: str  # "mean", "cls" or "max"
    normalize: bool
    max_length: int | None  # tokens at which the checkpoint cuts a text; None: as many as it has positions


DEFAULT = SentencePooling("mean", False, None)  # what sentence-transformers does with a plain BERT


def read(folder: Path) -> SentencePooling:
    """The pooling of a checkpoint folder; DEFAULT where the folder says nothing of it."""
    path = folder / "modules.json"
    if not path.is_file():
        return DEFAULT
    modules = strict_json.read(path)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise Error(f"expected an array of modules, got {describe(modules)}", at=path)
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if kinds not in STEPS:
        got = ", ".join(show(kind, 40)[1:-1] for kind in kinds) or "none"
        raise Error(f"expected the steps Transformer, Pooling and perhaps Normalize, got {got}", at=path)
    if modules[0].get("path") not in ("", None):
        got = show(modules[0]["path"])
        raise Error(f"path: expected the Transformer in this folder, got it in {got}; name that folder", at=path)
    _refuse_prompt(folder)
    pooling = _mode(folder / _plain(path, modules[1].get("path")) / "config.json")
    return SentencePooling(pooling, len(kinds) > 2, _max_length(folder))


def _plain(path: Path, name: Any) -> str:
    """The name of a folder beside modules.json; nothing else is opened."""
    if not isinstance(name, str) or name in ("", ".", "..") or any(sign in name for sign in "/\\\0:"):
        raise Error(f"path: expected the plain name of a folder, got {show(name)}", at=path)
    return name


def _object(path: Path) -> dict[str, Any]:
    config = strict_json.read(path)
    if not isinstance(config, dict):
        raise Error(f"expected an object, got {describe(config)}", at=path)
    return config


def _optional(path: Path) -> dict[str, Any]:
    return _object(path) if path.is_file() else {}


def _mode(path: Path) -> str:
    config = _object(path)
    modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    if "pooling_mode" in config:
        modes = [f"pooling_mode_{config['pooling_mode']}"]
    known = KNOWN | {f"pooling_mode_{mode}": mode for mode in KNOWN.values()}
    if len(modes) != 1 or modes[0] not in known:
        got = ", ".join(modes) or "no pooling_mode"
        raise Error(f"expected one pooling of mean, cls and max, got {show(got)}", at=path)
    return known[modes[0]]


def _refuse_prompt(folder: Path) -> None:
    """A prompt would stand before every text."""
    path = folder / "config_sentence_transformers.json"
    config = _optional(path)
    name, prompts = config.get("default_prompt_name"), config.get("prompts")
    prompt = prompts.get(name) if isinstance(prompts, dict) and isinstance(name, str) else name
    if prompt:
        raise Error(f"default_prompt_name: expected no prompt before the texts, got {show(prompt)}", at=path)


def _max_length(folder: Path) -> int | None:
    """Where a text is cut. Also an error if texts are put in lower case that the tokenizer takes as they are."""
    path, tokenizer = folder / "sentence_bert_config.json", _optional(folder / "tokenizer_config.json")
    config = _optional(path)
    if config.get("do_lower_case") is True and tokenizer.get("do_lower_case") is False:
        raise Error("do_lower_case: expected false, as in tokenizer_config.json, got true", at=path)
    if "max_seq_length" in config:
        length = config["max_seq_length"]
        optional(integer(SHORTEST)).check("max_seq_length", length, at=path)
        return length  # type: ignore[no-any-return]
    limit = tokenizer.get("model_max_length")
    return limit if is_integer(limit, SHORTEST, UNLIMITED - 1) else None


def to_json(pooling: SentencePooling, H: int) -> dict[str, Any]:
    """The files, by name, that say the same to sentence-transformers."""
    steps = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * pooling.normalize
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(steps)
    ]
    modes = {key: mode == pooling.pooling for key, mode in KNOWN.items()}
    return {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": H} | modes,
        "sentence_bert_config.json": {"max_seq_length": pooling.max_length, "do_lower_case": False},
    }
