"""A text file of any size in, a file of sentence vectors out: a job that can be interrupted; see `job.embed_file`."""

from .job import Done, embed_file

__all__ = ["Done", "embed_file"]
