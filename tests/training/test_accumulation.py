"""A large batch in parts, and layers run forward a second time: the same gradient as the plain one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny import WORDS
from support.training_models import equal, largest_difference, pretraining_batch, small_model

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.inference.inputs import Text, padded
from numpy_bert.numerics import threads, tree
from numpy_bert.tasks import objective, question_answering
from numpy_bert.training import accumulation

TASKS = (
    "sequence_classification",
    "regression",
    "token_classification",
    "question_answering",
    "multiple_choice",
    "masked_lm",
    "next_sentence",
)
ROWS = {"multiple_choice": 2}  # of the model, for one example


def example_labels(task, n, rng):
    """Labels of one example of n tokens, with holes where a task allows them."""
    if task == "regression":
        return rng.normal(size=(1, 1))
    if task in ("token_classification", "masked_lm"):
        return np.where(rng.random((1, n)) < 0.5, rng.integers(0, 3, (1, n)), IGNORED)
    if task == "question_answering":
        ends = rng.integers(0, n, 2)
        return question_answering.Labels(ends[:1], np.where(rng.random(1) < 0.5, ends[1:], IGNORED))
    return np.where(rng.random(1) < 0.8, rng.integers(0, 2, 1), IGNORED)


def joined(task, examples):
    """A batch of these examples: texts and labels."""
    inputs = padded([text for texts, _ in examples for text in texts])
    T = inputs.ids.token.shape[1]

    def stack(*arrays):
        wide = [
            np.pad(a, ((0, 0), (0, T - a.shape[1])), constant_values=IGNORED)
            if a.dtype.kind == "i" and a.ndim == 2
            else a
            for a in arrays
        ]
        return np.concatenate(wide)

    return objective.Batch(inputs, tree.map(stack, *(labels for _, labels in examples)))


def examples_of(task, lengths, seed):
    rng = np.random.default_rng(seed)
    return [
        ([Text(rng.integers(5, len(WORDS), n), None) for _ in range(ROWS.get(task, 1))], example_labels(task, n, rng))
        for n in lengths
    ]


@pytest.mark.parametrize("task", TASKS)
@given(lengths=st.lists(st.integers(2, 9), min_size=2, max_size=6), cut=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=12)
def test_parts_of_unequal_size_give_the_gradient_of_the_whole(task, lengths, cut, seed):
    head = "sequence_classification" if task == "regression" else task
    changes = {"num_labels": 1} if task == "regression" else {}
    params, config = small_model(heads=(head,), **changes)
    if task == "question_answering":  # its softmax is over all places of the batch, so its parts must be as wide
        lengths = [max(lengths)] * len(lengths)
    examples = examples_of(task, lengths, seed)
    cut = min(cut, len(lengths) - 1)
    parts = [joined(task, examples[:cut]), joined(task, examples[cut:])]
    loss, gradients = accumulation.gradients(head, parts, params, config)
    expected, cache = objective.forward(head, joined(task, examples), params, config)
    assert abs(loss - float(expected)) <= 1e-12 * max(1.0, abs(loss))
    assert largest_difference(gradients, objective.backward(1.0, cache)) <= 1e-12


@given(
    lengths=st.lists(st.lists(st.integers(2, 12), min_size=1, max_size=3), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=20)
def test_pretraining_has_two_means_and_each_its_own_weights(lengths, seed):
    """The share of chosen tokens differs from part to part, so the two losses weigh the parts differently."""
    params, config = small_model()
    shares = (0.1, 0.9, 0.5, 0.2)
    parts = [pretraining_batch(group, seed + j, shares[j]) for j, group in enumerate(lengths)]
    loss, gradients = accumulation.gradients("pretraining", parts, params, config)
    T = max(part.inputs.ids.token.shape[1] for part in parts)
    texts, masked = [], []
    for part in parts:
        B, here = part.inputs.ids.token.shape
        mask = np.ones((B, here), bool) if part.inputs.mask is None else part.inputs.mask
        ids = part.inputs.ids
        texts += [Text(t[m], s[m]) for t, s, m in zip(ids.token, ids.segment, mask, strict=True)]
        masked.append(np.pad(part.labels.masked_lm, ((0, 0), (0, T - here)), constant_values=IGNORED))
    labels = parts[0].labels._replace(
        masked_lm=np.concatenate(masked), next_sentence=np.concatenate([p.labels.next_sentence for p in parts])
    )
    expected, cache = objective.forward("pretraining", objective.Batch(padded(texts), labels), params, config)
    assert abs(loss - float(expected)) <= 1e-12 * abs(loss)
    assert largest_difference(gradients, objective.backward(1.0, cache)) <= 1e-12


def test_plain_means_of_unequal_parts_would_be_another_gradient():
    """What the tests above must be able to see."""
    params, config = small_model()
    parts = [pretraining_batch([9, 8, 9], 1, 0.9), pretraining_batch([4], 2, 0.2)]
    _, gradients = accumulation.gradients("pretraining", parts, params, config)
    plain = []
    for part in parts:
        _, cache = objective.forward("pretraining", part, params, config)
        plain.append(objective.backward(0.5, cache))
    assert largest_difference(tree.map(np.add, *plain), gradients) > 1e-2


def test_the_number_of_cores_changes_no_bit(monkeypatch):
    params, config = small_model(dtype=np.float32)
    parts = [pretraining_batch([5 + j, 3], j) for j in range(5)]
    results = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        results.append(accumulation.gradients("pretraining", parts, params, config, np.random.default_rng(3)))
    assert results[0][0] == results[1][0] == results[2][0]
    assert equal(results[0][1], results[1][1])
    assert equal(results[0][1], results[2][1])


# Layers run forward a second time.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_recomputed_layers_give_the_same_bits(dtype, dropout):
    params, config = small_model(dtype=dtype, hidden_dropout=dropout, attention_dropout=dropout)
    batch = pretraining_batch([7, 4, 9])
    plain_rng, again_rng = np.random.default_rng(1), np.random.default_rng(1)
    loss, cache = objective.forward("pretraining", batch, params, config, plain_rng)
    again, small = objective.forward("pretraining", batch, params, config, again_rng, "inputs")
    assert loss == again
    assert equal(objective.backward(1.0, cache), objective.backward(1.0, small))
    assert plain_rng.random() == again_rng.random()  # nor is anything drawn twice
    if dropout:
        assert objective.forward("pretraining", batch, params, config)[0] != loss


def test_what_is_recomputed_is_not_kept():
    """Of a layer its input alone; everything else in the checkpoint is shared or small."""
    params, config = small_model(num_hidden_layers=4, attention_dropout=0.1)
    batch = pretraining_batch([20, 20, 20])
    B, T, H = 3, 20, config.hidden_size
    sizes = []
    for keep in ("caches", "inputs"):
        _, cache = objective.forward("pretraining", batch, params, config, np.random.default_rng(0), keep)
        own = {id(p) for p in tree.leaves(params)}
        kept = {id(leaf): leaf for leaf in tree.leaves(cache.bert.encoder)}
        arrays = [leaf for leaf in kept.values() if isinstance(leaf, np.ndarray) and id(leaf) not in own]
        sizes.append(sum(array.size for array in arrays))
    assert sizes[1] <= 4 * B * T * H + B * T
    assert sizes[0] > 10 * sizes[1]
