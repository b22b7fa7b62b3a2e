"""The thresholds of the allocator: set once, undone by close, and passed over where there is no glibc."""

from types import SimpleNamespace

import numpy as np

from numpy_bert.numerics import memory, threads


def calls(monkeypatch, libc):
    made = []
    monkeypatch.setattr(memory, "platform", SimpleNamespace(libc_ver=lambda: (libc, "")))
    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=lambda name: Library(made), c_size_t=int))
    return made


class Library:
    def __init__(self, made):
        self.mallopt = lambda parameter, value: made.append((parameter, value))
        self.malloc_trim = lambda pad: made.append("trim")


def test_work_keeps_freed_memory_and_closing_gives_it_back(monkeypatch):
    threads.close()
    made = calls(monkeypatch, "glibc")
    for _ in range(2):
        with threads.single_blas_thread():
            np.ones(3)
    assert made == [(-3, memory.LARGEST), (-1, memory.KEPT)]
    made.clear()
    threads.close()
    assert made == [(-3, memory.DEFAULT), (-1, memory.DEFAULT), "trim"]


def test_without_glibc_nothing_is_set(monkeypatch):
    threads.close()
    made = calls(monkeypatch, "musl")
    with threads.single_blas_thread():
        np.ones(3)
    threads.close()
    assert made == []
