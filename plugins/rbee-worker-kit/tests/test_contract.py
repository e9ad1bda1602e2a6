"""What workers restate of rbee's is what rbee says; its OpenAPI document is the one in ``docs/``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from rbee_worker_kit.contract import WorkerInfo, WorkerStatus

from rbee_core import contracts

ROOT = Path(__file__).parents[3]


def _bare(schema: Any) -> Any:
    """A schema without its prose, its titles and its openness to future fields."""
    if isinstance(schema, dict):
        dropped = ("title", "description", "additionalProperties")
        return {key: _bare(value) for key, value in schema.items() if key not in dropped}
    return schema


def test_the_contract_of_workers_is_the_cores() -> None:
    assert _bare(WorkerInfo.model_json_schema()) == _bare(contracts.WorkerInfo.model_json_schema())
    assert list(WorkerStatus) == list(contracts.WorkerStatus)


def test_the_openapi_document_is_true_of_the_code() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "openapi" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.DOCUMENT.read_text(encoding="utf-8") == module.generate(), "run: python docs/openapi/generate.py"
