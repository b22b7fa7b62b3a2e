"""Changes every backward of the package in every way it can, one change at a time, and lets gradcheck look for each.

The hand-written mutants in `support.mutants` are bugs that people make; these are all the small ones a program can
think of. `python -m support.mutation`, run in `tests/`, does it for all of them, and the test suite for a sample.
`survivors.json` lists the changes that gradcheck does not find, with the reason for each: it computes the same.
"""

from support.mutation.changes import Change, changes, parsed
from support.mutation.verdicts import Verdict, listed, sample, targets, verdict

__all__ = ["Change", "Verdict", "changes", "listed", "parsed", "sample", "targets", "verdict"]
