"""Lint, formatting, types and import layers: the same commands that CONTRIBUTING.md names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

CHECKS = {
    "ruff": ["ruff", "check", "--output-format", "concise", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
}


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_check(check: str) -> None:
    program, *arguments = CHECKS[check]
    done = subprocess.run([str(BIN / program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_address_of_a_package_index_is_tracked() -> None:
    # Spelt in pieces, or this file would be the first to break the rule.
    hosts = ["pypi" + ".org", "python" + "hosted", "registry" + ".npmjs", "deb" + ".debian"]
    guilty = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in _tracked()
        for text in [path.read_bytes()]
        for host in hosts
        if host.encode() in text
    ]
    assert not guilty


def test_no_lock_file_is_tracked() -> None:
    assert not _tracked("*uv.lock", "*package-lock.json")


def test_files_stay_small() -> None:
    most = {True: 450, False: 400}  # a file of tests, or of a training text, is read a piece at a time
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _tracked("*.py")
        for lines in [len(path.read_text().splitlines())]
        if lines > most[bool({"tests", "training"} & set(path.parts))]
    }
    assert not long
