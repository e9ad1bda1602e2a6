"""The whole way with the real worker and the demo model: from a reference to words on standard output."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import psutil  # noqa: TID253
import pytest

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.drive_worker import wait_until

from .conftest import group_of

pytestmark = pytest.mark.slow

#: Nothing can be reached: what would be asked of an index or a hub fails at once.
UNREACHABLE = {
    "RBEE_OFFLINE": "1",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


def running(home: RbeeHome) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(home("ps", "--json").stdout)["workers"]
    return rows


def test_a_model_answers_and_the_second_time_needs_no_network(worker_home: RbeeHome) -> None:
    """The home has what a first run leaves: a build and a model."""
    done = worker_home("run", "demo:stories", "Tell me a story.", "--max-tokens", "40", env=UNREACHABLE)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) > 10
    assert done.stdout.endswith("\n")
    assert "is built already" in done.stderr
    assert running(worker_home) == []


def test_json_tells_text_counts_worker_and_device(worker_home: RbeeHome) -> None:
    options = ("--json", "--temperature", "0", "--max-tokens", "12", "--seed", "1", "--context", "256")
    answers = [json.loads(worker_home("run", "demo:stories", "Hello.", *options).stdout) for _ in range(2)]
    assert answers[0]["text"] == answers[1]["text"]
    assert set(answers[0]) == {"text", "tokensGenerated", "promptTokens", "durationMs", "worker", "device"}
    assert 0 < answers[0]["tokensGenerated"] <= 12
    assert answers[0]["promptTokens"] > 0
    assert (answers[0]["worker"], answers[0]["device"]) == ("llm-worker-cpu", "CPU-0")


def test_the_answer_streams_and_ctrl_c_ends_everything(worker_home: RbeeHome) -> None:
    process = worker_home.start("run", "demo:stories", "Tell me a story.", "--temperature", "2")
    (row,) = _ready(worker_home)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    # It may have told its whole story before the signal came.
    assert process.returncode in (130, 0)
    wait_until(lambda: not group_of(row["pid"]))
    assert running(worker_home) == []


def _ready(home: RbeeHome) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = running(home)
        return bool(found)

    wait_until(look)
    return found


def test_the_worker_does_not_outlive_a_killed_run(worker_home: RbeeHome) -> None:
    process = worker_home.start("serve", "demo:stories")
    wait_until(lambda: [row for row in running(worker_home) if row["status"] == "ready"])
    (row,) = running(worker_home)
    family = group_of(row["pid"])
    assert len(family) == 2  # the front and the engine
    process.kill()
    process.communicate()
    wait_until(lambda: not group_of(row["pid"]))
    assert running(worker_home) == []


def test_a_served_model_speaks_openais_api_until_it_is_stopped(worker_home: RbeeHome, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-of-the-test\n")
    done = worker_home("serve", "demo:stories", "--detach", "--json", "--api-key-file", str(key), "--parallel", "2")
    assert done.returncode == 0, done.stderr
    started = json.loads(done.stdout)
    assert (started["model"], started["worker"]) == ("demo:stories", "llm-worker-cpu")
    assert started["id"].startswith("stories-cpu-")
    client = openai.OpenAI(base_url=f"{started['url']}/v1", api_key="sk-of-the-test", max_retries=0)
    answer = client.chat.completions.create(
        model=started["model"], messages=[{"role": "user", "content": "Hello."}], max_tokens=8
    )
    assert answer.choices[0].message.content
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{started['url']}/v1", api_key="no", max_retries=0).models.list()
    assert [row["id"] for row in running(worker_home)] == [started["id"]]
    assert "sk-of-the-test" not in " ".join(psutil.Process(started["pid"]).cmdline())
    assert "ready on" in worker_home("logs", started["id"], "-n", "5").stdout
    assert len(group_of(started["pid"])) == 2
    assert worker_home("stop", started["id"]).returncode == 0
    assert group_of(started["pid"]) == []


def test_a_host_that_others_can_reach_needs_a_key(worker_home: RbeeHome) -> None:
    done = worker_home("serve", "demo:stories", "--detach", "--json", "--host", "0.0.0.0")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "WORKER_START_FAILED")
    assert "give an API key" in error["message"]


def test_a_port_that_is_taken_is_told(worker_home: RbeeHome) -> None:
    first = json.loads(worker_home("serve", "demo:stories", "--detach", "--json").stdout)
    done = worker_home("serve", "demo:stories", "--detach", "--json", "--port", str(first["port"]))
    assert done.returncode == 1
    assert "Address already in use" in json.loads(done.stderr)["error"]["message"]


def test_a_broken_model_file_is_told(worker_home: RbeeHome, tmp_path: Path) -> None:
    worker_home.path.joinpath("models").unlink()
    model = tmp_path / "broken.gguf"
    whole = Path(os.path.realpath(__file__)).parents[2] / "plugins/rbee-vendor-demo/rbee_vendor_demo/data/stories.gguf"
    model.write_bytes(whole.read_bytes()[:100_000])
    done = worker_home("run", str(model), "hi", "--json")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "WORKER_START_FAILED")
    assert "broken.gguf" in error["message"]
    assert running(worker_home) == []


def test_more_context_than_the_worker_can_is_wrong_usage(worker_home: RbeeHome) -> None:
    done = worker_home("run", "demo:stories", "hi", "--context", "99999999")
    assert done.returncode == 2
    assert "131072" in done.stderr


def test_a_conversation_remembers_and_ends_with_its_input(worker_home: RbeeHome) -> None:
    """On a terminal, without a prompt."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rbee_core", "run", "demo:stories", "--max-tokens", "8", "--temperature", "0"],
        env=clean_env(worker_home.environment),
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(slave)
    os.write(master, b"Hello there.\nWhat is your name?\n\x04")
    output, errors = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 0, errors
    assert len([line for line in output.splitlines() if line.strip()]) == 2
    assert "Ctrl-D ends it" in errors


def test_a_worker_that_nobody_asks_ends_by_itself_and_is_no_crash(worker_home: RbeeHome) -> None:
    done = worker_home("serve", "demo:stories", "--idle-timeout", "1", "--json", timeout=120)
    started = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "no request for 1 s" in worker_home("logs", started["id"]).stdout
    assert json.loads(worker_home("ps", "--json").stdout) == {"workers": []}
