"""Checkpoints and exported graphs that the sides read, made once and kept in a folder.

    python models.py export KIND MODEL OUT.onnx      in a process of its own, since it needs PyTorch

The graph is exported with dynamic axes and its BERT parts (attention, GELU, layer norms) are fused by ONNX Runtime's
own optimizer, as its documentation advises for BERT on a CPU.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy_bert
from numpy_bert.config import BertConfig
from numpy_bert.model import Bert
from numpy_bert.profiling.passes import random_params

VOCABULARY = 30_522
SIZES = {  # of the models with random weights
    "base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "L4-H256": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024},
}


def random_model(name: str, folder: Path) -> Path:
    """The folder of a BERT of that size, with a masked-LM head and weights that would be those of no trained one."""
    path = folder / name
    if not path.is_dir():
        config = BertConfig(vocab_size=VOCABULARY, **SIZES[name])
        params = random_params(config)
        Bert(config, params._replace(bert=params.bert._replace(pooler=None))).save(path)
    return path


def classifier(model: Path, folder: Path) -> Path:
    """The folder of that model with a new head for two classes."""
    path = folder / f"{model.name}-classifier"
    if not path.is_dir():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the head is random
            numpy_bert.load(model, new_head="sequence_classification", num_labels=2).save(path)
    return path


def graph(kind: str, model: Path, folder: Path) -> Path:
    """The ONNX file of a model: "embed" from tokens and mask to sentence vectors, "hidden" to hidden states,
    "classify" from tokens, mask and segments to logits.
    """
    path = folder / f"{model.name}-{kind}.onnx"
    if not path.exists():
        command = [sys.executable, __file__, "export", kind, str(model), str(path)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return path


def export(kind: str, model: str, target: Path) -> None:
    import torch
    from onnxruntime.transformers import optimizer
    from pytorch import OUTPUTS, bert_model

    bert = bert_model(model, kind, "eager")  # whose operations the optimizer knows as attention
    ids = torch.ones(2, 9, dtype=torch.int64)
    axes = {0: "batch", 1: "length"}
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if kind == "classify" else [])]
    output = {"embed": "vectors", "hidden": "hidden", "classify": "logits"}[kind]
    plain = target.with_suffix(".plain")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            OUTPUTS[kind](bert),
            tuple(torch.ones_like(ids) for _ in names),
            plain,
            input_names=names,
            output_names=[output],
            dynamic_axes={name: axes for name in names} | {output: axes if kind == "hidden" else {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    fused = optimizer.optimize_model(str(plain), "bert", bert.config.num_attention_heads, bert.config.hidden_size)
    result = fused.get_fused_operator_statistics()
    print(f"{target.name}: fused { ({name: count for name, count in result.items() if count}) }")
    if result["Attention"] != bert.config.num_hidden_layers:
        sys.exit(f"{target.name}: expected {bert.config.num_hidden_layers} fused attentions")
    fused.save_model_to_file(str(target))
    plain.unlink()


if __name__ == "__main__":
    _, _, kind, model, target = sys.argv
    export(kind, model, Path(target))
