"""The engine's parts, in the worker's own environment: one process computes, the tests look at what it found."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.drive_worker import started_worker
from rbee_core.testing.workers import build_once, environment_python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VARIANT, MODEL = "transformers-worker-cpu", "demo:stories-safetensors"
BATCHED = ("llama", "mistral", "gemma3_text", "gpt2", "bloom", "qwen3_moe")
ALONE = ("mamba", "lfm2")


@pytest.fixture(scope="module")
def home(shared_home: RbeeHome) -> RbeeHome:
    """The shared home, with this worker and its model."""
    build_once(shared_home, VARIANT, MODEL)
    return shared_home


@pytest.fixture(scope="module")
def python(home: RbeeHome) -> Path:
    """The interpreter of the worker's environment."""
    return environment_python(home, VARIANT)


@pytest.fixture(scope="module")
def found(home: RbeeHome, python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``in_environment.py`` found."""
    model = json.loads(home("models", "show", MODEL, "--json").stdout)["path"]
    script = Path(__file__).with_name("in_environment.py")
    done = subprocess.run(
        [python, script, model, tmp_path_factory.mktemp("models")],
        env=clean_env({"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}),
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


@pytest.mark.parametrize("kind", BATCHED + ALONE)
def test_together_each_gets_what_it_gets_alone_and_what_the_model_itself_generates(
    found: dict[str, Any], kind: str
) -> None:
    run = found[kind]
    assert run["same_as_alone"]
    assert run["same_as_generate"]
    assert run["distinct"] == 5, "answers that are all alike prove nothing"


@pytest.mark.parametrize("kind", BATCHED)
def test_five_requests_together_take_fewer_passes_than_one_after_the_other(found: dict[str, Any], kind: str) -> None:
    """Three at once, of five: they join and leave while the others run."""
    run = found[kind]
    assert (run["runner"], run["widest"]) == ("Rows", 3)
    # Alone: 24 to 28 tokens, of which the first comes from reading the prompt; the longest prompt is read in two parts.
    assert run["passes_alone"] == sum(24 + n for n in range(5)) + 1
    assert run["passes_together"] < run["passes_alone"] / 2


@pytest.mark.parametrize("kind", ALONE)
def test_recurrent_models_are_computed_side_by_side(found: dict[str, Any], kind: str) -> None:
    assert found[kind]["runner"] == "OneByOne"
    assert found[kind]["widest"] == 3


def test_sequences_that_fill_the_context_while_others_join(found: dict[str, Any]) -> None:
    assert found["long_life"]["same"]
    assert found["long_life"]["tokens"] > 30


def test_one_that_goes_away_and_a_step_that_fails_leave_the_others_alone(found: dict[str, Any]) -> None:
    assert found["faults"] == {
        "cancelled": 5, "others": True, "error": "The engine failed: RuntimeError: out of luck", "after": True,
    }  # fmt: skip


def test_keys_and_values_can_be_stored_in_another_type(found: dict[str, Any]) -> None:
    assert found["kv_f16"] == {"runner": "Rows", "tokens": 24}


def test_sampling(found: dict[str, Any]) -> None:
    """Logits 0, 1, 2, 3 and -1; token 3 is the likeliest, with 0.64, then token 2."""
    drawn = found["sampling"]
    assert drawn["all"] == [0, 1, 2, 3, 4]
    assert drawn["top_k"] == drawn["top_p"] == drawn["min_p"] == [2, 3]
    assert drawn["same_seed"]
    assert 1000 < drawn["flat"] < 2000  # of 2000 possible ones, 1264 in 2000 draws on average
    assert (drawn["frequency"], drawn["presence"], drawn["repetition"], drawn["bias"]) == (2, 2, 2, 4)
    token, top, share = drawn["top"]
    assert (token, top) == (3, [3, 2])
    assert 0.86 < share < 0.88
    assert "damaged" in drawn["broken"]


def test_text_comes_in_whole_characters_and_stop_strings_are_seen_across_tokens(found: dict[str, Any]) -> None:
    text = found["text"]
    assert text["whole"] == "Ein B\u00e4r und \u732b \U0001f408 end"
    assert not text["broken"]
    assert text["tokens"] > len(text["whole"].split())
    assert text["until"] == "Ein B\u00e4r "
    assert (text["held"], text["freed"]) == ("Ein B\u00e4r und \u732b \U0001f408 ", "end")


def test_nothing_that_comes_with_a_model_is_run(found: dict[str, Any]) -> None:
    foreign = found["foreign"]
    assert "foreign code is never run" in foreign["own"]
    assert foreign["known"] == "LlamaForCausalLM"
    assert "no .safetensors file (there is pytorch_model.bin)" in foreign["pickled"]
    assert foreign["ran"] is False


def test_an_encoder_makes_embeddings(found: dict[str, Any], python: Path, tmp_path: Path) -> None:
    made = found["encoder"]
    texts = ["A cat.", "The dog sat on the old mat by the door."]
    with started_worker(python, tmp_path, "--model", made["folder"], module="rbee_worker_transformers") as worker:
        worker.until_ready()
        status, answer = worker.post("/v1/embeddings", {"input": texts})
        assert status == 200
        assert [row["index"] for row in answer["data"]] == [0, 1]
        for row, expected in zip(answer["data"], made["vectors"], strict=True):
            assert row["embedding"] == pytest.approx(expected, abs=1e-4)
        assert answer["usage"]["prompt_tokens"] > 10
        _, short = worker.post("/v1/embeddings", {"input": texts[0], "encoding_format": "base64"})
        raw = base64.b64decode(short["data"][0]["embedding"])
        assert struct.unpack("<32f", raw) == pytest.approx(made["vectors"][0], abs=1e-4)
        status, answer = worker.post("/v1/embeddings", {"input": "word " * 600})
        assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")
        status, answer = worker.post("/v1/completions", {"prompt": "A"})
        assert (status, answer["error"]["code"]) == (400, "unsupported_task")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "config.json cannot be read"),
        ({"config.json": "[]"}, "is not a JSON object"),
        ({"config.json": "{nope"}, "is not JSON"),
        ({"config.json": "{}"}, "has no .safetensors file"),
        ({"config.json": "{}", "model.bin": "x"}, "there is model.bin"),
        ({"config.json": "{}", "model.safetensors": "x"}, "has no tokenizer.json"),
    ],
)
def test_a_folder_that_is_no_model_is_told_at_once(
    python: Path, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        [python, "-m", "rbee_worker_transformers", "--model", tmp_path],
        env=clean_env(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
