"""What every test gets: fixed seeds, the profile of Hypothesis, and a last line that says what was skipped."""

import os
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from support.browser import browser as browser  # fixtures for the tests of pages
from support.browser import pictures as pictures

SEED = 20181011

# HYPOTHESIS_PROFILE=nightly looks far and wide; the default looks at the same examples every time.
settings.register_profile("default", derandomize=True, deadline=None, max_examples=100)
settings.register_profile(
    "nightly", deadline=None, max_examples=20_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that begins alike in every test."""
    return np.random.default_rng(SEED)


@pytest.fixture(autouse=True)
def _fixed_global_seeds() -> None:
    """The package uses no global generator; a library that a test calls may."""
    random.seed(SEED)
    np.random.seed(SEED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    if reasons:
        message = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"{len(skipped)} tests were skipped: {message}", yellow=True)
    else:
        terminalreporter.write_line("No test was skipped.")


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is as wide as it likes, unless a test says otherwise: pytest-xdist sets COLUMNS."""
    monkeypatch.delenv("COLUMNS", raising=False)
