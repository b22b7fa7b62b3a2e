"""`modules.json` of sentence-transformers: the files that say how vectors are made, and where the encoder lies.

modules.json                 the modules in their order, each with its folder
0_Transformer/               the encoder in the first releases; later it lies at the top
sentence_bert_config.json    beside the encoder: where a text is cut
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import Error
from ..files import strict_json

MODULES, SETTINGS = "modules.json", "config_sentence_transformers.json"
# The first that is there counts; older releases named it after the class of the encoder.
KINDS = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
LENGTH_FILES = tuple(f"sentence_{kind}_config.json" for kind in KINDS)


def encoder_folder(root: Path) -> Path | None:
    """The folder that `modules.json` of a folder names for the encoder; None where it is not there, or names none."""
    try:
        modules = strict_json.read(root / MODULES) if (root / MODULES).is_file() else None
    except Error:
        return root  # `read` tells what is wrong with it
    if modules is None:
        return None
    first = modules[0] if isinstance(modules, list) and modules else {}
    path = first.get("path") if isinstance(first, dict) else None
    if path in ("", None):
        return root
    return None if not isinstance(path, str) or leads_elsewhere(path) else root / path


def root_of(folder: Path) -> Path:
    """Where `modules.json` of an encoder's folder lies: there, or one folder up in the first releases."""
    is_inside = not (folder / MODULES).is_file() and encoder_folder(folder.parent) == folder
    return folder.parent if is_inside else folder


def copy(folder: Path, target: Path) -> None:
    """Copy the files that say how vectors are made, and those of the modules: for a pooling that is not known here."""
    modules = strict_json.read(folder / MODULES) if (folder / MODULES).is_file() else []
    paths = [module.get("path") for module in modules if isinstance(module, dict)] if isinstance(modules, list) else []
    names = [name for name in paths if isinstance(name, str) and not leads_elsewhere(name)]
    for name in (MODULES, *LENGTH_FILES, SETTINGS):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    for name in names:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, target / name)


def leads_elsewhere(name: str) -> bool:
    """Whether this is no plain name of a folder inside."""
    return name in ("", ".", "..") or any(sign in name for sign in "/\\\0:")
