"""The declared names and contents of a trace: complete, and independent of how a block calls its variables."""

import functools
import inspect
import re
import types
from pathlib import Path

import pytest
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert.blocks import attention, layer_norm, tanh
from numpy_bert.explain.tracing import contents, descriptions, names, recorder, source

FUNCTIONS = recorder.FORWARD + recorder.BACKWARD
PACKAGE = Path(numpy_bert.__file__).parent
NEVER_TRACED = {
    "tasks.pretraining",
    "tasks.multiple_choice",
    "blocks.recompute",
    recorder.PASSED_OVER,
}  # a trace has one task and one text
MODULES = [
    *(f"{folder}.{path.stem}" for folder in ("blocks", "tasks") for path in sorted((PACKAGE / folder).glob("*.py"))),
    "explain.vector_norm",
]
RENAMED: dict = {}  # (module, function, variable): names of variables that have been renamed since traces show them
TEXTS = {
    "masked_lm": "i liked [MASK] movie",
    "next_sentence": ("i liked", "this movie"),
    "sequence_classification": "i liked this movie",
    "token_classification": "i liked this movie",
    "question_answering": "i liked this movie",
    "sentence_embedding": "i liked this movie",
}


@pytest.fixture(scope="module")
def model():
    return tiny_bert(labels=("bad", "so so", "good"))


def all_traces(model):
    yield from (model.trace(text, task) for task, text in TEXTS.items())
    yield model.trace("i liked this movie", "masked_lm")
    yield tiny_bert(num_labels=1).trace("good", "sequence_classification")


@pytest.mark.parametrize("module", MODULES)
def test_every_variable_has_a_name(module):
    """A line added to a block or a variable taken out of it wants its name in names.py."""
    declared = names.NAMES.get(module, {})
    recorded = not module.endswith(".__init__") and module not in NEVER_TRACED
    functions = {
        name: function
        for name, function in (source.read_module(module).functions.items() if recorded else ())
        if name in FUNCTIONS
    }
    for name, function in functions.items():
        result = declared.get(name, "").split()
        where = f"{module}.{name}: names.py: {' '.join(result)}, source: {' '.join(function.names)}"
        assert len(result) == len(function.names), where
        for variable, declared_name in zip(function.names, result, strict=True):
            known = {"-", variable, *RENAMED.get((module, name, variable), ())}
            assert variable == source.RESULT or declared_name in known, f"{where}: if {variable} is new, name it"
    assert set(declared) <= set(functions)


def test_no_module_is_declared_that_is_not_there():
    assert set(names.NAMES) <= set(MODULES)
    assert set(contents.CONTENTS) <= set(names.NAMES)


def test_every_array_is_described_with_its_axes(model):
    """One letter for each axis, and a sentence, for each array that any task records."""
    for trace in all_traces(model):
        for value in trace.values:
            if value.call is None:
                continue
            call = trace.calls[value.call]
            text, _ = descriptions.entry(call.module, value.variable, call.function.endswith("backward"))
            where = f"{call.module}.{call.function}.{value.variable} {value.shape}"
            letters, colon, words = text.partition(":")
            assert colon, f"{where}: contents.py has no entry"
            assert words.strip(), where
            if "..." in letters:
                assert len(letters.split()) - 1 <= len(value.shape), where
            else:
                assert len(letters.split()) == len(value.shape), f"{where}: contents.py has {letters!r}"


def test_what_the_page_says_of_an_array(model):
    trace = model.trace("i liked this movie", "sequence_classification")

    def described(name):
        value = trace.by_name[name]
        call = None if value.call is None else trace.calls[value.call]
        return descriptions.describe(value.shape, value.variable or value.name, call, trace.asked)

    block = "bert.encoder.layers.1.attention.attention"
    P = described(f"{block}.forward.P")
    assert P.axes == ("head", "token", "key")
    assert P.sentence == "Attention weights: row = query token, column = key token; each row sums to 1."
    assert not P.is_gradient
    dS = described(f"{block}.backward.dS")
    assert dS.axes == ("head", "token", "key")
    assert dS.sentence.startswith("Gradient of the loss with respect to: attention scores")
    assert dS.is_gradient
    assert described(f"{block}.softmax.forward.p").axes == ("head", "token", "key")
    assert described("bert.encoder.layers.1.attention.forward.concat").axes == ("", "token", "component")
    assert described("bert.encoder.layers.1.attention.backward.dQKV").axes == ("token × Q, K, V", "head", "component")
    assert described("bert.encoder.layers.1.feed_forward.expand.backward.dW").axes == ("", "row", "column")
    assert described("gradients.bert.embedding.word").axes == ("", "row", "column")


def renamed(module, variables):
    """The source of a module with other variables, other comments and other docstrings."""
    text = inspect.getsource(module)
    for before, after in variables.items():
        text = re.sub(rf"(?<![\w.\"'-]){before}\b", after, text)
    text = re.sub(r'(?<=\n    )"""[^"]*"""', '"""Something -> else, and -> nothing of use."""', text)
    return re.sub(r"  # .*", "  # reworded", text)


@pytest.mark.parametrize(("module", "variables"), [
    (attention, {"S": "scores", "P": "weights", "dS": "slope", "dP": "below", "dy": "above"}),
    (tanh, {"dy": "upstream"}),
    (layer_norm, {"mu": "center", "rstd": "scale", "dx_hat": "inner", "x_hat": "whitened"}),
])  # fmt: skip
def test_renaming_a_variable_changes_no_trace(model, monkeypatch, module, variables):
    """Nor does rewording a docstring: names, axes and sentences are those of names.py and contents.py."""
    wanted = model.trace("i liked this movie", "sequence_classification")
    text = renamed(module, variables)
    assert text != inspect.getsource(module)
    code = compile(text, module.__file__, "exec", dont_inherit=True)
    for part in code.co_consts:
        if isinstance(part, types.CodeType) and part.co_name in FUNCTIONS:
            monkeypatch.setattr(getattr(module, part.co_name), "__code__", part)
    getsource, original = inspect.getsource, source._code
    monkeypatch.setattr(source.inspect, "getsource", lambda other: text if other is module else getsource(other))
    monkeypatch.setattr(source, "_code", lambda other: code if other is module else original(other))
    monkeypatch.setattr(source, "read_module", functools.cache(source.read_module.__wrapped__))
    trace = model.trace("i liked this movie", "sequence_classification")
    assert trace.names == wanted.names
    for value, other in zip(trace.values, wanted.values, strict=True):
        assert value.variable == other.variable
        assert (trace[value.name] == wanted[value.name]).all()
