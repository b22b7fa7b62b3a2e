"""The special tokens around one text or two, and the segment of each token.

Frame(((2,), (3,), (3,)), ((0,), (0,), (1,)), (0, 1))     [CLS] a [SEP] b [SEP], b and its [SEP] in segment 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Frame(NamedTuple):
    """Special tokens around a number of texts: those before each of them, and those after the last."""

    ids: tuple[tuple[int, ...], ...]  # one more than there are texts
    segments: tuple[tuple[int, ...], ...]  # of those tokens
    text_segments: tuple[int, ...]  # of the tokens of each text

    @property
    def added(self) -> int:
        """How many special tokens there are."""
        return sum(map(len, self.ids))

    def join(self, texts: Sequence[Sequence[int]]) -> tuple[list[int], list[int], list[int]]:
        """The ids of the texts -> the ids of all, their segments, and where each text begins."""
        ids, segments, begins = list(self.ids[0]), list(self.segments[0]), []
        for text, segment, after, after_segments in zip(
            texts, self.text_segments, self.ids[1:], self.segments[1:], strict=True
        ):
            begins.append(len(ids))
            ids += [*text, *after]
            segments += [*[segment] * len(text), *after_segments]
        return ids, segments, begins


class Frames(NamedTuple):
    """The frame of a text and that of a pair."""

    single: Frame
    pair: Frame


NOTHING = Frames(Frame(((), ()), ((), ()), (0,)), Frame(((), (), ()), ((), (), ()), (0, 1)))


def bert(cls: int, sep: int, has_segments: bool = True) -> Frames:
    """[CLS] a [SEP]   and   [CLS] a [SEP] b [SEP] (Devlin et al., arXiv:1810.04805, figure 2).

    has_segments: False puts b into segment 0 as well.
    """
    second = int(has_segments)
    return Frames(
        Frame(((cls,), (sep,)), ((0,), (0,)), (0,)),
        Frame(((cls,), (sep,), (sep,)), ((0,), (0,), (second,)), (0, second)),
    )
