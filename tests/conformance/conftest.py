"""Run many subclasses of a contract in one pytest process, and tell which of each one's tests failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.inner_pytest import inner_pytest

Failures = Callable[[Path, Mapping[str, str]], tuple[dict[str, set[str]], str]]


@pytest.fixture
def failures() -> Failures:
    """Run tests in one pytest process; see `_failures`."""
    return _failures


def _failures(folder: Path, tests: Mapping[str, str]) -> tuple[dict[str, set[str]], str]:
    """The failed tests of each class, those without any failure too, and what pytest printed.

    :param folder: where the plugins are installed; the tests are written there.
    :param tests: module -> source.
    """
    run = inner_pytest(folder, tests, ini="python_classes = Test Bad")
    found: dict[str, set[str]] = {}
    for case in run.cases:
        failed = found.setdefault(case.owner.removeprefix("Bad"), set())
        if case.failed:
            failed.add(case.name.removeprefix("test_"))
    return found, run.output
