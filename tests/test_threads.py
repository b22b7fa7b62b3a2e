"""BLAS threads are taken and given back, also when callers overlap."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from numpy_bert import threads


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_blas_has_one_thread_meanwhile_and_its_own_number_after():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas_threads()
    with threads.one_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_callers_that_overlap_give_back_what_the_first_found():
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def second():
        with threads.one_blas_thread():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=second)
    with threads.one_blas_thread():
        other.start()
        entered.wait(10)
    assert set(blas_threads()) == {1}  # the other is still at work
    leave.set()
    other.join()
    assert blas_threads() == before


def test_results_keep_the_order_of_the_items():
    assert list(threads.spread(lambda n: n * n, range(100), 3)) == [n * n for n in range(100)]


def test_an_error_in_a_worker_reaches_the_caller_and_frees_blas():
    before = blas_threads()

    def fail(n):
        raise ValueError(str(n))

    with pytest.raises(ValueError, match="0"):
        list(threads.spread(fail, range(4)))
    assert blas_threads() == before


def test_each_computes_every_item_once_alone_and_in_a_team():
    for policy in (threads.one_blas_thread, threads.team):
        done = []
        with policy():
            threads.each(done.append, list(range(50)))
            assert [part.stop - part.start for part in threads.shares(10)] in (
                [10],
                [10 // threads.cores()] * threads.cores(),
            )
        assert sorted(done) == list(range(50))


def test_an_error_in_a_team_reaches_the_caller_after_the_others_have_ended():
    running = []

    def fail(n):
        running.append(n)
        try:
            if n == 3:
                raise ValueError("3")
        finally:
            running.remove(n)

    before = blas_threads()
    with threads.team(), pytest.raises(ValueError, match="3"):
        threads.each(fail, list(range(20)))
    assert not running
    assert blas_threads() == before
    assert threads.hands() == 1


def test_a_team_within_another_thread_has_no_part_in_ours():
    seen = []
    with threads.team():
        other = threading.Thread(target=lambda: seen.append(threads.hands()))
        other.start()
        other.join()
    assert seen == [1]
