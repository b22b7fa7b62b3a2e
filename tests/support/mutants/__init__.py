"""The catalog of wrong backwards: MUTANTS, a list of catalog.Mutant."""

from support.mutants import attention, elementwise, embeddings, heads, layers, norms
from support.mutants.catalog import Mutant, collect

__all__ = ["MUTANTS", "Mutant"]

MUTANTS = collect(elementwise, norms, attention, embeddings, layers, heads)
