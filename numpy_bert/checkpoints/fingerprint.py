"""What identifies a computation: the sha256 of a model, independent of its file format, and the versions."""

from __future__ import annotations

import hashlib
import json
import platform
from typing import Any

import numpy as np
import scipy

from .. import __version__
from ..config import BertConfig
from ..numerics import tree
from ..tokenizer.interface import Tokenizer


def fingerprint(params: Any, config: BertConfig, tokenizer: Tokenizer) -> str:
    """64 hexadecimal digits. params: a tree of arrays, each of which counts with its name, dtype and shape.

    Of the config all counts that changes what the numbers mean, and nothing that names heads or labels.
    """
    digest = hashlib.sha256()
    meaning = {
        "heads": config.num_attention_heads,
        "gelu": config.gelu,
        "layer_norm_eps": config.layer_norm_eps,
        "pad": config.pad_token_id,
        "positions": config.max_position_embeddings,
        "special": list(tokenizer.special_tokens),
        "tokenizer": [tokenizer.settings(), tokenizer.typed_special],
        "tokens": tokenizer.tokens,
        "arrays": [(name, array.dtype.name, array.shape) for name, array in tree.items(params)],
    }
    digest.update(json.dumps(meaning, sort_keys=True).encode())
    for array in tree.leaves(params):
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Of everything that may change the last digits."""
    return {
        "numpy_bert": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
