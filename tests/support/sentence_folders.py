"""Folders as sentence-transformers writes them, with a tiny model in each: for the reference and for the tests."""

import json

import numpy as np

from numpy_bert.checkpoints import saving
from numpy_bert.checkpoints.formats import safetensors
from support.tiny import tiny_bert

TEXTS = ("the film was good", "it rains", "", "i liked this movie , not the plot !", "very " * 40)
PAIRS = (("the film was good", "i liked it"), ("it rains", "a dull movie ?"), ("very " * 20, "fun " * 20))
MODULES = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Dense": "sentence_transformers.base.modules.dense.Dense",
    "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm.LayerNorm",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
    "SpladePooling": "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
}
TASKS = {"CrossEncoder": "sequence-classification", "SparseEncoder": "fill-mask"}
OUTPUTS = {"CrossEncoder": ("logits", "scores"), "SparseEncoder": ("logits", "token_embeddings")}
PROMPTS = {"query": "the movie : ", "document": "", "passage": "a "}


def pooling(*modes, **settings):
    return "Pooling", {"embedding_dimension": 12, "pooling_mode": modes[0] if len(modes) == 1 else modes} | settings


def dense(inputs, outputs, activation, bias=True, residual=False):
    rng = np.random.default_rng(outputs)
    arrays = {"linear.weight": rng.normal(size=(outputs, inputs)).astype(np.float32)}
    if bias:
        arrays["linear.bias"] = rng.normal(size=outputs).astype(np.float32)
    if residual and inputs != outputs:
        arrays["residual.weight"] = rng.normal(size=(outputs, inputs)).astype(np.float32)
    config = {"in_features": inputs, "out_features": outputs, "bias": bias}
    config |= {"use_residual": True} if residual else {}
    return "Dense", config | {"activation_function": f"torch.nn.modules.{activation}"}, arrays


def layer_norm(size):
    rng = np.random.default_rng(size)
    arrays = {name: rng.normal(size=size).astype(np.float32) for name in ("norm.weight", "norm.bias")}
    return "LayerNorm", {"dimension": size}, arrays


NORMALIZE = ("Normalize", {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"})
MEAN = pooling("mean", include_prompt=True)

# Steps after the Transformer, and the keys of config_sentence_transformers.json besides the usual ones.
EMBEDDING = {
    **{mode: ((pooling(mode),), {}) for mode in ("mean", "cls", "max", "mean_sqrt_len_tokens")},
    **{mode: ((pooling(mode),), {}) for mode in ("weightedmean", "lasttoken")},
    "side by side": ((pooling("cls", "mean"), NORMALIZE), {}),
    "in another order": ((pooling("mean", "max", "cls"),), {}),
    "dense": ((MEAN, dense(12, 5, "activation.Tanh"), NORMALIZE), {}),
    "two dense": ((pooling("cls", "mean"), dense(24, 7, "activation.GELU"), dense(7, 4, "linear.Identity", False)), {}),
    "normalized before": ((MEAN, NORMALIZE, dense(12, 5, "activation.ReLU")), {}),
    "other activations": ((MEAN, dense(12, 6, "activation.SiLU"), dense(6, 4, "activation.Sigmoid")), {}),
    "residual": ((MEAN, dense(12, 12, "activation.Tanh", residual=True), NORMALIZE), {}),
    "residual of another size": ((MEAN, dense(12, 5, "activation.GELU", False, residual=True)), {}),
    "layer norm": ((MEAN, layer_norm(12)), {}),
    "prompts": ((MEAN,), {"prompts": PROMPTS}),
    "prompt by default": ((MEAN,), {"prompts": PROMPTS, "default_prompt_name": "query"}),
    **{
        f"prompt left out of {mode}": ((pooling(mode, include_prompt=False),), {"prompts": PROMPTS})
        for mode in ("mean", "cls", "max", "weightedmean", "lasttoken")
    },
    "truncated": ((MEAN, NORMALIZE), {"truncate_dim": 5}),
    "dot": ((MEAN,), {"similarity_fn_name": "dot"}),
    "euclidean": ((MEAN,), {"similarity_fn_name": "euclidean"}),
    "manhattan": ((MEAN,), {"similarity_fn_name": "manhattan"}),
}
SCORING = {
    "sigmoid": ({"activation_fn": "torch.nn.modules.activation.Sigmoid"}, {}),
    "identity": ({"activation_fn": "torch.nn.modules.linear.Identity"}, {}),
    "older": ({}, {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}),
    "in the config": ({}, {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}),
}
SPARSE = {
    f"{strategy} {activation}": {"pooling_strategy": strategy, "activation_function": activation}
    for strategy in ("max", "sum")
    for activation in ("relu", "log1p_relu")
}


def write_embedding(folder, name):
    steps, settings = EMBEDDING[name]
    _write(folder, tiny_bert((), seed=3), "SentenceTransformer", steps, settings)


def write_scoring(folder, name):
    """A cross-encoder with one output."""
    settings, config = SCORING[name]
    bert = tiny_bert(("sequence_classification",), seed=3, num_labels=1)
    _write(folder, bert, "CrossEncoder" if settings else None, (), settings)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))


def write_sparse(folder, name):
    bert = tiny_bert(("masked_lm",), seed=3)
    _write(folder, bert, "SparseEncoder", (("SpladePooling", SPARSE[name] | {"embedding_dimension": None}),), {})


def _write(folder, bert, kind, steps, settings):
    saving.write_folder(folder, bert.config, bert.params, bert.tokenizer, bert.pooling)
    if kind is None:
        return
    modules = [{"idx": 0, "name": "0", "path": "", "type": MODULES["Transformer"]}]
    for i, (step, config, *arrays) in enumerate(steps, 1):
        path = folder / f"{i}_{step}"
        path.mkdir()
        (path / "config.json").write_text(json.dumps(config))
        if arrays:
            safetensors.write(path / "model.safetensors", arrays[0], {"format": "pt"})
        modules.append({"idx": i, "name": str(i), "path": path.name, "type": MODULES[step]})
    (folder / "modules.json").write_text(json.dumps(modules))
    output, name = OUTPUTS.get(kind, ("last_hidden_state", "token_embeddings"))
    transformer = {
        "transformer_task": TASKS.get(kind, "feature-extraction"),
        "modality_config": {"text": {"method": "forward", "method_output_name": output}},
        "module_output_name": name,
    }
    (folder / "sentence_bert_config.json").write_text(json.dumps(transformer))
    content = {"model_type": kind, "prompts": {}, "default_prompt_name": None} | settings
    (folder / "config_sentence_transformers.json").write_text(json.dumps(content))
