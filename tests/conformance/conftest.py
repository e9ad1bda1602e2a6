"""Run many subclasses of a contract in one pytest process, and tell which of each one's tests failed."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rbee_core.testing.cli import clean_env

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
    for name, source in tests.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\npython_classes = Test Bad\n", encoding="utf-8")
    report = folder / "report.xml"
    options = [
        "-p",
        "no:cacheprovider",
        f"--basetemp={folder / 'tmp'}",
        "-p",
        "no:xdist",
        "-p",
        "no:rerunfailures",
        f"--junitxml={report}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", str(folder / "pytest.ini"), *options, *[f"{n}.py" for n in tests]],
        cwd=folder,
        env={**clean_env(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    for case in ET.parse(report).iter("testcase"):
        failed = found.setdefault(case.attrib["classname"].rpartition(".")[2].removeprefix("Bad"), set())
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(case.attrib["name"].removeprefix("test_"))
    return found, done.stdout
