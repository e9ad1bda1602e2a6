"""Files that are here already: copied, linked only where that is safe, opened only if they are files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.transfer import Tally, copy_file, hash_file, link_file, open_regular

DATA = b"GGUF" + bytes(100_000)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(DATA)
    path.chmod(0o644)
    return path


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "store" / "sub" / "m.gguf"


def test_a_copy_has_its_digest(source: Path, dest: Path) -> None:
    tally = Tally(Job(), len(DATA))
    file = copy_file(source, dest, tally, name="m.gguf")
    assert (file.size, file.digest) == (len(DATA), DIGEST)
    assert dest.read_bytes() == DATA
    assert tally.job.recorded_digest(dest) == DIGEST
    assert tally.done == len(DATA)


def test_a_copy_never_writes_through_an_old_link(source: Path, dest: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    dest.parent.mkdir(parents=True)
    os.link(precious, dest)
    copy_file(source, dest, Tally(Job()), name="m.gguf")
    assert precious.read_bytes() == b"precious"
    assert dest.read_bytes() == DATA


def test_a_link_replaces_what_was_there(source: Path, dest: Path) -> None:
    dest.parent.mkdir(parents=True)
    dest.write_bytes(b"old")
    assert link_file(source, dest)
    assert dest.read_bytes() == DATA


def test_a_link_is_to_the_file_not_to_the_symbolic_link(source: Path, dest: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(source)
    assert link_file(alias, dest)
    assert not dest.is_symlink()
    assert dest.read_bytes() == DATA


@pytest.mark.parametrize("mode", [0o646, 0o666, 0o606])
def test_what_others_can_write_is_not_linked(source: Path, dest: Path, mode: int) -> None:
    source.chmod(mode)
    if link_file(source, dest):  # cloned: an independent file
        assert not source.samefile(dest)
    else:
        assert not dest.exists()


def test_what_belongs_to_another_is_not_linked(source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: source.stat().st_uid + 1)
    if link_file(source, dest):
        assert not source.samefile(dest)
    else:
        assert not dest.exists()


def test_linking_is_refused_across_file_systems_without_a_trace(
    source: Path, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_args: object, **_kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    if not link_file(source, dest):
        assert not dest.exists()


@pytest.mark.timeout(20)
def test_only_files_are_opened(tmp_path: Path, dest: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        for attempt in (
            lambda path=path: open_regular(path),
            lambda path=path: copy_file(path, dest, Tally(Job()), name="x"),
            lambda path=path: link_file(path, dest),
            lambda path=path: hash_file(path, Tally(Job()), name="x"),
        ):
            with pytest.raises(RbeeError) as caught:
                attempt()
            assert caught.value.code is ErrorCode.UNSAFE_PATH


def test_a_cancelled_copy_stops(source: Path, dest: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(RbeeError) as caught:
        copy_file(source, dest, Tally(job), name="m.gguf")
    assert caught.value.code is ErrorCode.CANCELLED
