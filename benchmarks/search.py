"""Exact search in 100,000 vectors of 384 numbers, beside sentence-transformers: the same ids, processor time, memory.

    PYTHONPATH=. python benchmarks/search.py             # with sentence-transformers and torch installed
    PYTHONPATH=. python benchmarks/search.py --recall VECTORS.npy

The two searches alternate. The memory is that of a process of its own, with the vectors in it, before and at the peak.
With --recall: how many of the 10 nearest float vectors each precision finds, for 200 of the vectors as queries.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from numpy_bert.inference import quantization, search

N, S, QUERIES, K, TIMES = 100_000, 384, 100, 10, 7


def vectors(n: int, seed: int) -> Any:
    v = np.random.default_rng(seed).standard_normal((n, S), np.float32)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    return v


def ids(hits: Any) -> list[list[int]]:
    return [[hit["corpus_id"] for hit in of_query] for of_query in hits]


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor time and wall-clock time of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def compare() -> None:
    import torch
    from sentence_transformers import util

    corpus, queries = vectors(N, 0), vectors(QUERIES, 1)
    c, q = torch.from_numpy(corpus), torch.from_numpy(queries)
    works = {
        "numpy_bert": lambda: search.dense(queries, corpus, K, "cosine"),
        "semantic_search": lambda: util.semantic_search(q, c, top_k=K),
    }
    brute = torch.topk(q @ c.T, K).indices.tolist()
    for name, work in works.items():
        print(f"{name}: the ids of brute force: {ids(work()) == brute}")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(TIMES):
        for name, work in works.items():
            times[name].append(seconds(work))
    for name, pairs in times.items():
        cpu, wall = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"{name}: {cpu:.3f} s of processor time, {wall:.3f} s (medians of {TIMES})")
    peak = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True)
    print(peak.stdout.strip())


def memory() -> None:
    corpus, queries = vectors(N, 0), vectors(QUERIES, 1)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # measure the peak from here (Linux)
    search.dense(queries, corpus, K, "cosine")
    more = max(0, _resident("VmHWM") - before)
    share = 1 + more / corpus.nbytes
    size = f"{corpus.nbytes / 1e6:.1f} MB of vectors, at most {more / 1e6:.1f} MB more at the peak"
    print(f"memory: {size}: {share:.3f} times")


def _resident(key: str) -> int:
    """Bytes in memory, now (VmRSS) or at the most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(key)))


def recall(path: str) -> None:
    """Of ours, and of the two steps of sentence-transformers done with plain NumPy."""
    corpus = np.load(path)
    queries = corpus[:: len(corpus) // 200][:200].astype(np.float32)
    exact = [set(row) for row in ids(search.dense(queries, corpus, K, "dot"))]
    ranges = quantization.ranges_of(corpus)
    for precision in ("int8", "uint8", "binary", "ubinary"):
        codes = quantization.quantize(corpus, precision, ranges)
        found = ids(search.dense(queries, codes, K, "dot", ranges))
        shares = [len(a & set(b)) / K for a, b in zip(exact, found, strict=True)]
        theirs = _theirs(queries, codes, precision, ranges, exact)
        print(f"{precision}: recall at {K} {np.mean(shares):.4f}, theirs {theirs:.4f}")


def _theirs(queries: Any, codes: Any, precision: str, ranges: Any, exact: list[set[int]]) -> float:
    """semantic_search_usearch and _faiss: 2 k candidates by the product of codes or by Hamming distance, rescored."""
    size = queries.shape[1]
    asked = quantization.quantize(queries, precision, ranges)
    if "int" in precision:
        floats = quantization.dequantize(codes, ranges)
        scores = asked.astype(np.float32) @ codes.T.astype(np.float32)
    else:
        floats = quantization.bits(codes, size)
        signs = [2 * quantization.bits(m, size) - 1 for m in (asked, codes)]
        scores = signs[0] @ signs[1].T
    shares = []
    for query, row, wanted in zip(queries, scores, exact, strict=True):
        candidates = np.argsort(-row, kind="stable")[: 2 * K]
        best = candidates[np.argsort(-(floats[candidates] @ query), kind="stable")[:K]]
        shares.append(len(wanted & set(best.tolist())) / K)
    return float(np.mean(shares))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--recall", metavar="VECTORS.npy")
    options = parser.parse_args()
    if options.memory:
        memory()
    elif options.recall:
        recall(options.recall)
    else:
        compare()
