"""The exported contracts: what rbee prints is valid by the schema, and the TypeScript compiles strictly."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import deno
import jsonschema
import pytest

from rbee_core.contracts import (
    Device,
    DownloadResult,
    JobEvent,
    ModelEntry,
    ModelManifest,
    SnakeContract,
    WorkerBinary,
    WorkerHeartbeat,
    WorkerInfo,
)
from rbee_core.testing.cli import run_rbee

DIGEST = "sha256:" + "a" * 64
INFO = {"id": "w", "model_id": "m", "device": "CPU-0", "port": 8080, "status": "ready"}
INFO |= {"implementation": "llm-worker", "version": "1"}

SAMPLES: list[SnakeContract] = [
    ModelEntry(id="a", name="A", source="hf:o/r", path="/x", digest=DIGEST, metadata={"context_length": 1}),
    ModelManifest.model_validate({"files": [{"name": "f", "size": 1, "digest": DIGEST}, {"name": "g"}]}),
    DownloadResult.model_validate({"files": [{"name": "f", "size": 1}]}),
    WorkerBinary(id="w-cpu", worker_type="cpu", platform="linux", path="/w", size=1, version="1"),
    Device(id="CPU-0", backend="cpu", name="c", memory_total=2, memory_free=1, architecture="x86_64"),
    JobEvent(job_id="j", seq=0, actor="a", action="done", human="Done.", timestamp=datetime.now(UTC)),
    WorkerInfo.model_validate(INFO),
    WorkerHeartbeat.model_validate({"worker": INFO}),
]


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    return json.loads(run_rbee("contracts", "export", "--format", "jsonschema").stdout)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_what_is_printed_is_valid(sample: SnakeContract, schema: dict[str, object]) -> None:
    definition = {"$ref": f"#/$defs/{type(sample).__name__}", "$defs": schema["$defs"]}
    validator = jsonschema.Draft202012Validator(definition)
    validator.validate(sample.wire())
    broken = {key: value for key, value in sample.wire().items() if key != next(iter(sample.wire()))}
    assert not validator.is_valid(broken), "a contract without its first field must be refused"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_both_spellings_are_read(sample: SnakeContract) -> None:
    snake = sample.model_dump(mode="json", by_alias=False, exclude_none=True)
    assert type(sample).model_validate(snake) == sample == type(sample).model_validate(sample.wire())


def _type_check(tmp_path: Path, source: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "check.ts").write_text(source)
    # Strict is the compiler's default here; said aloud, so that it stays so.
    (tmp_path / "deno.json").write_text(json.dumps({"compilerOptions": {"strict": True}}))
    env = {**os.environ, "DENO_DIR": str(tmp_path / "cache"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    command = [deno.find_deno_bin(), "check", "check.ts"]
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)


def test_the_typescript_compiles_strictly_and_describes_what_is_printed(tmp_path: Path) -> None:
    exported = run_rbee("contracts", "export", "--format", "typescript").stdout
    values = "\n".join(
        f"export const sample{i}: {type(sample).__name__} = {json.dumps(sample.wire())};"
        for i, sample in enumerate(SAMPLES)
    )
    done = _type_check(tmp_path, exported + values)
    assert done.returncode == 0, done.stderr
    done = _type_check(tmp_path, exported + 'export const bad: ArtifactStatus = "Gone";')
    assert done.returncode != 0
    done = _type_check(tmp_path, exported + 'export const bad: ModelEntry = { id: "a" };')
    assert done.returncode != 0


def test_export_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "contracts.ts"
    done = run_rbee("contracts", "export", "--format", "typescript", "-o", str(target))
    assert done.stdout == ""
    assert "export interface ModelEntry {" in target.read_text()
