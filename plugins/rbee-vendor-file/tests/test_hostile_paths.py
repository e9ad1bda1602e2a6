"""Paths that lead nowhere, in circles, or to something that is no file: a clear word, and never a hang."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rbee_vendor_file import FileVendor

from rbee_core import Job, ModelRef
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import JobOptions
from rbee_core.testing.drive import drive


def resolve(path: Path, job: Job | None = None) -> list[str]:
    manifest = FileVendor().resolve_model(ModelRef.parse(f"file:{path}"), job or Job())
    return [file.name for file in manifest.files]


def refused(path: Path, code: ErrorCode) -> str:
    with pytest.raises(RbeeError) as caught:
        resolve(path)
    assert caught.value.code is code, caught.value
    return f"{caught.value.message} {caught.value.hint}"


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    said = refused(tmp_path / "modle.gguf", ErrorCode.MODEL_NOT_FOUND)
    assert "modle.gguf" in said
    assert "has: model.gguf" in said
    assert "folder is not there" in refused(tmp_path / "no" / "m.gguf", ErrorCode.MODEL_NOT_FOUND)
    refused(tmp_path / "model.gguf" / "m.gguf", ErrorCode.MODEL_NOT_FOUND)


def test_links_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").symlink_to("b.gguf")
    (tmp_path / "b.gguf").symlink_to("a.gguf")
    assert "back to itself" in refused(tmp_path / "a.gguf", ErrorCode.MODEL_NOT_FOUND)
    assert "back to itself" in refused(tmp_path, ErrorCode.MODEL_NOT_FOUND)


def test_folders_in_circles(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert resolve(tmp_path) == ["m.gguf"]


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").symlink_to("../blobs/gone")
    assert "../blobs/gone" in refused(tmp_path / "m.gguf", ErrorCode.MODEL_NOT_FOUND)
    assert "../blobs/gone" in refused(tmp_path, ErrorCode.MODEL_NOT_FOUND)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    assert "named pipe" in refused(tmp_path / "m.gguf", ErrorCode.UNSAFE_PATH)
    assert "named pipe" in refused(tmp_path, ErrorCode.UNSAFE_PATH)
    (tmp_path / "link.gguf").symlink_to("m.gguf")
    assert "named pipe" in refused(tmp_path / "link.gguf", ErrorCode.UNSAFE_PATH)


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's own path has little room
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("m.gguf")
        assert "socket" in refused(tmp_path / "m.gguf", ErrorCode.UNSAFE_PATH)


def test_a_device() -> None:
    assert "device" in refused(Path("/dev/zero"), ErrorCode.UNSAFE_PATH)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    assert "empty" in refused(tmp_path / "m.gguf", ErrorCode.MODEL_NOT_FOUND)


def test_folders_without_a_model(tmp_path: Path) -> None:
    assert "empty folder" in refused(tmp_path, ErrorCode.MODEL_NOT_FOUND)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "model.bin").write_text("x")
    said = refused(tmp_path, ErrorCode.MODEL_NOT_FOUND)
    assert "no GGUF, safetensors or ONNX" in said
    assert "model.bin, notes.txt" in said
    assert "--include" in said


@pytest.mark.parametrize("name", ["a\x1b[31m.gguf", "a\n.gguf", "a\\b.gguf", os.fsdecode(b"a\xff.gguf")])
def test_names_that_a_model_cannot_have(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"GGUF")
    said = refused(tmp_path, ErrorCode.UNSAFE_PATH)
    assert said.isprintable()
    assert "Rename it" in said


def test_a_cancel_is_heard(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    job = Job(options=JobOptions())
    job.cancel()
    with pytest.raises(RbeeError) as caught:
        resolve(tmp_path, job)
    assert caught.value.code is ErrorCode.CANCELLED


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can get into."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize("what", ["file", "folder", "in a folder"])
def test_what_may_not_be_read(open_folder: Path, what: str) -> None:
    folder = open_folder / "sub"
    folder.mkdir()
    file = folder / "m.gguf"
    file.write_bytes(b"GGUF")
    locked = folder if what == "folder" else file
    locked.chmod(0o000)
    asked = file if what == "file" else folder
    try:
        error = drive("resolve_model", f"file:{asked}", user=65534)["error"]
    finally:
        locked.chmod(0o700)
    assert error["code"] == "DOWNLOAD_FAILED"
    assert str(locked) in error["message"]
    assert "Permission denied" in error["message"]
    assert "permissions" in error["hint"]
