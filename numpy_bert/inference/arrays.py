"""Arrays in, arrays out: hidden states, the raw outputs of a head, and a batch with labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..blocks import bert, encoder_layer
from ..config import BertConfig
from ..errors import Error, show
from ..numerics.arrays import Array
from ..tasks import objective
from . import inputs
from .outputs import Hidden
from .overflow import watched
from .run import Model, head


def hidden(model: Model, batch: bert.Inputs, everything: bool) -> Hidden:
    """The hidden states of a batch; with `everything` also those of every layer, and the attentions."""
    if not everything:
        with watched(batch, model.params.bert, model.config):
            encoded, _ = bert.forward(batch, model.params.bert, model.config, keep="nothing")
        assert encoded.hidden is not None
        return Hidden(encoded.hidden, encoded.pooled, (), ())
    with watched(batch, model.params.bert, model.config):
        encoded, cache = bert.forward(batch, model.params.bert, model.config)
    assert encoded.hidden is not None
    kept = [layer.attention for layer in cache.encoder.layers if isinstance(layer, encoder_layer.Cache)]
    layers = [attention.qkv.x for attention in kept] + [encoded.hidden]
    attentions = [attention.attention.softmax.p for attention in kept]
    return Hidden(encoded.hidden, encoded.pooled, tuple(layers), tuple(attentions))


def logits(model: Model, task: str, batch: bert.Inputs) -> Array:
    """The raw outputs of one head."""
    params = head(model, task)
    with watched(batch, model.params.bert, model.config):
        encoded, _ = bert.forward(batch, model.params.bert, model.config, keep="nothing")
    outputs: Array = objective.HEADS[task].forward(encoded, params, model.config)[0]
    return outputs


KEYS = ("token_ids", "segment_ids", "attention_mask", "position_ids", "labels")


def labeled(task: str, batch: Mapping[str, Any], config: BertConfig) -> objective.Batch:
    """A mapping with token_ids and labels, perhaps the other KEYS -> a checked batch. Error: a bad key or value."""
    if not isinstance(batch, Mapping):
        raise Error(f"batch: expected a mapping with token_ids and labels, got {type(batch).__name__}")
    for key in sorted(set(batch) ^ set(KEYS), key=str):
        if key not in KEYS or key in ("token_ids", "labels"):
            got = "an unknown key" if key not in KEYS else "none"
            raise Error(f"batch: {show(key)}: expected token_ids, labels and perhaps {sorted(KEYS)}, got {got}")
    segment_ids, attention_mask, position_ids = (batch.get(key) for key in KEYS[1:4])
    arrays = inputs.checked(batch["token_ids"], segment_ids, attention_mask, position_ids, config)
    labels = objective.TASKS[task].check_labels(batch["labels"], arrays.ids.token.shape, config)
    return objective.Batch(arrays, labels)
