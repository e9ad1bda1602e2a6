"""The distributions, built once for a whole test run."""

from __future__ import annotations

import os

import pytest
from filelock import FileLock

from . import distributions
from .distributions import Distribution


@pytest.fixture(scope="session")
def dists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Distribution]:
    """Every distribution's sdist and wheel, by name; shared under pytest-xdist too."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "distributions"
    checkout, out = folder / "checkout", folder / "built"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        if not out.exists():
            building = folder / "building"
            distributions.build(distributions.copy_checkout(checkout), building)
            building.rename(out)
    return distributions.read(checkout, out)
