"""The examples of each task by its name: a module for each, with the same few names.

    options                                                   what `read` takes beside, with defaults
    fitted(path, config, **options) -> config                 the config with the labels that a file has
    read(path, tokenizer, config, max_length, **options)      -> examples
    evaluate(examples, params, config) -> {measure: value}
"""

from __future__ import annotations

from types import ModuleType

from ..errors import UsageError, show
from . import classification_data

MODULES: dict[str, ModuleType] = {
    "sequence_classification": classification_data,
}


def module(task: str) -> ModuleType:
    """Error: a task without examples in files."""
    if task not in MODULES:
        raise UsageError(f"task: expected one of {', '.join(MODULES)}, got {show(task)}")
    return MODULES[task]
