"""BLAS threads are taken and given back, also when callers overlap."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from numpy_bert.numerics import threads


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_blas_has_one_thread_meanwhile_and_its_own_number_after():
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas_threads()
    with threads.single_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_callers_that_overlap_give_back_what_the_first_found():
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def second():
        with threads.single_blas_thread():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=second)
    with threads.single_blas_thread():
        other.start()
        entered.wait(10)
    assert set(blas_threads()) == {1}  # the other is still at work
    leave.set()
    other.join()
    assert blas_threads() == before


def test_results_keep_the_order_of_the_items():
    assert list(threads.ordered_map(lambda n: n * n, range(100), 3)) == [n * n for n in range(100)]


def test_an_error_in_a_worker_reaches_the_caller_and_frees_blas():
    before = blas_threads()

    def fail(n):
        raise ValueError(str(n))

    with pytest.raises(ValueError, match="0"):
        list(threads.ordered_map(fail, range(4)))
    assert blas_threads() == before


def test_each_computes_every_item_once_alone_and_in_a_team():
    for policy in (threads.single_blas_thread, threads.thread_team):
        done = []
        with policy():
            threads.parallel_for(done.append, list(range(50)))
            assert [part.stop - part.start for part in threads.even_slices(10)] in (
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
    with threads.thread_team(), pytest.raises(ValueError, match="3"):
        threads.parallel_for(fail, list(range(20)))
    assert not running
    assert blas_threads() == before
    assert threads.team_size() == 1


def test_a_team_within_another_thread_has_no_part_in_ours():
    seen = []
    with threads.thread_team():
        other = threading.Thread(target=lambda: seen.append(threads.team_size()))
        other.start()
        other.join()
    assert seen == [1]


def test_threads_that_take_turns_all_hold_blas_to_one():
    """threadpoolctl by itself heeds only the first thread that changes a number, as long as it lives."""
    held = {}

    def enter(name):
        held[name] = threads.single_blas_thread()
        held[name].__enter__()
        return set(blas_threads())

    def leave(name):
        held.pop(name).__exit__(None, None, None)
        return set(blas_threads())

    limit = threads._controller().limit(limits=2, user_api="blas")  # whatever the shell says
    threads._take_control()
    before = set(blas_threads())
    with ThreadPoolExecutor(1) as executor, ThreadPoolExecutor(1) as other:
        workers = {"a": executor, "b": other}
        for name in "abbaab":
            assert workers[name].submit(enter, name).result() == {1}
            assert workers[name].submit(leave, name).result() == before
        for first, last in ("ab", "ba", "ab"):  # who came first leaves first
            assert workers[first].submit(enter, first).result() == {1}
            assert workers[last].submit(enter, last).result() == {1}
            assert workers[first].submit(leave, first).result() == {1}
            assert workers[last].submit(leave, last).result() == before
    limit.restore_original_limits()
    threads._take_control()


@pytest.mark.parametrize("moment", range(5))
def test_an_interruption_while_the_number_is_changed_leaves_no_trace(moment, monkeypatch):
    """Ctrl-C comes between two steps: the first call of threadpoolctl is the moment 0, and so on."""
    before, count = blas_threads(), 0

    def interrupted(function):
        def call(*args, **kwargs):
            nonlocal count
            result = function(*args, **kwargs)
            count += 1
            if count == moment + 1:
                raise KeyboardInterrupt
            return result

        return call

    limit = threads._controller().limit
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_take_control", interrupted(threads._take_control))
        patch.setattr(threads._controller(), "limit", interrupted(limit))
        with pytest.raises(KeyboardInterrupt), threads.single_blas_thread():
            pass
    with threads.single_blas_thread():
        assert (set(blas_threads()), threads._process.holders) == ({1}, 1)
    assert (blas_threads(), threads._process.holders) == (before, 0)


def test_a_team_in_a_team_does_not_end_it(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    with threads.thread_team():
        with threads.thread_team():
            assert threads.team_size() == 2
        assert threads.team_size() == 2
    assert threads.team_size() == 1


def test_an_error_in_a_helper_comes_out_after_all_the_others_have_ended(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    met, ended = threading.Barrier(3, timeout=10), []

    def work(n):
        met.wait()
        name = threading.current_thread().name
        if name == "helper_0":
            raise ValueError("a helper")
        if name == "helper_1":
            time.sleep(0.03)
            ended.append(name)

    with ThreadPoolExecutor(2, "helper") as helpers:
        monkeypatch.setattr(threads._process, "helpers", helpers)
        with threads.thread_team(), pytest.raises(ValueError, match="a helper"):
            threads.parallel_for(work, [0, 1, 2])
        assert ended == ["helper_1"]


def test_after_the_main_thread_has_ended_the_others_compute_alone(monkeypatch):
    """Python refuses all work in pools then."""
    ended = threading.Thread(target=int)
    ended.start()
    ended.join()
    monkeypatch.setattr(threads.threading, "main_thread", lambda: ended)
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(threads, "ThreadPoolExecutor", "not asked")
    monkeypatch.setattr(threads._process, "helpers", "not asked")
    assert list(threads.ordered_map(abs, [-1, -2])) == [1, 2]
    done = []
    with threads.thread_team():
        threads.parallel_for(done.append, [1, 2])
    assert done == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_within_a_team_may_go_on_to_its_end(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    with threads.thread_team():
        child = os.fork()
    if child == 0:
        right = threads.team_size() == 1
        with threads.thread_team():
            right = right and threads.team_size() == 2 and set(blas_threads()) == {1}
        os._exit(0 if right and threads._process.holders == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_results_that_nobody_has_taken_are_few():
    begun = []
    results = threads.ordered_map(begun.append, range(100), 2)
    for taken in range(1, 50):
        next(results)
        assert len(begun) <= taken + 2 * 2 + 1
    results.close()
    assert len(begun) < 60


def test_closing_ends_the_helpers_and_the_next_team_has_new_ones(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    with threads.thread_team():
        threads.parallel_for(abs, [1, 2])
    threads.close()
    assert threads._process.helpers is None
    assert threads._process.holders == 0
    done = []
    with threads.thread_team():
        threads.parallel_for(done.append, [1, 2])
    assert sorted(done) == [1, 2]
    threads.close()


def test_no_more_threads_take_a_turn_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    monkeypatch.setattr(threads._process, "turns", None)
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3, timeout=60)  # three of them are in at once: more than one has a turn

    def work(number):
        nonlocal inside, most
        with threads.turn():
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert (inside, most) == (0, 3)
