"""What a model makes: vectors, text in the shape that was asked for, or nothing this worker has a use for."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from rbee_worker_llm.model_task import Task, task_of

from rbee_core.testing.drive_worker import Worker, started_worker

from .tiny_encoder import CONTEXT, WIDTH, write_encoder


@pytest.fixture(scope="module")
def encoder(worker_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker with a model that makes embeddings."""
    folder = tmp_path_factory.mktemp("encoder")
    arguments = ("--model", str(write_encoder(folder / "encoder.gguf")), "--parallel", "2", "--context", str(CONTEXT))
    with started_worker(worker_python, folder, *arguments) as worker:
        worker.until_ready()
        yield worker


@pytest.mark.slow
def test_embeddings_are_vectors_of_length_one_in_the_order_of_the_texts(encoder: Worker) -> None:
    client = openai.OpenAI(base_url=f"{encoder.url}/v1", api_key="none", max_retries=0, timeout=60)
    texts = ["the cat", "the dog", "a story", "the cat"]
    found = client.embeddings.create(model="encoder", input=texts, encoding_format="float")
    vectors = [item.embedding for item in found.data]
    assert [item.index for item in found.data] == [0, 1, 2, 3]
    assert {len(vector) for vector in vectors} == {WIDTH}
    for vector in vectors:
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)
    assert vectors[0] == pytest.approx(vectors[3], abs=1e-4)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-2)
    assert found.usage.prompt_tokens > 0


@pytest.mark.slow
def test_a_model_that_makes_vectors_is_not_asked_for_text(encoder: Worker) -> None:
    status, answer = encoder.post("/v1/completions", {"prompt": "the cat"})
    assert status == 400
    assert "embeddings" in answer["error"]["message"]


@pytest.mark.slow
def test_a_text_longer_than_the_context_is_refused(encoder: Worker) -> None:
    status, answer = encoder.post("/v1/embeddings", {"input": "cat " * (CONTEXT + 1)})
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded"), answer


@pytest.mark.slow
def test_an_answer_keeps_to_the_json_schema_it_is_given(worker_python: Path, demo_model: Path, tmp_path: Path) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "animal": {"enum": ["cat", "dog", "fox"]},
            "age": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "required": ["animal", "age"],
        "additionalProperties": False,
    }
    with started_worker(worker_python, tmp_path, "--model", str(demo_model), "--context", "512") as worker:
        worker.until_ready()
        client = openai.OpenAI(base_url=f"{worker.url}/v1", api_key="none", max_retries=0, timeout=60)
        answer = client.chat.completions.create(
            model="stories",
            messages=[{"role": "user", "content": "Tell me about an animal."}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "animal", "schema": schema, "strict": True},
            },
            max_tokens=100,
            seed=1,
        )
    text = answer.choices[0].message.content
    assert text
    jsonschema.validate(json.loads(text), schema)


@pytest.mark.slow
def test_a_model_that_ranks_is_refused_with_its_reason(worker_python: Path, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "ranker.gguf", pooling=4)
    with started_worker(worker_python, tmp_path, "--model", str(model)) as worker:
        assert worker.process.wait(60) == 1
        assert "reranker" in worker.log.read_text()


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _header(*pairs: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


ARCHITECTURE = _text("general.architecture") + struct.pack("<I", 8) + _text("qwen3")
TAGS = _text("general.tags") + struct.pack("<IIQ", 9, 8, 1) + _text("a tag")
COUNTS = _text("qwen3.attention.head_count_kv") + struct.pack("<IIQ3i", 9, 5, 3, 1, 2, 3)
POOLING = _text("qwen3.pooling_type") + struct.pack("<II", 4, 3)
MEAN = _text("qwen3.pooling_type") + struct.pack("<II", 4, 1)
RANK = _text("qwen3.pooling_type") + struct.pack("<II", 4, 4)
ENCODER = _text("general.architecture") + struct.pack("<I", 8) + _text("nomic-bert")
UNPOOLED = _text("qwen3.pooling_type") + struct.pack("<II", 4, 0)
ODD = _text("odd") + struct.pack("<I", 99)
ENDLESS = _text("odd") + struct.pack("<IQ", 8, 2**60)
DEEP = _text("odd") + struct.pack("<IIQ", 9, 9, 2**60)


@pytest.mark.parametrize(
    ("data", "task"),
    [
        (_header(ARCHITECTURE, TAGS, COUNTS, POOLING), Task("embedding")),
        (_header(ARCHITECTURE, TAGS, COUNTS, POOLING, version=2), Task("embedding")),
        (_header(ARCHITECTURE, MEAN), Task("embedding", in_one_piece=True)),
        (_header(ENCODER, UNPOOLED), Task("embedding", in_one_piece=True)),
        (_header(ARCHITECTURE, RANK), Task(None)),
        (_header(ARCHITECTURE, UNPOOLED), Task("completion")),
        (_header(ARCHITECTURE), Task("completion")),
        (_header(ODD, POOLING), Task("completion")),
        (_header(ENDLESS, POOLING), Task("completion")),
        (_header(DEEP, POOLING), Task("completion")),
        (_header(ARCHITECTURE, POOLING)[:-1], Task("completion")),
        (_header(ARCHITECTURE, POOLING, version=9), Task("completion")),
        (b"no model at all", Task("completion")),
        (b"", Task("completion")),
    ],
)
def test_the_header_tells_what_a_model_makes(tmp_path: Path, data: bytes, task: Task) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    assert task_of(path) == task
