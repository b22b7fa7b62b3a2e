"""What a user says of a file of examples. What is not said is recognized from the file itself."""

from __future__ import annotations

from typing import NamedTuple

from ...inference.answer_spans import STRIDE


class DataOptions(NamedTuple):
    """None: recognize it from the file.

    columns: the role of each column in order (text, pair, label; word, label; "-" for one that is not used, "..." last
    for any others), or roles with names of the header or keys of JSON, such as text=review.
    header: whether the first line has the names of the columns.
    labels: the classes in their order.
    regression: whether labels are numbers.
    multi_label: whether a text has several labels, between commas or in a list.
    stride: tokens between the windows of a long context.
    """

    columns: tuple[str, ...] | None = None
    header: bool | None = None
    labels: tuple[str, ...] | None = None
    regression: bool | None = None
    multi_label: bool | None = None
    stride: int = STRIDE


LOOK = DataOptions()  # all of it is recognized from the file
