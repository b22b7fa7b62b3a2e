"""A reader for each published form of weights."""
