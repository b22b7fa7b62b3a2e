"""Many texts in batches: each text once, a bounded amount of padding, results in the caller's order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny import tiny_bert

from numpy_bert.inference import batching
from numpy_bert.inference.inputs import Text
from numpy_bert.numerics import threads


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 100))
def test_batches_hold_every_text_once_within_the_budget(lengths, tokens):
    groups = list(batching.batches(lengths, tokens))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= tokens
    longest = [max(lengths[i] for i in group) for group in groups]
    assert longest == sorted(longest, reverse=True)  # so that the memory of the first serves all


def test_a_batch_half_full_of_one_length_has_no_padding():
    assert list(batching.batches([4, 3, 4, 3], 12)) == [[0, 2], [1, 3]]
    assert list(batching.batches([4, 3, 3, 2], 12)) == [[0, 1, 2], [3]]


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_results_come_in_the_order_of_the_texts(workers, rng, monkeypatch):
    monkeypatch.setattr(batching, "FEWEST", 16)
    monkeypatch.setattr(batching, "TOKENS", 32)
    bert, done = tiny_bert(), []
    texts = [Text(rng.integers(5, 20, n), None) for n in rng.integers(1, 24, 50)]

    def read(encoded, batch):
        return [(ids[:n].tolist(), h[0].copy()) for ids, n, h in zip(
            batch.ids.token, batching.lengths(batch), encoded.hidden, strict=True)]  # fmt: skip

    result = batching.run(texts, bert.params.bert, bert.config, read, done.append, workers)
    assert sum(done) == 50
    for text, (ids, vector) in zip(texts, result, strict=True):
        assert ids == text.ids.tolist()
        np.testing.assert_allclose(vector, bert.forward([ids]).hidden[0, 0], atol=1e-5)


def test_texts_that_are_the_same_are_computed_once(rng):
    """Also beside others with the same tokens and other segments; each has a result of its own."""
    bert, done, computed = tiny_bert(), [], []
    different = [Text([5, 6, 7], None), Text([5, 6, 7], [0, 0, 1]), Text([5, 6], None), Text([7, 5, 6], None)]
    order = rng.permutation(np.repeat(np.arange(4), 3)).tolist()

    def read(encoded, batch):
        computed.extend(batch.ids.token.tolist())
        return [[h.copy()] for h in encoded.hidden]

    results = batching.run([different[i] for i in order], bert.params.bert, bert.config, read, done.append)
    assert len(computed) == len(different)
    assert sum(done) == len(order)
    assert len({id(result) for result in results} | {id(result[0]) for result in results}) == 2 * len(order)
    alone = [batching.run([text], bert.params.bert, bert.config, read)[0][0] for text in different]
    for i, (h,) in zip(order, results, strict=True):
        length = len(different[i].ids)
        np.testing.assert_allclose(h[:length], alone[i][:length], atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


@pytest.mark.parametrize("workers", [None, 1, 2])
def test_whatever_ends_a_run_blas_is_given_back(workers, monkeypatch):
    """An error in a reading, and one of whoever is told of the progress."""
    monkeypatch.setattr(batching, "FEWEST", 4)
    bert = tiny_bert()

    def fail(*_):
        raise KeyboardInterrupt

    for count in (1, 40):
        texts = [Text([5, 6, 7, 8, 9], None)] * count
        for read, progress in ((fail, len), (lambda encoded, _: [0] * len(encoded.hidden), fail)):
            with pytest.raises(KeyboardInterrupt):
                batching.run(texts, bert.params.bert, bert.config, read, progress, workers)
            assert (threads._process.holders, threads.team_size()) == (0, 1)
    assert batching.run([], bert.params.bert, bert.config, fail, fail, workers) == []


def test_the_last_batches_are_small_so_that_workers_end_together():
    sizes = [8 * len(group) for group in batching.batches([8] * 3000, 1024, workers=2)]
    assert sizes[0] == 1024
    assert sizes[-1] <= batching.FEWEST
    free = [0, 0]  # when each of two workers is done, if a token takes as long as any other
    for size in sizes:
        free[free.index(min(free))] += size
    assert abs(free[0] - free[1]) <= batching.FEWEST
