"""A part of a file is read where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rbee_vendor_file import FileVendor

from rbee_core import ErrorCode, Job, ModelRef, RbeeError

DATA = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"):
        (tmp_path / name).write_bytes(name.encode() + DATA)
    return tmp_path


def test_any_part_of_any_of_its_files(folder: Path) -> None:
    ref, job = ModelRef.parse(str(folder)), Job()
    for file in folder.iterdir():
        whole = file.read_bytes()
        for start, length in ((0, 0), (0, 10), (5000, 777), (len(whole) - 4, 100), (len(whole) + 9, 1)):
            assert FileVendor().read_model(ref, file.name, start, length, job) == whole[start : start + length]


def test_no_other_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("private")
    (folder.parent / "secret.gguf").write_text("private")
    ref, job = ModelRef.parse(str(folder / "m-00001-of-00002.gguf")), Job()
    for name in ("notes.txt", "../secret.gguf", "", "."):
        assert FileVendor().read_model(ref, name, 0, 7, job) is None


def test_what_became_something_else_is_refused_at_once(folder: Path) -> None:
    ref, job, vendor = ModelRef.parse(str(folder)), Job(), FileVendor()
    assert vendor.read_model(ref, "m-00001-of-00002.gguf", 0, 1, job) == b"m"
    (folder / "m-00001-of-00002.gguf").unlink()
    os.mkfifo(folder / "m-00001-of-00002.gguf")
    with pytest.raises(RbeeError) as caught:
        vendor.read_model(ref, "m-00001-of-00002.gguf", 0, 1, job)
    assert caught.value.code is ErrorCode.UNSAFE_PATH
    (folder / "m-00002-of-00002.gguf").unlink()
    with pytest.raises(RbeeError) as caught:
        vendor.read_model(ref, "m-00002-of-00002.gguf", 0, 1, job)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
