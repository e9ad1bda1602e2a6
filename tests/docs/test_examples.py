"""The example plugins, as a stranger's: built, installed from the wheel, and put through their own tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.markdown import ROOT
from support.stranger import Environment

#: The speech worker's tests are of its own: they build it.
EXAMPLES = sorted(path.parent for path in (ROOT / "docs/examples").glob("rbee-[!w]*-*/pyproject.toml"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_an_example_passes_its_own_tests_and_the_check(folder: Path, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "env")
    environment.install(folder)
    # `-P`: what is tested is what is installed, not the folder.
    tests = environment.run("python", "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert tests.returncode == 0, tests.stdout[-6000:]
    home = {"RBEE_HOME": str(tmp_path / "home")}
    checked = environment.run("rbee", "plugins", "check", folder.name, "--strict", "--json", cwd=tmp_path, env=home)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (row,) = json.loads(checked.stdout)["results"]
    assert (row["outcome"], row["findings"]) == ("pass", [])


@pytest.mark.slow
def test_the_examples_have_the_types_they_say() -> None:
    packages = [str(folder / folder.name.replace("-", "_")) for folder in EXAMPLES]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *packages], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_whole_distribution(folder: Path) -> None:
    for name in ("README.md", "LICENSE", ".gitignore", ".github/workflows/ci.yml", "tests"):
        assert (folder / name).exists(), name
    assert (folder / folder.name.replace("-", "_") / "py.typed").exists()
