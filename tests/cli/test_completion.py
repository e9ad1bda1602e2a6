"""What completion answers, asked as the shells' scripts ask: by the environment, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbee_core.cli import complete
from rbee_core.plugins import records
from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import VENDOR, PluginFolder

#: Asks several things of one process, as the console script would, and tells in the end what is loaded.
ASK = """
import io, json, os, sys
sys.argv = ["rbee"]
from rbee_core.__main__ import main
from rbee_core.cli import output
real, answers = sys.stdout, []
for typed in json.loads(sys.stdin.read()):
    os.environ["_TYPER_COMPLETE_ARGS"] = typed
    output.config.cache_clear()
    sys.stdout = io.StringIO()
    main()
    answers.append(sys.stdout.getvalue().splitlines())
json.dump({"answers": answers, "modules": sorted(sys.modules)}, real)
"""
HEAVY = {"rich", "pluggy", "huggingface_hub", "fsspec", "numpy", "s3fs", "packaging"}


def ask(
    rbee: RbeeHome, *typed: str, shell: str = "fish", env: dict[str, str] | None = None
) -> tuple[list[list[str]], set[str]]:
    """The candidates for each command line, and what the process has loaded; nothing else may be printed."""
    whole = {**rbee.environment, "_RBEE_COMPLETE": f"complete_{shell}", **(env or {})}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=clean_env(whole), input=json.dumps(typed), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = json.loads(done.stdout)
    return [[line.partition("\t")[0] for line in lines] for lines in found["answers"]], set(found["modules"])


def catalog(rbee: RbeeHome, *ids: str) -> Path:
    """A catalog of these ids."""
    rbee.models.mkdir(parents=True, exist_ok=True)
    entries = [{"id": name, "name": name.title(), "source": f"demo:{name}", "path": ""} for name in ids]
    whole = {"version": "2.0", "pool_id": "here", "updated_at": "2026-01-01T00:00:00Z", "models": entries}
    file = rbee.models / "catalog.json"
    file.write_text(json.dumps(whole))
    return file


def note_of_a_worker(rbee: RbeeHome, name: str, pid: int, status: str = "ready") -> None:
    """A worker's note and its log, as the one that started it leaves them."""
    import psutil

    began = psutil.Process(pid).create_time() if psutil.pid_exists(pid) else 1.0
    for folder in ("workers", "logs"):
        (rbee.path / "state" / folder).mkdir(parents=True, exist_ok=True)
    note = {"id": name, "pid": pid, "began": began, "model": "stories", "status": status}
    (rbee.path / "state" / "workers" / f"{name}.json").write_text(json.dumps(note))
    (rbee.path / "state" / "logs" / f"{name}.log").write_text("")


def test_models_and_references(rbee: RbeeHome) -> None:
    catalog(rbee, "stories", "ollama:llama3.2", "strange")
    answers, loaded = ask(
        rbee,
        "rbee models show st",
        "rbee models verify stories oll",
        "rbee run ",
        "rbee models resolve s",
        "rbee models resolve ./",
        "RBEE_OFFLINE=1 rbee models pin sto",
        "rbee models import ",
    )
    assert answers[0] == ["stories", "strange"]
    assert answers[1] == ["ollama:llama3.2"]
    assert {"stories", "ollama:llama3.2", "hf:", "demo:", "s3://", "https://", "file:"} <= set(answers[2])
    assert answers[3] == ["stories", "strange", "s3://"]
    assert answers[4] == []  # a path: the shell completes files
    assert answers[5] == ["stories"]
    assert answers[6] == ["hf", "ollama", "lmstudio"]
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert not {name for name in loaded if name.startswith(("rbee_vendor", "rbee_backend", "rbee_worker"))}
    assert len(loaded) <= 380


def test_commands_options_and_closed_values(rbee: RbeeHome) -> None:
    answers, _ = ask(
        rbee,
        "rbee pl",
        "rbee plugins en",
        "rbee plugins list --st",
        "rbee plugins list --status ",
        "rbee run x --kv-type=q8",
        "rbee contracts export --format ",
        "rbee --show-completion ",
        "rbee --version ",
    )
    assert answers[0] == ["plan", "plugins"]
    assert answers[1] == ["enable"]
    assert answers[2] == ["--status"]
    assert answers[3] == ["active", "disabled", "error", "incompatible", "conflict"]
    assert answers[4] == ["--kv-type=q8_0"]
    assert answers[5] == ["jsonschema", "typescript"]
    assert answers[6] == ["bash", "zsh", "fish", "powershell", "pwsh"]
    assert "models" in answers[7]  # and no version in between


