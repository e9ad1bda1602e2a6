"""The estimate beside what llama.cpp really allocates: the worker's engine loads models of different shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import QUICK, Case, compare
from .engine import load
from .ggufs import write_model

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_the_estimate_is_near_what_is_allocated(case: Case, tmp_path: Path, worker_python: Path) -> None:
    found = compare(case, tmp_path, worker_python)
    assert -5 < found.error() < 10
    assert abs(found.error("weights")) < 0.5
    assert abs(found.error("kv")) < 0.5
    assert -5 < found.error("compute") < 15


def test_a_model_that_the_engine_refuses_is_told(tmp_path: Path, worker_python: Path) -> None:
    model = QUICK[1].model()
    del model.tensors["blk.0.attn_k.weight"]
    with pytest.raises(RuntimeError, match=r"blk\.0\.attn_k"):
        load(worker_python, write_model(tmp_path / "m.gguf", model), context=512, parallel=1)
