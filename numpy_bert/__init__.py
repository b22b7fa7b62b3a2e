"""BERT in NumPy: every forward pass and every backward pass written out by hand.

    import numpy_bert
    bert = numpy_bert.load("folder of a published checkpoint")
    bert.embed(["I liked this movie.", "A fine film."])

The mathematics is in numpy_bert.blocks and numpy_bert.tasks, a file for each concept; the checker of gradients is
numpy_bert.gradcheck. Importing this package does nothing but define the names below; the rest is imported when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import Error

if TYPE_CHECKING:
    from .model import Bert, load

__version__ = "0.1.0"
__all__ = ["Bert", "Error", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Bert and load, imported at first use: they need SciPy, which takes longer to import than NumPy."""
    if name in ("Bert", "load"):
        from . import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for completion in a shell or notebook."""
    return sorted(__all__)
