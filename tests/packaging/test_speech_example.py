"""A community worker that is none of language: installed from its wheel, built, planned for, run, served and asked.

It is ``docs/examples/rbee-worker-speech``, and not of this workspace. The environment has nothing of the checkout.
"""

from __future__ import annotations

import io
import json
import subprocess
import tomllib
import wave
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from shutil import copyfile
from typing import Any

import openai
import pytest
import uv

from support.stranger import Environment

from .distributions import ROOT, Distribution
from .place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLE = ROOT / "docs/examples/rbee-worker-speech"
RATE = 22050


@pytest.fixture(scope="module")
def heard() -> Callable[[bytes, int], str]:
    """The example's own ears."""
    spec = spec_from_file_location("ears", EXAMPLE / "tests/conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    listen: Callable[[bytes, int], str] = module.recogniser()
    return listen


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, dists: dict[str, Distribution]) -> Iterator[Place]:
    """rbee with a backend and a vendor, and a folder that has the worker's wheel and all that it needs."""
    place = Place.make(tmp_path_factory.mktemp("speech"))
    place.put(dists[name].wheel for name in ("rbee-core", "rbee-worker-kit", "rbee-backend-cpu", "rbee-vendor-file"))
    build = [uv.find_uv_bin(), "build", "-q", "--wheel", "-o", str(place.folder), str(EXAMPLE)]
    subprocess.run(build, check=True)
    recipe = tomllib.loads((EXAMPLE / "rbee_worker_speech/worker.toml").read_text(encoding="utf-8"))
    place.fetch("rbee-backend-cpu", "rbee-vendor-file", "rbee-worker-kit", *recipe["build"]["pip"]["requirements"])
    place.pip("install", "rbee-backend-cpu", "rbee-vendor-file")
    copyfile(EXAMPLE / "voices/english.voice", place.home / "english.voice")
    (wheel,) = place.folder.glob("*.whl")
    shown = place.rbee("plugins", "install", str(wheel), status=1).stderr
    assert "rbee-worker-speech 0.1.0" in shown
    assert "--yes" in shown
    place.rbee("plugins", "install", str(wheel), "--yes")
    yield place
    place.rbee("stop", "--all")


def test_it_is_found_and_sound(place: Place) -> None:
    (row,) = [row for row in place.json("plugins", "list")["plugins"] if row["kind"] == "worker"]
    assert (row["name"], row["dist"], row["status"]) == ("speech", "rbee-worker-speech", "active")
    (checked,) = place.json("plugins", "check", "rbee-worker-speech", "--strict")["results"]
    assert (checked["outcome"], checked["findings"]) == ("pass", [])
    (worker,) = place.json("workers", "list")["workers"]
    assert (worker["id"], worker["version"], worker["source"]) == ("speech", "0.1.0", "package")
    shown = place.json("workers", "show", "speech")
    assert shown["capabilities"]["requiredFiles"] == ["*.voice"]
    assert "maxContextLength" not in shown["capabilities"]


def test_a_plan_knows_of_no_context(place: Place) -> None:
    plan = place.json("plan", "./english.voice")
    chosen = plan["chosen"]
    assert (chosen["variant"], chosen["device"], chosen["contextLength"], chosen["kvType"]) == (
        *("speech-cpu", "CPU-0"),
        *(None, None),
    )
    assert 0 < chosen["memoryRequired"] < 1 << 29
    assert [part["kv"] for part in plan["memory"]] == [0]
    said = place.rbee("plan", "./english.voice").stdout
    assert "on the CPU: " in said
    assert "context" not in said
    assert "KV cache" not in said
    copyfile(place.home / "english.voice", place.home / "english.txt")
    refused = place.json("plan", "./english.txt", status=1)["candidates"]
    assert [row["reason"] for row in refused] == ["loads models with a file *.voice, and this one has none"]
    refused = place.json("plan", "./english.voice", "--context", "512", status=1)["candidates"]
    assert [row["cause"] for row in refused] == ["option"]


def test_it_is_run_and_what_it_says_is_understood(place: Place, heard: Callable[[bytes, int], str]) -> None:
    done = place.rbee("run", "./english.voice", "Open the red door.", "--output", "door.wav")
    assert done.stdout == ""
    assert heard(*_samples((place.home / "door.wav").read_bytes())) == "open the red door"
    told = json.loads(place.rbee("run", "./english.voice", "x", "-o", "x.wav", "--json").stdout)
    assert (told["worker"], told["device"], told["output"]) == ("speech-cpu", "CPU-0", "x.wav")
    assert told["size"] == (place.home / "x.wav").stat().st_size
    wrong = place.rbee("run", "./english.voice", "x", "--json", status=2)
    assert "--output FILE.wav" in json.loads(wrong.stderr)["error"]["hint"]
    wrong = place.rbee("run", "./english.voice", "x", "-o", "x.wav", "--seed", "1", status=2)
    assert "--seed means nothing to a voice" in wrong.stderr


def test_it_is_served_and_asked_by_openais_client(place: Place, heard: Callable[[bytes, int], str]) -> None:
    started = place.json("serve", "./english.voice", "--detach")
    assert started["worker"] == "speech-cpu"
    client = openai.OpenAI(base_url=f"{started['url']}/v1", api_key="none", max_retries=0, timeout=60)
    asked: Any = {"model": started["model"], "voice": "default"}
    assert [model.id for model in client.models.list()] == [started["model"]]
    for order in ("close the blue window", "paint the green table"):
        answer = client.audio.speech.create(**asked, input=f"{order}.", response_format="pcm")
        assert heard(answer.content, RATE) == order
    text = "The quick brown fox jumps over the lazy dog. " * 90
    with client.audio.speech.with_streaming_response.create(**asked, input=text, response_format="wav") as sound:
        pieces = list(sound.iter_bytes(1 << 16))
    assert pieces[0].startswith(b"RIFF")
    assert sum(map(len, pieces)) > 2 * RATE * 120, "two minutes at least"
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.speech.create(**asked, input="x", response_format="mp3")
    assert caught.value.param == "response_format"
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="tts-1", voice="default", input="x")
    (row,) = place.json("ps")["workers"]
    assert (row["id"], row["worker"], row["status"]) == (started["id"], "speech-cpu", "ready")
    place.rbee("stop", started["id"])
    assert place.json("ps")["workers"] == []


def test_its_own_tests_pass(tmp_path: Path) -> None:
    environment = Environment.make(tmp_path / "env")
    environment.install(EXAMPLE)
    # `-P`: what is tested is what is installed, not the folder.
    tests = environment.run("python", "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=EXAMPLE, limit=500)
    assert tests.returncode == 0, tests.stdout[-6000:]


def _samples(sound: bytes) -> tuple[bytes, int]:
    """A WAV file's samples, and how many there are a second."""
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = file.readframes(file.getnframes())
        assert len(samples) == 2 * file.getnframes(), "the length that it tells is its length"
        return samples, file.getframerate()
