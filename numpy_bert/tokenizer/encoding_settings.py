"""What `tokenizer_config.json` says of an encoding besides its tokens: the class, the segments, the side of truncation.

A class is named there, or in the config.json of the model.
"""

from __future__ import annotations

from typing import Any

from ..files.json_object import Section

# Whose `vocab.txt` is read by BERT's steps. Japanese BERT, for one, has a `vocab.txt` but finds words otherwise.
CLASSES = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")
# Classes that tell a model its segments where `model_input_names` does not say, without "Tokenizer" (transformers 5).
WITH_SEGMENTS = (
    "Bert",
    "Electra",
    "MobileBert",
    "ConvBert",
    "SqueezeBert",
    "Lxmert",
    "LayoutLM",
    "Deberta",
    "DebertaV2",
)
WITHOUT_SEGMENTS = ["input_ids", "attention_mask"]


def check_class(config: Section, model_config: Section) -> None:
    """Error: the files name the class of a tokenizer that finds words otherwise than BERT's."""
    section, kind = _class(config, model_config)
    if kind and kind.removesuffix("Fast") not in CLASSES:
        expected = "BertTokenizer, or a tokenizer.json beside it, or tokenizer=... with a function or a folder"
        raise section.error("tokenizer_class", expected, kind)


def _class(config: Section, model_config: Section) -> tuple[Section, str]:
    """The class of the tokenizer, "" where no file names it, and the file that does."""
    named = config.text("tokenizer_class", "")
    return (config, named) if named else (model_config, model_config.text("tokenizer_class", ""))


def has_segments(config: Section, model_config: Section) -> bool:
    """Whether the model gets the segments of a pair. Error: the names of its inputs are none."""
    names = config.values.get("model_input_names")
    if names is None:
        kind = _class(config, model_config)[1].removesuffix("Fast").removesuffix("Tokenizer")
        return not kind or kind in WITH_SEGMENTS
    if not isinstance(names, list):
        raise config.error("model_input_names", "an array of names", names)
    return "token_type_ids" in names


def truncation_side(config: Section, truncation: Any) -> str:
    """Where a text that is too long loses tokens. truncation: what tokenizer.json says of it. Error: another side."""
    said = truncation.get("direction") if isinstance(truncation, dict) else None
    side = config.text("truncation_side", str(said or "right")).lower()
    if side not in ("right", "left"):
        raise config.error("truncation_side", "right or left", side)
    return side
