"""Gradient checks of any forward and backward pass; knows nothing of BERT but for its `cases`."""

from .checker import METHODS, Row, check

__all__ = ["METHODS", "Row", "check"]
