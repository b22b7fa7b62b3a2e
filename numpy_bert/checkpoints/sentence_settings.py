"""Other settings of sentence-transformers: prompts, similarity, size of the vectors, activation of scores.

    config_sentence_transformers.json   prompts, default_prompt_name, similarity_fn_name, truncate_dim, activation_fn
    config.json                         the activation in older folders: sentence_transformers.activation_fn,
                                        sbert_ce_default_activation_function

Source: base/model.py, sentence_transformer/model.py and cross_encoder/model.py of sentence-transformers 6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Error, describe, show
from ..files import strict_json
from .modules_file import root_of
from .sentence_steps import activation

FILE = "config_sentence_transformers.json"
SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # the names of a prompt for what is searched, the first counts


class SentenceSettings(NamedTuple):
    prompts: tuple[tuple[str, str], ...] = ()  # name and text
    default_prompt_name: str | None = None
    similarity_fn_name: str = "cosine"  # as the file has it; see similarity()
    truncate_dim: int | None = None  # the vectors keep so many numbers, the first
    activation_fn: str | None = None  # of a cross-encoder's score, as the file has it; see activation()
    kind: str | None = None  # "SentenceTransformer", "CrossEncoder" or "SparseEncoder"; None: the folder does not say

    def prompt(self, name: str | None = None, text: str | None = None) -> str:
        """The prompt of each text: the text passed, the prompt of a name, or the default. Error: no such name.

        "query" and "document" are always names, as in sentence-transformers: of a checkpoint without them, empty ones.
        """
        if text is not None:
            return text
        name = self.default_prompt_name if name is None else name
        prompts = {"query": "", "document": self.document_prompt, **dict(self.prompts)}
        if name is not None and (not isinstance(name, str) or name not in prompts):
            known = ", ".join(show(key, 40) for key in prompts)
            raise Error(f"prompt_name: expected one of the checkpoint ({known}), got {show(name)}")
        return "" if name is None else prompts[name]

    def similarity(self) -> str:
        """One of SIMILARITIES. Error: the checkpoint names another one."""
        if self.similarity_fn_name not in SIMILARITIES:
            got = show(self.similarity_fn_name)
            raise Error(f"{FILE}: similarity_fn_name: expected one of {', '.join(SIMILARITIES)}, got {got}")
        return self.similarity_fn_name

    def activation(self) -> str | None:
        """What turns the output of a head with one label into a score, one of ACTIVATIONS; None: nothing is said.

        Error: the checkpoint names another one.
        """
        return None if self.activation_fn is None else activation(self.activation_fn, Path(FILE), "activation_fn")

    @property
    def query_prompt(self) -> str:
        """The prompt of a query; the default is not used."""
        return dict(self.prompts).get("query", "")

    @property
    def document_prompt(self) -> str:
        """The prompt of a text that is searched; the default is not used."""
        prompts = dict(self.prompts)
        return next((prompts[name] for name in DOCUMENT_PROMPTS if name in prompts), "")


DEFAULT = SentenceSettings()


def read(folder: Path) -> SentenceSettings:
    """The settings of a checkpoint folder; the DEFAULT where it has none. Error: one that cannot be obeyed."""
    path = root_of(folder) / FILE
    config = _object(path)
    name = config.get("default_prompt_name")
    prompts = _prompts(config.get("prompts"), path)
    if name is not None and (not isinstance(name, str) or name not in dict(prompts)):
        raise Error(f"default_prompt_name: expected the name of a prompt or null, got {show(name)}", at=path)
    size = config.get("truncate_dim")
    if size is not None and (type(size) is not int or size < 1):
        raise Error(f"truncate_dim: expected a number above 0 or null, got {describe(size)}", at=path)
    similarity, kind = config.get("similarity_fn_name") or "cosine", config.get("model_type")
    return SentenceSettings(prompts, name, str(similarity), size, _activation(folder, config), kind and str(kind))


def _prompts(value: Any, path: Path) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(text is None or isinstance(text, str) for text in value.values()):
        raise Error(f"prompts: expected an object of texts, got {describe(value)}", at=path)
    return tuple((name, text or "") for name, text in value.items())


def _activation(folder: Path, config: dict[str, Any]) -> str | None:
    """The newest of the three places in which a folder may name it."""
    if config.get("activation_fn") is not None:
        return str(config["activation_fn"])
    older = _object(folder / "config.json")
    nested = older.get("sentence_transformers")
    name = nested.get("activation_fn") if isinstance(nested, dict) else None
    name = older.get("sbert_ce_default_activation_function") if name is None else name
    return None if name is None else str(name)


def _object(path: Path) -> dict[str, Any]:
    config = strict_json.read(path) if path.is_file() else {}
    if not isinstance(config, dict):
        raise Error(f"expected an object, got {describe(config)}", at=path)
    return config


def to_json(settings: SentenceSettings) -> dict[str, Any]:
    """The content of the file that says the same to sentence-transformers."""
    content: dict[str, Any] = {
        "prompts": dict(settings.prompts),
        "default_prompt_name": settings.default_prompt_name,
        "similarity_fn_name": settings.similarity_fn_name,
    }
    if settings.truncate_dim is not None:
        content["truncate_dim"] = settings.truncate_dim
    if settings.activation_fn is not None:
        content["activation_fn"] = settings.activation_fn
    if settings.kind is not None:
        content["model_type"] = settings.kind
    return content
