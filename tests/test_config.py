"""BertConfig made in Python is checked as well as one that is read."""

import dataclasses

import pytest

from numpy_bert.config import RULES, BertConfig
from numpy_bert.errors import Error


def test_config_made_in_python_is_checked_as_well():
    good = BertConfig(10)
    for name, value in {"hidden_size": 770, "gelu": "relu", "hidden_dropout": 1.0, "labels": ("a",)}.items():
        with pytest.raises(Error, match=f"^{name}: expected "):
            dataclasses.replace(good, **{name: value})
    with pytest.raises(Error, match="layer_norm_eps: expected a finite number > 0, got nan"):
        BertConfig(10, layer_norm_eps=float("nan"))
    with pytest.raises(Error, match="layer_norm_eps: expected a finite number > 0, got inf"):
        BertConfig(10, layer_norm_eps=float("inf"))


def test_every_field_has_a_rule():
    assert [field.name for field in dataclasses.fields(BertConfig)] == list(RULES)
