"""The vendor's hooks, against the real contracts."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from rbee_core import ErrorCode, Job, ModelRef, RbeeError
from rbee_core.contracts import JobEvent

from rbee_vendor_demo import MODELS, DemoVendor

REFS = [f"demo:{name}" for name in MODELS]


@pytest.fixture
def vendor() -> DemoVendor:
    return DemoVendor()


def test_it_supports_its_own_scheme_only(vendor: DemoVendor) -> None:
    assert vendor.supports_model(ModelRef.parse("demo:stories"))
    assert not vendor.supports_model(ModelRef.parse("hf:org/stories"))


@pytest.mark.parametrize("text", REFS)
def test_what_is_downloaded_is_what_was_promised(vendor: DemoVendor, text: str, tmp_path: Path) -> None:
    ref = ModelRef.parse(text)
    manifest = vendor.resolve_model(ref, Job())
    result = vendor.download_model(ref, tmp_path, Job())

    assert manifest is not None
    assert [(f.name, f.size, f.digest) for f in manifest.files] == [(f.name, f.size, f.digest) for f in result.files]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(MODELS[ref.rest])
    for file in result.files:
        content = (tmp_path / file.name).read_bytes()
        assert file.size == len(content)
        assert file.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_progress_ends_at_the_total(vendor: DemoVendor, tmp_path: Path) -> None:
    events: list[JobEvent] = []
    ref = ModelRef.parse("demo:stories")
    result = vendor.download_model(ref, tmp_path, Job(listener=events.append))

    size = sum(file.size for file in result.files)
    done = [event.data["done"] for event in events]
    assert done == sorted(done)
    assert events[-1].data["done"] == events[-1].data["total"] == size


def test_a_cancelled_job_stops_the_copy(vendor: DemoVendor, tmp_path: Path) -> None:
    job = Job()
    job.cancel()
    with pytest.raises(RbeeError) as caught:
        vendor.download_model(ModelRef.parse("demo:stories"), tmp_path, job)
    assert caught.value.code is ErrorCode.CANCELLED


@pytest.mark.parametrize("hook", ["resolve", "download"])
def test_an_unknown_model_is_refused_with_those_that_exist(vendor: DemoVendor, hook: str, tmp_path: Path) -> None:
    ref = ModelRef.parse("demo:novels")
    with pytest.raises(RbeeError) as caught:
        if hook == "resolve":
            vendor.resolve_model(ref, Job())
        else:
            vendor.download_model(ref, tmp_path, Job())
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    assert "novels" in caught.value.message
    assert all(known in caught.value.hint for known in REFS)


def test_importing_the_vendor_loads_nothing_heavy() -> None:
    heavy = ["numpy", "torch", "gguf", "tokenizers", "safetensors", "pydantic"]
    code = f"import sys, rbee_vendor_demo; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("text", REFS)
def test_a_part_of_a_file_is_read_where_it_is(vendor: DemoVendor, text: str, tmp_path: Path) -> None:
    ref = ModelRef.parse(text)
    vendor.download_model(ref, tmp_path, Job())
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        for start, length in ((0, 8), (100, 50), (len(whole) - 3, 10), (len(whole), 5)):
            assert vendor.read_model(ref, path.name, start, length, Job()) == whole[start : start + length]
    assert vendor.read_model(ref, "../data/SHA256SUMS", 0, 8, Job()) is None
