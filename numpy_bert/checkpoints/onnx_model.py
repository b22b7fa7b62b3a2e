"""The config of an ONNX file: that of config.json beside it, or what its graph shows where there is none.

A graph shows every size in the shapes of its weights, the number of heads in the shape that queries are brought to,
the form of GELU in its operations, and epsilon in its norms. Where config.json says another number of heads, GELU or
epsilon than the graph computes, it is used and a warning tells of it: sizes that differ are an error of their own.
"""

from __future__ import annotations

import os
from pathlib import Path as SystemPath

import numpy as np

from ..config import BertConfig
from ..errors import Error, warn
from ..files.reading import Path
from .config_file import FILE, read_config
from .formats.onnx import reader
from .formats.onnx.bert import GraphBert


def config(path: Path, folder: SystemPath, closed: dict[str, Error] | None = None) -> BertConfig:
    """The config of the model at `path`. Error: it is not a BERT's, or no config.json is there and the graph does not
    show the number of heads. closed: see read_config."""
    bert = reader.find_bert(path)
    if not os.path.lexists(folder / FILE):
        return _of_graph(path, bert)
    stated = read_config(folder, closed)
    computed = {
        "num_attention_heads": bert.num_heads,
        "hidden_act": bert.gelu,
        "layer_norm_eps": _epsilon(bert),
    }
    said = (stated.num_attention_heads, stated.gelu, stated.layer_norm_eps)
    for (key, shown), value in zip(computed.items(), said, strict=True):
        if shown is not None and shown != value:
            warn(
                f"{value} is used, although the graph of {os.path.basename(path)} has {shown}",
                at=folder / FILE,
                key=key,
            )
    return stated


def _epsilon(bert: GraphBert) -> float:
    """As config.json has it: the shortest number that is the same in float32."""
    return float(str(np.float32(bert.epsilon)))


def _of_graph(path: Path, bert: GraphBert) -> BertConfig:
    if bert.num_heads is None:
        text = f"expected {FILE} beside it, since the graph does not show the number of attention heads, got none"
        raise Error(text, at=path)
    shapes = {name: weight.shape for name, weight in bert.weights.items()}
    vocab_size, hidden_size = shapes["bert.embeddings.word_embeddings.weight"]
    try:
        return BertConfig(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            num_hidden_layers=bert.num_layers,
            num_attention_heads=bert.num_heads,
            intermediate_size=shapes["bert.encoder.layer.0.intermediate.dense.weight"][0],
            max_position_embeddings=shapes["bert.embeddings.position_embeddings.weight"][0],
            type_vocab_size=shapes["bert.embeddings.token_type_embeddings.weight"][0],
            gelu=bert.gelu,
            layer_norm_eps=_epsilon(bert),
            num_labels=shapes.get("classifier.weight", (BertConfig.num_labels,))[0],
        )
    except Error as error:
        raise Error(str(error), at=path) from None
