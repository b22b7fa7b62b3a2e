"""The names of llama.cpp's BERT, and Hugging Face's: one table, read both ways.

    token_embd.weight        bert.embeddings.word_embeddings.weight
    blk.0.attn_q.weight      bert.encoder.layer.0.attention.self.query.weight

A matrix is (out, in) on both sides. `attn_qkv`, which few files have, is Q, K and V in one array: this project's own
name. llama.cpp has no names for the pooler and for the heads of pretraining, so its converter leaves them out. It
keeps a classifier without the pooler that it reads from, which is therefore of no use here.

Source: MODEL_ARCH.BERT in gguf-py/gguf/constants.py and tensor_mapping.py of llama.cpp.
"""

from __future__ import annotations

import re

TABLE = {
    "token_embd": "bert.embeddings.word_embeddings",
    "position_embd": "bert.embeddings.position_embeddings",
    "token_types": "bert.embeddings.token_type_embeddings",
    "token_embd_norm": "bert.embeddings.LayerNorm",
    "blk.*.attn_q": "bert.encoder.layer.*.attention.self.query",
    "blk.*.attn_k": "bert.encoder.layer.*.attention.self.key",
    "blk.*.attn_v": "bert.encoder.layer.*.attention.self.value",
    "blk.*.attn_output": "bert.encoder.layer.*.attention.output.dense",
    "blk.*.attn_output_norm": "bert.encoder.layer.*.attention.output.LayerNorm",
    "blk.*.ffn_up": "bert.encoder.layer.*.intermediate.dense",
    "blk.*.ffn_down": "bert.encoder.layer.*.output.dense",
    "blk.*.layer_output_norm": "bert.encoder.layer.*.output.LayerNorm",
}
BACK = {hf: gguf for gguf, hf in TABLE.items()}
OWN = {"weight": "bert.encoder.layers.*.attention.qkv.W", "bias": "bert.encoder.layers.*.attention.qkv.b"}


def hugging_face(name: str) -> str | None:
    """GGUF's name -> Hugging Face's, or this project's own; None where it is not a name of GGUF's BERT."""
    pattern, number = _numbered(name, "blk")
    block, _, field = pattern.rpartition(".")
    if field not in OWN:
        return None
    spelled = OWN[field] if block == "blk.*.attn_qkv" else f"{TABLE[block]}.{field}" if block in TABLE else None
    return spelled and spelled.replace("*", number)


def gguf(name: str) -> str | None:
    """Hugging Face's name -> GGUF's; None where GGUF has none."""
    pattern, number = _numbered(name, "layer")
    block, _, field = pattern.rpartition(".")
    return f"{BACK[block]}.{field}".replace("*", number) if block in BACK and field in OWN else None


def _numbered(name: str, before: str) -> tuple[str, str]:
    """The name with "*" for the number of a layer, and that number."""
    match = re.search(rf"\b{before}\.(\d{{1,9}})\.", name)
    return (f"{name[: match.start(1)]}*{name[match.end(1) :]}", match[1]) if match else (name, "*")
