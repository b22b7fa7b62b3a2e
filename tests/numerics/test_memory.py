"""The thresholds of the allocator: set once, undone by close, and passed over where there is no glibc."""

from types import SimpleNamespace

import numpy as np

from numpy_bert.numerics import memory, threads


def calls(monkeypatch, libc):
    made = []
    monkeypatch.setattr(memory, "platform", SimpleNamespace(libc_ver=lambda: (libc, "")))
    monkeypatch.setattr(memory, "ctypes", SimpleNamespace(CDLL=lambda name: Library(made), c_size_t=int, c_void_p=int))
    return made


class Library:
    """The functions of a C library, which write down what they were asked for."""

    def __init__(self, made):
        self.mallopt = lambda parameter, value: made.append((parameter, value))
        self.malloc_trim = lambda pad: made.append("trim")
        self.malloc = Malloc()
        self.madvise = lambda start, size, advice: made.append(advice)
        self.free = lambda block: made.append("free")


class Malloc:
    def __call__(self, size):
        return 1 << 20


def test_work_keeps_freed_memory_and_closing_gives_it_back(monkeypatch):
    threads.close()
    made = calls(monkeypatch, "glibc")
    for _ in range(2):
        with threads.single_blas_thread():
            np.ones(3)
    assert made[:3] == [(-3, memory.LARGEST), (-1, memory.KEPT), (-8, 1)]
    advised = made.count(memory.MADV_HUGEPAGE)
    assert made[3:] == [memory.MADV_HUGEPAGE] * advised + ["free"] * advised
    assert advised * memory.LARGEST // 2 == memory.HEAP
    made.clear()
    threads.close()
    assert made == [(-3, memory.DEFAULT), (-1, memory.DEFAULT), (-8, 1), "trim"]


def test_without_glibc_nothing_is_set(monkeypatch):
    threads.close()
    made = calls(monkeypatch, "musl")
    with threads.single_blas_thread():
        np.ones(3)
    threads.close()
    assert made == []