def test_plugins_of_which_none_is_imported(tmp_path: Path, rbee: RbeeHome) -> None:
    folder = PluginFolder(tmp_path / "site")
    mark = "open('{marker}', 'w').close()\nraise ImportError('gone')\n"
    folder.add("vendor", "toy", mark + VENDOR)
    folder.add("vendor", "toy", mark + VENDOR, dist="rbee-vendor-rival")
    folder.add("backend", "toygpu", mark)
    folder.add("worker", "toyworker", mark, attribute="")
    folder.add("command", "toycommand", mark, attribute="app")
    env = {"PYTHONPATH": str(folder.path), "RBEE_DISABLE_PLUGINS": "toygpu"}
    answers, loaded = ask(
        rbee,
        "rbee toy",
        "rbee toycommand ",
        "rbee toycommand do ",
        "rbee models resolve toy",
        "rbee plugins show toy",
        "rbee plugins disable toyg",
        "rbee plugins enable ",
        "rbee plugins prefer toy ",
        "rbee run x --backend toy",
        "rbee workers show toy",
        "rbee plugins install rbee-vendor-f",
        env=env,
    )
    assert not folder.marker.exists()
    assert answers[0] == ["toycommand"]
    assert answers[1] == answers[2] == []
    assert answers[3] == ["toy:"]
    assert set(answers[4]) == {"toy", "toygpu", "toyworker", "toycommand"}
    assert answers[5] == []
    assert answers[6] == ["toygpu", "rbee-backend-toygpu"]
    assert answers[7] == ["rbee-vendor-rival", "rbee-vendor-toy"]
    assert answers[8] == []
    assert answers[10] == []  # it is installed
    assert len(loaded) <= 380


def test_what_is_on_record_and_gone_can_be_uninstalled_or_taken_over(rbee: RbeeHome) -> None:
    entry = {"requirement": "toy", "restore": "toy==1", "origin": "index", "name": "rbee-vendor-toy", "version": "1.0"}
    lists = {os.path.realpath(sys.prefix): [entry], "/elsewhere": [entry, {**entry, "name": "other"}]}
    (rbee.path / "config").mkdir(parents=True)
    file = rbee.path / "config" / "plugins-installed.json"
    file.write_text(json.dumps({"version": 1, "environments": lists}))
    answers, loaded = ask(rbee, "rbee plugins uninstall rbee-vendor-t", "rbee plugins sync --from ")
    assert answers == [["rbee-vendor-toy"], ["/elsewhere"]]
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    file.write_text("broken")
    answers, _ = ask(rbee, "rbee plugins sync --from ", "rbee plugins uninstall rbee-vendor-dem")
    assert answers == [[], ["rbee-vendor-demo"]]


def test_workers_found_built_running_and_logged(tmp_path: Path, rbee: RbeeHome) -> None:
    local = tmp_path / "shelf" / "mine"
    local.mkdir(parents=True)
    (local / "worker.toml").write_text('[worker]\nid = "mine"\n[build]\nfeatures = ["cpu", "npu"]\n')
    broken = tmp_path / "shelf" / "broken"
    broken.mkdir()
    (broken / "worker.toml").write_text("[worker\n")
    (rbee.path / "data" / "workers" / "llm-worker-cpu").mkdir(parents=True)
    note_of_a_worker(rbee, "stories-cpu-1a2b", os.getpid())
    note_of_a_worker(rbee, "stories-cpu-dead", 2**22 - 1)
    note_of_a_worker(rbee, "stories-cpu-bang", os.getpid(), "crashed")
    (rbee.path / "state" / "workers" / "half.json").write_text("{")
    answers, _ = ask(
        rbee,
        f"rbee workers show --path {tmp_path / 'shelf'} m",
        "rbee workers build llm-worker-c",
        "rbee workers rm ",
        "rbee stop ",
        "rbee logs stories-cpu-d",
    )
    assert answers[0] == ["mine", "mine-cpu", "mine-npu"]
    assert answers[1] == ["llm-worker-cpu", "llm-worker-cuda"]
    assert answers[2] == ["llm-worker-cpu"]
    assert answers[3] == ["stories-cpu-1a2b"]
    assert answers[4] == ["stories-cpu-dead"]
    assert (rbee.path / "state" / "workers" / "stories-cpu-dead.json").exists()  # nothing was tidied up


