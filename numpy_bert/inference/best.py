"""The k largest scores of each row, where the columns come block after block: at equal scores the first columns.

A block is compared with the k-th best so far, which nearly all of it is below; the few that are not are sorted. So the
work is one pass over the scores, and memory is that of one block.
"""

from __future__ import annotations

import numpy as np

from ..numerics.arrays import Array

MANY = 8  # times k candidates of each row, above which the block is partitioned before they are sorted


class Best:
    """columns and scores (q, k') hold the k best so far, the best first; k' is below k while fewer were seen."""

    def __init__(self, rows: int, k: int) -> None:
        self._k = k
        self.columns = np.zeros((rows, 0), np.int64)
        self.scores = np.zeros((rows, 0), np.float32)

    def add(self, first: int, scores: Array) -> None:
        """scores (q, m): those of the columns from `first` on, which are above all that were added before."""
        q, m = scores.shape
        if not q or not m:
            return
        is_candidate = None
        if self.scores.shape[1] == self._k:
            is_candidate = scores > self.scores[:, -1:]  # at equality the earlier column stays
        if self._k < m and (is_candidate is None or np.count_nonzero(is_candidate) > MANY * self._k * q):
            at = np.argpartition(scores, m - self._k, axis=1)[:, m - self._k]
            among_best = scores >= scores[np.arange(q), at][:, None]  # with all that equal the k-th
            is_candidate = among_best if is_candidate is None else is_candidate & among_best
        rows, columns = np.nonzero(np.ones((q, m), np.bool_) if is_candidate is None else is_candidate)
        self._merge(rows, columns + first, scores[rows, columns])

    def _merge(self, rows: Array, columns: Array, scores: Array) -> None:
        q, kept = self.columns.shape
        rows = np.concatenate([np.repeat(np.arange(q), kept), rows])
        columns = np.concatenate([self.columns.reshape(-1), columns])
        scores = np.concatenate([self.scores.reshape(-1).astype(scores.dtype, copy=False), scores])
        order = np.lexsort((columns, -scores, rows))
        rows, columns, scores = rows[order], columns[order], scores[order]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)  # within its row, from 0
        taken = place < self._k
        self.columns, self.scores = columns[taken].reshape(q, -1), scores[taken].reshape(q, -1)
