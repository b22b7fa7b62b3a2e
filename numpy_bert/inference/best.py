"""The k largest scores of each row, where the columns come block after block: at equal scores the first columns.

A block is compared with the k-th best so far, which nearly all of it is below; the few that are not are sorted. So the
work is one pass over the scores, and memory is that of one block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array

MANY = 8  # times k candidates of each row, above which the block is partitioned before they are sorted


class Candidates(NamedTuple):
    """Some elements of a block: among them are its k best of each row that are better than those so far."""

    rows: Array  # (c,)
    columns: Array  # (c,), in the block
    scores: Array  # (c,)


class Best:
    """columns and scores (q, k') hold the k best so far, the best first; k' is below k while fewer were seen."""

    def __init__(self, rows: int, k: int) -> None:
        self._k = k
        self.columns = np.zeros((rows, 0), np.int64)
        self.scores = np.zeros((rows, 0), np.float32)

    def add(self, first: int, scores: Array) -> None:
        """scores (q, m): those of the columns from `first` on, which are above all that were added before."""
        self.merge(first, self.candidates(scores))

    def candidates(self, scores: Array) -> Candidates:
        """Of a block of scores (q, m). Threads may ask while another one merges: they get a few too many at worst."""
        q, m = scores.shape
        so_far, is_candidate = self.scores, None
        if so_far.shape[1] == self._k:
            is_candidate = scores > so_far[:, -1:]  # at equality the earlier column stays
        if 0 < self._k < m and (is_candidate is None or np.count_nonzero(is_candidate) > MANY * self._k * q):
            kth = np.partition(scores, m - self._k, axis=1)[:, m - self._k]
            among_best = scores >= kth[:, None]  # with all that equal it
            is_candidate = among_best if is_candidate is None else is_candidate & among_best
        places = np.arange(q * m) if is_candidate is None else np.flatnonzero(is_candidate)
        return Candidates(places // m, places % m, scores.reshape(-1)[places])

    def merge(self, first: int, candidates: Candidates) -> None:
        """Take those of a block that begins with the column `first`; blocks come in their order."""
        if not len(candidates.rows):
            return
        q, kept = self.columns.shape
        rows = np.concatenate([np.repeat(np.arange(q), kept), candidates.rows])
        columns = np.concatenate([self.columns.reshape(-1), candidates.columns + first])
        scores = candidates.scores
        scores = np.concatenate([self.scores.reshape(-1).astype(scores.dtype, copy=False), scores])
        order = np.lexsort((columns, -scores, rows))
        rows, columns, scores = rows[order], columns[order], scores[order]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)  # within its row, from 0
        taken = place < self._k
        self.columns, self.scores = columns[taken].reshape(q, -1), scores[taken].reshape(q, -1)
