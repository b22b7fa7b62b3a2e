"""BertConfig: the sizes and constants of one BERT, read from `config.json` (Hugging Face) or `bert_config.json` (Google)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BertConfig:
    """The sizes of the paper and the constants of its equations.

    `gelu` is resolved when the file is read: `hidden_act: gelu` means the erf form in Hugging Face's files and the
    tanh form in Google's code.
    """

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
    labels: tuple[str, ...] = field(default=())  # names of the classes, in order; () where none are known
    problem_type: str | None = None  # "regression", "single_label_classification" or None: by the number of labels
    architectures: tuple[str, ...] = ()  # as the file names them: ("BertForMaskedLM",); () in Google's files
    tie_word_embeddings: bool = True  # the masked-LM decoder is the word embedding itself

    @property
    def head_dropout(self) -> float:
        """The dropout before a classifier."""
        return self.hidden_dropout if self.classifier_dropout is None else self.classifier_dropout

    @property
    def is_regression(self) -> bool:
        """Whether sequence classification predicts a value: said so, or by having one label."""
        return self.problem_type == "regression" or (self.problem_type is None and self.num_labels == 1)
