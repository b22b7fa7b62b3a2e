"""The examples of each task that is fine-tuned: files in, measures out, by the name of the task.

Each task has a module with the same few names:

    fitted(path, config, options) -> config                            the config with the labels of a file
    read(path, tokenizer, config, max_length, options) -> examples     see batches.Examples
    evaluate(examples, params, config) -> {measure: value}
    finished(config, figures) -> config                                only where a measure belongs in the saved config

options: see DataOptions.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from ...errors import UsageError, show
from . import classification, multiple_choice, question_answering, token_classification


class Dataset(NamedTuple):
    module: ModuleType
    max_length: int  # usual: tokens of an example at most
    shortest: int  # max_length that leaves room for a token of each text
    options: tuple[str, ...] = ()  # the fields of DataOptions that the task uses


DATASETS = {
    "sequence_classification": Dataset(
        classification, 128, 3, ("columns", "header", "labels", "regression", "multi_label")
    ),
    "token_classification": Dataset(token_classification, 128, token_classification.SHORTEST, ("columns", "labels")),
    "question_answering": Dataset(question_answering, 384, 5, ("stride",)),
    "multiple_choice": Dataset(multiple_choice, 128, 5),
}


def dataset(task: str) -> Dataset:
    """Error: a task without examples in files."""
    if task not in DATASETS:
        raise UsageError(f"task: expected one of {', '.join(DATASETS)}, got {show(task)}")
    return DATASETS[task]
