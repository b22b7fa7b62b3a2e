"""Texts to batches to answers, in the order of the caller."""
