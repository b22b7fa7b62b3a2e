"""16 threads that share a model embed 20 texts each, one by one; then one thread embeds all 320.

    PYTHONPATH=. python benchmarks/many_callers.py MODEL

The two take turns. Printed is the median time of each and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time

import numpy_bert

THREADS, EACH, TIMES = 16, 20, 5


def main(folder: str) -> None:
    bert = numpy_bert.load(folder)
    texts = [f"The {i}th of them is a short sentence about a film that nobody has seen." for i in range(THREADS * EACH)]

    def embed(own: list[str]) -> None:
        for text in own:
            bert.embed(text)

    def together() -> None:
        callers = [threading.Thread(target=embed, args=(texts[i::THREADS],)) for i in range(THREADS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()

    seconds: dict[str, list[float]] = {"16 threads": [], "one thread": []}
    together()
    for _ in range(TIMES):
        for name, run in (("16 threads", together), ("one thread", lambda: embed(texts))):
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    many, one = (statistics.median(values) for values in seconds.values())
    print(f"{THREADS} threads x {EACH} texts: {many:.2f} s")
    print(f"one thread x {THREADS * EACH} texts: {one:.2f} s, ratio {many / one:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
