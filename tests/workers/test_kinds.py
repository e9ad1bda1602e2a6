"""Workers that are none of language models: what ``rbee run`` asks of them, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome, clean_env

from .conftest import Toys

#: Speaks a WAV file of two samples, of unknown length, in chunks; what is said to it is its input.
SPEECH = r"""
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == "/v1/audio/speech", self.path
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        unknown = b"\xff\xff\xff\xff"
        head = b"RIFF" + unknown + b"WAVEfmt \x10\0\0\0" + bytes(16) + b"data" + unknown
        for piece in (head, asked["input"].encode()):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if TOY != "cut":
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True
"""


@pytest.fixture
def voice(toys: Toys) -> Path:
    """A toy worker of the kind ``speech``."""
    package = toys.make()
    recipe, program = package / "worker.toml", package / "__main__.py"
    recipe.write_text(recipe.read_text().replace('license = "MIT"', 'license = "MIT"\nkind = "speech"'))
    source = program.read_text()
    start, end = source.index("\n    def do_POST"), source.index("\n\nThreadingHTTPServer")
    program.write_text(source[:start] + SPEECH + source[end:])
    return package


def run(home: RbeeHome, folder: Path, *options: str, toy: str = "") -> subprocess.CompletedProcess[str]:
    return home("run", "toy", "abcd", "--path", str(folder), "--backend", "cpu", *options, env={"TOY": toy})


def test_a_voice_speaks_into_a_file_that_tells_its_length(toy_home: RbeeHome, voice: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    done = run(toy_home, voice, "--output", str(file))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"Wrote {file} (48 bytes)." in done.stderr
    sound = file.read_bytes()
    assert sound[44:] == b"abcd"
    assert (int.from_bytes(sound[4:8], "little"), int.from_bytes(sound[40:44], "little")) == (40, 4)

    broken = run(toy_home, voice, "--output", str(file), toy="cut")
    assert broken.returncode == 1
    assert "The worker broke off" in broken.stderr
    assert file.read_bytes() == sound, "what breaks off leaves an older file as it was"
    assert [path.name for path in tmp_path.glob("out*")] == ["out.wav"]

    command = [sys.executable, "-m", "rbee_core", "run", "toy", "abcd", "--path", str(voice), "--backend", "cpu"]
    piped = subprocess.run(command, env=clean_env(toy_home.environment), capture_output=True, check=True)
    assert piped.stdout[:4] + piped.stdout[44:] == b"RIFFabcd"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--json",), "Speech is not written beside --json."),
        (("-o", "x.wav", "--max-tokens", "3"), "--max-tokens means nothing to a voice"),
        (("-o", "/no/such/folder/x.wav"), "there is no folder /no/such/folder"),
    ],
)
def test_what_a_voice_cannot_do_is_refused_before_it_is_built(
    toy_home: RbeeHome, voice: Path, options: tuple[str, ...], message: str
) -> None:
    done = run(toy_home, voice, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Building" not in done.stderr


def test_another_kind_is_served_and_not_run(toy_home: RbeeHome, voice: Path) -> None:
    recipe = voice / "worker.toml"
    recipe.write_text(recipe.read_text().replace('"speech"', '"picture"'))
    done = run(toy_home, voice, "--json")
    assert done.returncode == 2
    error = json.loads(done.stderr)["error"]
    assert "'picture'" in error["message"]
    assert "rbee serve" in error["hint"]
    refused = json.loads(toy_home("plan", "toy", "--path", str(voice), "--context", "9", "--json").stdout)
    assert {row["reason"] for row in refused["candidates"] if row["variant"] == "toy-worker-cpu"} == {
        "is of the kind picture, for which --context means nothing"
    }
    served = toy_home("serve", "toy", "--path", str(voice), "--backend", "cpu", "--detach", "--json")
    assert served.returncode == 0, served.stderr


def test_a_text_goes_into_a_file_too(toy_home: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    file = tmp_path / "answer.txt"
    done = run(toy_home, toys.make(), "-o", str(file))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert file.read_text() == "echo: abcd"


def test_a_worker_says_what_its_models_files_are_called(toy_home: RbeeHome, voice: Path) -> None:
    recipe = voice / "worker.toml"
    recipe.write_text(recipe.read_text() + 'required_files = ["*.voice", "*.gguf"]\n')
    plan = json.loads(toy_home("plan", "toy", "--path", str(voice), "--json").stdout)
    assert {row["reason"] for row in plan["candidates"] if row["variant"] == "toy-worker-cpu"} == {
        "loads models with a file *.voice, and this one has none"
    }
