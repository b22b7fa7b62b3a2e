"""A sample of all small changes of the backwards: gradcheck finds each, or it is known to compute the same."""

import ast
import os
import types

import pytest
from support import mutation
from support.mutation import verdicts

from numpy_bert.blocks import gelu, tanh

SAMPLE = 60


def change(function, before, after):
    """The change of a target that turns one statement into another."""
    [target] = [target for target in mutation.targets() if target.name == function]
    [wanted] = [change for change in target.changes() if (change.before, change.after) == (before, after)]
    return wanted


def test_a_sample_of_the_changes_is_found():
    """All of them: `python -m support.mutation`, in tests/; see docs/gradient-checking.md."""
    survived = {change.key for change in mutation.sample(SAMPLE) if not mutation.verdict(change).by}
    assert survived <= set(mutation.listed())


def test_the_listed_changes_exist_and_have_a_reason():
    keys = {change.key for change in verdicts.all_changes()}
    assert set(mutation.listed()) <= keys
    assert all(len(reason) > 10 for reason in mutation.listed().values())
    assert len(keys) > 2300


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        (
            "blocks.squared_error.backward",
            "n = max(cache.error.size, 1)",
            "n = max(cache.error.size, 2)",
        ),
        (
            "tasks.sentence_embedding.backward",
            "radial = np.where(norm.real > SMALLEST_NORM, (u * dy).sum(axis=-1, keepdims=True), 0.0)",
            "radial = np.where(norm.real > SMALLEST_NORM, (u * dy).sum(axis=-1, keepdims=True), 1.0)",
        ),
    ],
)
def test_what_once_survived_is_found_by_the_cases_of_its_own_block(function, before, after):
    assert mutation.verdict(change(function, before, after)).by == "own"


def test_a_change_of_a_helper_leaves_the_forward_alone():
    """Else forward and backward would agree on the wrong function."""
    helper = next(
        c for c in verdicts.all_changes(["gelu"]) if c.function == "blocks.gelu._inner" and "1.0 - " in c.after
    )
    [target] = [target for target in mutation.targets() if target.name == helper.function]
    right = gelu._inner, gelu.forward, gelu.backward
    with verdicts._in_place(helper, target):
        assert (gelu._inner, gelu.forward) == right[:2]
        assert gelu.backward is not right[2]
    assert gelu.backward is right[2]
    assert mutation.verdict(helper).by == "own"


def test_a_change_that_ends_the_process_is_found(monkeypatch):
    monkeypatch.setattr(verdicts, "_verdict_here", lambda change: os._exit(1))
    part = verdicts.all_changes(["tanh"])[0]
    assert mutation.verdict(part) == mutation.Verdict("own", "the process ended")


def test_a_right_backward_survives():
    right = mutation.Change("blocks.tanh.backward", "none", "", "", mutation.parsed(tanh.backward))
    assert mutation.verdict(right) == mutation.Verdict("")


def test_the_changes_of_a_function():
    source = """
def backward(dy, cache):
    x, W = cache
    dW = dy.T @ x[:, 0]
    dW += 2.0 * x.sum(axis=-1)
    if x is None:
        return None
    return dy, dW
"""
    [tree] = ast.parse(source).body
    every = mutation.changes("made.backward", tree, types.ModuleType("made"))
    result = {(c.kind, c.before, c.after) for c in every}
    product, sum_, back = "dW = dy.T @ x[:, 0]", "dW += 2.0 * x.sum(axis=-1)", "return (dy, dW)"
    assert result >= {
        ("name", "x, W = cache", "W, x = cache"),
        ("line", product, "(deleted)"),
        ("operator", product, "dW = dy.T * x[:, 0]"),
        ("operator", product, "dW = x[:, 0] @ dy.T"),
        ("transpose", product, "dW = dy @ x[:, 0]"),
        ("transpose", product, "dW = dy.T @ x[:, 0].swapaxes(-1, -2)"),
        ("constant", product, "dW = dy.T @ x[:, 1]"),
        ("axis", product, "dW = dy.T @ x[0, :]"),
        ("axis", product, "dW = dy.T @ x"),
        ("name", product, "dW = dy.T @ W[:, 0]"),
        ("line", sum_, "(twice)"),
        ("operator", sum_, "dW -= 2.0 * x.sum(axis=-1)"),
        ("operator", sum_, "dW = 2.0 * x.sum(axis=-1)"),
        ("operator", sum_, "dW += x.sum(axis=-1)"),
        ("constant", sum_, "dW += 4.0 * x.sum(axis=-1)"),
        ("axis", sum_, "dW += 2.0 * x.sum(axis=-2)"),
        ("axis", sum_, "dW += 2.0 * x.sum()"),
        ("name", sum_, "dW += 2.0 * x.mean(axis=-1)"),
        ("operator", "if x is None:", "if x is not None:"),
        ("name", back, "return (dW, dy)"),
        ("name", back, "return (dy, x)"),
    }
    assert len({c.key for c in every}) == len(every)
    assert all(ast.unparse(c.tree) != ast.unparse(tree) for c in every)
