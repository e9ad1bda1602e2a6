"""``rbee run`` and how workers are started, watched and ended; with a worker that misbehaves as told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil  # noqa: TID253
import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.drive_worker import wait_until

from .conftest import Toys, group_of


def run(home: RbeeHome, folder: Path, *options: str, toy: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    env = {"TOY": toy, **more.pop("env", {})}
    return home("run", "toy", "hello", "--path", str(folder), "--backend", "cpu", *options, env=env, **more)


def serve(home: RbeeHome, folder: Path, toy: str = "") -> dict[str, Any]:
    done = home("serve", "toy", "--detach", "--json", "--path", str(folder), env={"TOY": toy})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def running(home: RbeeHome) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(home("ps", "--json").stdout)["workers"]
    return rows


def test_a_third_partys_worker_answers(toy_home: RbeeHome, toys: Toys) -> None:
    done = run(toy_home, toys.make())
    assert done.returncode == 0, done.stderr
    assert done.stdout == "echo: hello\n"
    assert "Plan: toy-worker-cpu on CPU-0 (" in done.stderr
    assert "Starting toy-worker-cpu with toy on CPU-0." in done.stderr
    (entry,) = json.loads((toy_home.models / "catalog.json").read_text())["models"]
    assert entry["last_used_at"], "the quota spares what was used lately"
    assert running(toy_home) == []


def test_json_is_one_document_with_the_counts(toy_home: RbeeHome, toys: Toys) -> None:
    done = run(toy_home, toys.make(), "--json", "--system", "Be brief.")
    answer = json.loads(done.stdout)
    assert answer.pop("durationMs") >= 0
    assert answer == {
        "text": "echo: Be brief.\n\nhello",
        "tokensGenerated": 2,
        "promptTokens": None,
        "worker": "toy-worker-cpu",
        "device": "CPU-0",
    }
    assert done.stderr == ""


def test_the_prompt_may_come_from_standard_input(toy_home: RbeeHome, toys: Toys) -> None:
    folder = str(toys.make())
    for prompt in ([], ["-"]):
        done = toy_home("run", "toy", *prompt, "--path", folder, stdin="from a pipe")
        assert done.stdout == "echo: from a pipe\n", done.stderr
    done = toy_home("run", "toy", "--path", folder, stdin=" \n")
    assert done.returncode == 2
    assert "prompt is empty" in done.stderr


@pytest.mark.parametrize(("toy", "part"), [("crash", "ended with status 1"), ("segfault", "crashed (SIGSEGV)")])
def test_a_worker_that_crashes_at_its_start_is_told_with_its_log(
    toy_home: RbeeHome, toys: Toys, toy: str, part: str
) -> None:
    done = run(toy_home, toys.make(), "--json", toy=toy)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "WORKER_START_FAILED")
    assert part in error["message"]
    assert "toy worker says hello" in error["message"]
    log = Path(error["hint"].partition(": ")[2])
    assert "toy worker says hello" in log.read_text()
    assert running(toy_home) == []


def test_a_worker_that_never_gets_ready_is_ended(toy_home: RbeeHome, toys: Toys) -> None:
    done = run(toy_home, toys.make(timeout=0.5), "--json", toy="never")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "WORKER_START_FAILED")
    assert "was not ready after" in error["message"]
    assert running(toy_home) == []


def test_an_answer_that_breaks_off_is_a_failure(toy_home: RbeeHome, toys: Toys) -> None:
    done = run(toy_home, toys.make(), toy="cut")
    assert done.returncode == 1
    assert "cut off" in done.stderr


def test_ctrl_c_while_a_worker_starts_ends_it(toy_home: RbeeHome, toys: Toys) -> None:
    folder = str(toys.make())
    process = toy_home.start("run", "toy", "hi", "--path", folder, env={"TOY": "never"})
    wait_until(lambda: running(toy_home), 60)
    (row,) = running(toy_home)
    assert row["status"] == "starting"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    wait_until(lambda: not group_of(row["pid"]))
    assert running(toy_home) == []


def test_detached_workers_are_listed_logged_and_stopped(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make())
    assert set(started) == {"id", "url", "pid", "port", "model", "worker"}
    assert started["url"] == f"http://127.0.0.1:{started['port']}"
    assert (started["model"], started["worker"]) == ("toy", "toy-worker-cpu")
    (row,) = running(toy_home)
    assert {key: row[key] for key in started} == started
    assert row["status"] == "ready"
    assert row["startedAt"].endswith("Z")
    logs = toy_home("logs", started["id"])
    assert logs.stdout == "toy worker says hello\n"
    assert toy_home("logs", started["id"], "--lines", "0").stdout == ""
    stopped = toy_home("stop", started["id"], "--json")
    assert json.loads(stopped.stdout) == {"stopped": [started["id"]]}
    assert running(toy_home) == []
    assert not psutil.pid_exists(started["pid"]) or not group_of(started["pid"])
    assert toy_home("logs", started["id"]).stdout == "toy worker says hello\n"
    again = toy_home("stop", started["id"], "--json")
    assert json.loads(again.stderr)["error"]["code"] == "WORKER_NOT_FOUND"


def test_a_stubborn_worker_and_what_it_started_are_killed(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make(grace=0.2), "stubborn")
    assert len(group_of(started["pid"])) == 2
    assert toy_home("stop", "--all").returncode == 0
    assert group_of(started["pid"]) == []


def test_a_note_on_a_process_that_is_gone_or_another_is_dropped(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make())
    note = toy_home.path / "state" / "workers" / f"{started['id']}.json"
    data = json.loads(note.read_text())
    # The same process id, begun at another time: somebody else's process, which must not be touched.
    note.write_text(json.dumps({**data, "began": data["began"] - 1000}))
    assert running(toy_home) == []
    assert not note.exists()
    assert psutil.pid_exists(started["pid"])
    for text in ("", "{}", json.dumps({**data, "pid": 0}), json.dumps({**data, "pid": -1})):
        note.write_text(text)
        assert running(toy_home) == []
    note.write_text(json.dumps(data))
    assert toy_home("stop", "--all").returncode == 0
    assert running(toy_home) == []


def test_a_worker_that_crashed_is_seen_until_it_is_stopped(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make())
    log = Path(toy_home.path / "state" / "logs" / f"{started['id']}.log")
    with log.open("a") as file:
        file.write("ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory\n")
    os.killpg(started["pid"], signal.SIGKILL)
    wait_until(lambda: not group_of(started["pid"]))
    (row,) = running(toy_home)
    assert (row["id"], row["status"], row["reason"]) == (started["id"], "crashed", "the device's memory is full")
    shown = toy_home("ps")
    assert "crashed" in shown.stdout
    assert f"rbee logs {started['id']}" in shown.stderr
    assert toy_home("stop", started["id"]).returncode == 0
    assert running(toy_home) == []


def test_a_worker_that_ended_because_it_was_idle_is_no_crash(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make())
    with Path(toy_home.path / "state" / "logs" / f"{started['id']}.log").open("a") as file:
        file.write("stopping: no request for 600 s\n")
    os.killpg(started["pid"], signal.SIGKILL)
    wait_until(lambda: not group_of(started["pid"]))
    assert running(toy_home) == []


def test_logs_follow_until_the_worker_ends(toy_home: RbeeHome, toys: Toys) -> None:
    started = serve(toy_home, toys.make())
    following = toy_home.start("logs", started["id"], "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == "toy worker says hello\n"
    log = toy_home.path / "state" / "logs" / f"{started['id']}.log"
    with log.open("a") as file:
        file.write("and more\n")
    assert following.stdout.readline() == "and more\n"
    toy_home("stop", started["id"])
    assert following.wait(30) == 0
    following.communicate()


def test_a_running_worker_cannot_be_removed(toy_home: RbeeHome, toys: Toys) -> None:
    serve(toy_home, toys.make())
    done = toy_home("workers", "rm", "toy-worker-cpu")
    assert done.returncode == 1
    assert "Stop it first" in done.stderr
    assert run(toy_home, toys.make()).returncode == 0


def test_serve_in_the_foreground_ends_with_ctrl_c_and_tells_when_the_worker_does(
    toy_home: RbeeHome, toys: Toys
) -> None:
    folder = str(toys.make())
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        process = toy_home.start("serve", "toy", "--json", "--path", folder)
        wait_until(lambda: [row for row in running(toy_home) if row["status"] == "ready"], 60)
        (row,) = running(toy_home)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == status, errors
        assert json.loads(output)["pid"] == row["pid"]
        assert group_of(row["pid"]) == []
    process = toy_home.start("serve", "toy", "--path", folder)
    wait_until(lambda: [row for row in running(toy_home) if row["status"] == "ready"], 60)
    (row,) = running(toy_home)
    os.killpg(row["pid"], signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"{row['id']} crashed (SIGKILL" in errors


@pytest.mark.parametrize(
    ("options", "code", "parts"),
    [
        (["--backend", "cuda"], "BACKEND_UNAVAILABLE", ["devices: CPU-0", "toy-worker-cpu: is for cpu, not cuda"]),
        (["--device", "GPU-7"], "BACKEND_UNAVAILABLE", ["has no device GPU-7"]),
    ],
)
def test_what_cannot_be_chosen_lists_the_reasons(
    toy_home: RbeeHome, toys: Toys, options: list[str], code: str, parts: list[str]
) -> None:
    done = toy_home("run", "toy", "hi", "--json", "--path", str(toys.make()), *options)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, code)
    for part in parts:
        assert part in error["message"]


def test_a_format_that_no_worker_loads_and_a_device_that_is_not_there_say_so(toy_home: RbeeHome, toys: Toys) -> None:
    absent = toy_home("run", "toy", "hi", "--json", "--path", str(toys.make()), env={"RBEE_FORCE_CPU": "[]"})
    error = json.loads(absent.stderr)["error"]
    assert error["code"] == "WORKER_NOT_FOUND"
    assert "toy-worker-cpu: no cpu device: set by RBEE_FORCE_CPU" in error["message"]
    catalog = toy_home.models / "catalog.json"
    catalog.write_text(catalog.read_text().replace('"gguf"', '"onnx"'))
    done = toy_home("run", "toy", "hi", "--json", "--path", str(toys.make()))
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "WORKER_NOT_FOUND"
    assert "toy-worker-cpu: loads gguf, and the model is onnx" in error["message"]


def test_what_is_planned_for_another_machine_is_not_run_on_this_one(toy_home: RbeeHome, toys: Toys) -> None:
    done = run(toy_home, toys.make(), "--json", env={"RBEE_FORCE_PLATFORM": "macos/sparc"})
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "BACKEND_UNAVAILABLE")
    assert "RBEE_FORCE_PLATFORM says it is macos/sparc" in error["message"]
    assert "rbee plan" in error["hint"]


def test_a_retired_model_runs_only_when_asked_for(toy_home: RbeeHome, toys: Toys) -> None:
    assert toy_home("models", "retire", "toy").returncode == 0
    folder = toys.make()
    refused = run(toy_home, folder)
    assert refused.returncode == 1
    assert "--allow-retired" in refused.stderr
    assert run(toy_home, folder, "--allow-retired").stdout == "echo: hello\n"


def test_a_reader_that_leaves_ends_the_run(toy_home: RbeeHome, toys: Toys) -> None:
    process = toy_home.start("run", "toy", "hi", "--path", str(toys.make()))
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.wait(60) == 1
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
    process.stderr.close()
    assert running(toy_home) == []


def test_a_port_that_is_taken_is_not_mistaken_for_the_worker(toy_home: RbeeHome, toys: Toys) -> None:
    folder = str(toys.make())
    first = serve(toy_home, toys.make())
    done = toy_home("serve", "toy", "--detach", "--json", "--path", folder, "--port", str(first["port"]))
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "WORKER_START_FAILED")
    assert f"127.0.0.1:{first['port']}" in error["message"]
    assert [row["id"] for row in running(toy_home)] == [first["id"]]


def test_nothing_runs_and_nothing_is_asked(rbee: RbeeHome) -> None:
    assert json.loads(rbee("ps", "--json").stdout) == {"workers": []}
    assert rbee("stop").returncode == 2
    assert rbee("stop", "--all").returncode == 0
    assert rbee("logs", "../../etc/passwd").returncode == 1


def test_secrets_of_the_person_do_not_reach_the_worker(toy_home: RbeeHome, toys: Toys) -> None:
    folder = str(toys.make())
    done = toy_home("serve", "toy", "--detach", "--json", "--path", folder, env={"HF_TOKEN": "x", "A_FLAG": "y"})
    environment = psutil.Process(json.loads(done.stdout)["pid"]).environ()
    assert environment["A_FLAG"] == "y"
    assert "HF_TOKEN" not in environment
