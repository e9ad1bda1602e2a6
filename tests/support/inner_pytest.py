"""pytest run on made tests, in a process and a project of its own, as an author of plugins runs it."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rbee_core.testing.cli import clean_env

#: What this repository's own runs are given, and an author's are not.
_OURS = ("no:cacheprovider", "no:xdist", "no:rerunfailures", "no:timeout")


@dataclass(frozen=True, slots=True)
class Case:
    """One test that was run: its class (or its module), its name, and whether it failed."""

    owner: str
    name: str
    failed: bool


@dataclass(frozen=True, slots=True)
class InnerRun:
    """What came of a run: its exit status, its tests, and what it printed."""

    status: int
    cases: Sequence[Case]
    output: str

    @property
    def failed(self) -> set[str]:
        """The names of the tests that failed."""
        return {case.name for case in self.cases if case.failed}


def inner_pytest(
    folder: Path, tests: Mapping[str, str], *, ini: str = "", options: Sequence[str] = (), timeout: float = 400
) -> InnerRun:
    """Run tests.

    :param folder: the project, in which plugins may lie too; the tests are written there.
    :param tests: module -> source.
    :param ini: lines of its ``pytest.ini``.
    """
    for name, source in tests.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n", encoding="utf-8")
    report = folder / "report.xml"
    given = [*(word for ours in _OURS for word in ("-p", ours)), f"--basetemp={folder / 'tmp'}", f"--junitxml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *given, *options, *(f"{name}.py" for name in tests)],
        cwd=folder,
        env={**clean_env(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    cases = [
        Case(
            case.attrib["classname"].rpartition(".")[2],
            case.attrib["name"],
            case.find("failure") is not None or case.find("error") is not None,
        )
        for case in ET.parse(report).iter("testcase")
    ]
    return InnerRun(done.returncode, cases, done.stdout + done.stderr)
