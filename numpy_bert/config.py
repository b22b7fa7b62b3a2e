"""BertConfig: the sizes of one BERT and the constants of its equations, checked. checkpoints/config_file.py reads them.

Source: modeling.py of google-research/bert, configuration_bert.py of transformers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from .errors import Error
from .rules import integer, number, one_of, optional, texts

PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
PROBABILITY = number("a number of at least 0 and below 1", lambda value: 0 <= value < 1)

# The limits are far above any BERT, and low enough that every array has addresses.
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
        if self.labels and len(self.labels) != self.num_labels:
            raise Error(f"labels: expected names for num_labels={self.num_labels} classes, got {len(self.labels)}")

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
        """What each class is called: by the checkpoint, or as Hugging Face calls classes without a name.

        Of classes of one name the later ones have their number behind it.
        """
        if len(set(self.labels)) == self.num_labels:
            return self.labels
        names: dict[str, None] = {}
        for i, name in enumerate(self.labels or (f"LABEL_{i}" for i in range(self.num_labels))):
            while name in names:
                name = f"{name} ({i})"
            names[name] = None
        return tuple(names)

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