def test_devices_are_those_that_were_seen_last(rbee: RbeeHome) -> None:
    forced = json.dumps([{"name": "H200", "memoryTotal": 2, "memoryFree": 2, "architecture": "sm_90"}] * 2)
    env = {"RBEE_FORCE_CUDA": forced, "RBEE_FORCE_ROCM": "[", "RBEE_FORCE_METAL": "[]"}
    before, _ = ask(rbee, "rbee run x --device ")
    assert before == [[]]
    assert rbee("hardware").returncode == 0
    answers, _ = ask(rbee, "rbee run x --device ", "rbee run x --device GPU-0,", "rbee plan x --backend cu", env=env)
    assert answers[0] == ["CPU-0", "GPU-0", "GPU-1"]
    assert answers[1] == ["GPU-0,CPU-0", "GPU-0,GPU-1"]
    assert answers[2] == ["cuda"]
    for broken in ("{", '{"devices": [1]}', '{"devices": {"cpu": 3, "npu": [4, "NPU-0"]}}'):
        (rbee.path / "state" / "devices.json").write_text(broken)
        answers, _ = ask(rbee, "rbee run x --device ")
        assert answers == [["NPU-0"] if "NPU-0" in broken else []]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"models": 3}', '{"models": [3, {"id": 5}]}', "[" * 100_000])
def test_a_broken_catalog_is_left_as_it_is_and_says_nothing(rbee: RbeeHome, content: str) -> None:
    file = catalog(rbee, "stories")
    file.rename(file.with_name("catalog.json.bak"))
    file.write_text(content)
    answers, _ = ask(rbee, "rbee models show ", "rbee run dem")
    readable = content.startswith('{"models": [')
    assert answers[0] == ([] if readable else ["stories"])  # those of the backup
    assert answers[1] == ["demo:"]
    assert file.read_text() == content
    assert sorted(path.name for path in rbee.models.iterdir()) == ["catalog.json", "catalog.json.bak"]


def test_broken_settings_say_nothing_either(rbee: RbeeHome) -> None:
    catalog(rbee, "stories")
    answers, _ = ask(rbee, "rbee models show ", "rbee mod", "rbee plugins show dem", env={"RBEE_PLUGINS": "maybe"})
    assert answers == [["stories"], ["models"], ["demo"]]
    (rbee.path / "config").mkdir(parents=True)
    (rbee.path / "config" / "rbee.toml").write_text("= broken")
    answers, _ = ask(rbee, "rbee models show ", "rbee mod", "rbee plugins show dem", "rbee stop ")
    assert answers == [[], ["models"], ["demo"], []]  # where the models are stands in what is broken


def test_an_instruction_that_nobody_knows_does_nothing(rbee: RbeeHome) -> None:
    for instruction in ("complete_tcsh", "rm", ""):
        done = rbee("models", "rm", "x", env={"_RBEE_COMPLETE": instruction, "_TYPER_COMPLETE_ARGS": "rbee "})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_script_of_a_shell_by_name_or_path(rbee: RbeeHome) -> None:
    bash = rbee("--show-completion", "bash").stdout
    assert "complete -o default -F _rbee_completion rbee" in bash
    assert rbee("--show-completion", "/usr/local/bin/bash").stdout == bash
    assert "compdef _rbee_completion rbee" in rbee("--show-completion", "zsh").stdout
    assert "complete --command rbee" in rbee("--show-completion", "fish").stdout
    assert "Register-ArgumentCompleter" in rbee("--show-completion", "pwsh").stdout
    wrong = rbee("--show-completion", "tcsh")
    assert wrong.returncode == 2
    assert "fish" in wrong.stderr


def test_what_could_be_installed_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    every = records.scan()
    others = [record for record in every if record.dist != "rbee-vendor-ollama"]
    monkeypatch.setattr(records, "scan", lambda: others)
    assert [name for name, _ in complete.installable("")] == ["rbee-vendor-ollama"]
