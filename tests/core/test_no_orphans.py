"""What a test starts does not outlive it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rbee_core.process_groups import started_at, wait_gone
from rbee_core.testing import orphans
from rbee_core.testing.cli import RbeeHome

SLEEPS = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
def test_what_was_started_ends_when_the_tests_are_killed() -> None:
    code = (
        "import subprocess, sys; from rbee_core.testing.orphans import bound;"
        f"child = subprocess.Popen(bound({SLEEPS!r}), stdout=subprocess.PIPE, start_new_session=True);"
        "child.stdout.readline(); print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    began = started_at(child)
    assert began is not None
    parent.kill()
    parent.communicate()
    assert wait_gone(child, began, 30)


def test_what_was_started_ends_with_the_test(rbee: RbeeHome) -> None:
    before = orphans.count()
    process = rbee.start("models", "catalog")
    process.communicate(timeout=60)
    sleeper = subprocess.Popen(SLEEPS, stdout=subprocess.PIPE, start_new_session=True)
    orphans.remember(sleeper)
    orphans.end_since(before)
    assert process.returncode == 0
    assert sleeper.returncode is not None
    assert sleeper.returncode != 0
    assert orphans.count() == before
    sleeper.communicate()
