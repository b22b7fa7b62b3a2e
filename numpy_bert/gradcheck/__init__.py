"""Gradient checks of any forward and backward pass; only `cases` is about BERT."""

from .checker import METHODS, Row, check

__all__ = ["METHODS", "Row", "check"]
