"""Where workers are found, through ``rbee workers list``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rbee_core.plugins.missing import no_plugin
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import make_dist

TOML = """
[worker]
id = "{id}"
name = "A worker"
description = "Does things"
license = "MIT"
{more}
[build]
features = [{features}]
default_feature = "cpu"
"""


def folder(
    path: Path, worker_id: str, *, features: str = '"cpu"', more: str = 'version = "1.0"', tail: str = ""
) -> Path:
    path.mkdir(parents=True)
    (path / "worker.toml").write_text(TOML.format(id=worker_id, features=features, more=more) + tail)
    return path


def rows(rbee: RbeeHome, *options: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = rbee("workers", "list", "--json", *options, env=env)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["workers"]
    assert [row["id"] for row in listed] == sorted(row["id"] for row in listed)
    return {row["id"]: row for row in listed}


def test_our_worker_is_found_by_its_entry_point(rbee: RbeeHome) -> None:
    row = rows(rbee)["llm-worker"]
    assert (row["source"], row["dist"], row["license"]) == ("package", "rbee-worker-llm", "Apache-2.0")
    assert row["defaultFeature"] == "cpu"
    assert row["capabilities"]["supportedFormats"] == ["gguf"]
    assert [variant["id"] for variant in row["variants"]] == [
        f"llm-worker-{feature}" for feature in ("cpu", "cuda", "rocm", "metal")
    ]
    variant = row["variants"][0]
    assert (variant["feature"], variant["buildable"], variant["reason"]) == ("cpu", True, None)


def test_folders_and_trees_of_folders_are_searched(rbee: RbeeHome, tmp_path: Path) -> None:
    single = folder(tmp_path / "single", "single-worker")
    folder(tmp_path / "bin" / "30_llm", "tree-worker")
    folder(tmp_path / "bin" / "community" / "audio", "audio-worker")
    (tmp_path / "bin" / "not-a-worker").mkdir()
    env = {"RBEE_WORKERS_PATH": str(tmp_path / "bin")}
    found = rows(rbee, "--path", str(single), env=env)
    sources = {name: row["source"] for name, row in found.items() if row["source"] != "package"}
    assert sources == {"single-worker": "local", "tree-worker": "local", "audio-worker": "community"}


def test_a_package_is_never_imported_to_list_its_worker(rbee: RbeeHome, tmp_path: Path) -> None:
    site = tmp_path / "site"
    make_dist(
        site,
        "rbee-worker-x",
        "3.2",
        {"rbee.workers": {"x-worker": "x_worker"}},
        {
            "x_worker/__init__.py": "raise SystemExit('imported')",
            "x_worker/worker.toml": TOML.format(id="x-worker", features='"cpu"', more=""),
        },
    )
    row = rows(rbee, env={"PYTHONPATH": str(site)})["x-worker"]
    assert (row["version"], row["source"], row["dist"], row["status"]) == ("3.2", "package", "rbee-worker-x", "ok")


def test_one_broken_worker_is_a_row_with_its_reason_and_hurts_no_other(rbee: RbeeHome, tmp_path: Path) -> None:
    site = tmp_path / "site"
    entries = {"lost-worker": "no_such_package", "renamed-worker": "renamed", "bare-worker": "bare"}
    modules = {
        "renamed/__init__.py": "",
        "renamed/worker.toml": TOML.format(id="other-name", features='"cpu"', more=""),
        "bare/__init__.py": "",
    }
    make_dist(site, "rbee-worker-broken", "1.0", {"rbee.workers": entries}, modules)
    folder(tmp_path / "bin" / "bad", "bad-worker", features='"cuda"')
    missing = tmp_path / "missing"
    env = {"PYTHONPATH": str(site), "RBEE_WORKERS_PATH": f"{tmp_path / 'bin'}{os.pathsep}{missing}"}
    found = rows(rbee, env=env)
    assert found["llm-worker"]["status"] == "ok"
    reasons = {name: row["reason"] for name, row in found.items() if row["status"] == "error"}
    assert "no package no_such_package" in reasons["lost-worker"]
    assert "'other-name'" in reasons["renamed-worker"]
    assert "No such file" in reasons["bare-worker"]
    assert "build.default_feature: is 'cpu'; allowed: cuda" in reasons["bad"]
    assert "no such folder" in reasons["missing"]
    assert all(found[name]["variants"] == [] for name in reasons)
    shown = rbee("workers", "build", "bad", "--json", env=env)
    assert shown.returncode == 1
    assert "allowed: cuda" in json.loads(shown.stderr)["error"]["message"]


def test_two_workers_of_one_id_are_an_error_that_names_both_places(rbee: RbeeHome, tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one", "same-worker"), folder(tmp_path / "two", "same-worker")
    options = ("--path", str(one), "--path", str(two))
    done = rbee("workers", "list", "--json", *options)
    same = [row for row in json.loads(done.stdout)["workers"] if row["id"] == "same-worker"]
    assert len(same) == 2
    for row in same:
        assert str(one) in row["reason"]
        assert str(two) in row["reason"]
        assert row["variants"] == []
    done = rbee("workers", "build", "same-worker", "--json", *options)
    error = json.loads(done.stderr)["error"]
    assert done.returncode == 1
    assert error["code"] == "PLUGIN_CONFLICT"
    assert str(one) in error["message"]
    assert str(two) in error["message"]


def test_one_folder_named_twice_is_one_worker(rbee: RbeeHome, tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "one-worker")
    (tmp_path / "link").symlink_to(one)
    found = rows(rbee, "--path", str(one), "--path", str(tmp_path / "link"), env={"RBEE_WORKERS_PATH": str(one)})
    assert found["one-worker"]["status"] == "ok"


@pytest.mark.parametrize(
    ("tail", "features", "forced", "reason"),
    [
        ('system = "pip"\npip = {}\n[run]\nentry = ["x", "{port}", "{model}"]', '"cpu"', "", None),
        ("", '"cpu"', "", "does not say how it is built"),
        ('system = "pip"\npip = {}', '"cpu"', "", "does not say how it is started"),
        (
            'system = "pip"\npip = {}\n[run]\nentry = ["{port}", "{model}"]\n[platforms]\nmacos = ["aarch64"]',
            '"cpu"', "linux/x86_64", "not for linux",
        ),
        (
            'system = "pip"\npip = {}\n[run]\nentry = ["{port}", "{model}"]\n[platforms]\nlinux = ["aarch64"]',
            '"cpu"', "linux/x86_64", "not for linux/x86_64: only aarch64",
        ),
        (
            'system = "pip"\npip = {}\n[run]\nentry = ["{port}", "{model}"]\n[platforms]\nlinux = ["riscv64"]',
            '"cpu"', "linux/riscv64", None,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(
    rbee: RbeeHome, tmp_path: Path, tail: str, features: str, forced: str, reason: str | None
) -> None:
    path = folder(tmp_path / "w", "a-worker", features=features, tail=tail)
    env = {"RBEE_FORCE_PLATFORM": forced} if forced else {}
    (variant,) = rows(rbee, "--path", str(path), env=env)["a-worker"]["variants"]
    assert variant["buildable"] == (reason is None)
    assert reason is None or reason in variant["reason"]


def test_a_missing_backend_is_named_with_what_to_install(rbee: RbeeHome, tmp_path: Path) -> None:
    tail = 'system = "pip"\npip = {}\n[run]\nentry = ["{port}", "{model}"]'
    path = folder(tmp_path / "w", "a-worker", features='"cpu", "npu"', tail=tail)
    variants = {v["feature"]: v for v in rows(rbee, "--path", str(path))["a-worker"]["variants"]}
    assert variants["cpu"]["buildable"]
    assert not variants["npu"]["buildable"]
    assert "No plugin for the backend 'npu'" in variants["npu"]["reason"]
    # One of ours is named with the line that installs it.
    assert "pip install rbee-backend-rocm" in no_plugin("backend", "rocm").message


def test_a_path_that_is_no_folder_is_wrong_usage(rbee: RbeeHome, tmp_path: Path) -> None:
    done = rbee("workers", "list", "--path", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert "no such folder" in done.stderr


def test_a_malformed_forced_platform_is_wrong_usage(rbee: RbeeHome) -> None:
    done = rbee("workers", "list", env={"RBEE_FORCE_PLATFORM": "linux"})
    assert done.returncode == 2
    assert "linux/x86_64" in done.stderr


def test_an_unknown_worker_is_not_found(rbee: RbeeHome) -> None:
    for command in ("show", "build", "rm"):
        done = rbee("workers", command, "no-such-worker", "--json")
        assert done.returncode == 1
        assert json.loads(done.stderr)["error"]["code"] == "WORKER_NOT_FOUND"


def test_show_tells_how_it_is_built_and_started(rbee: RbeeHome) -> None:
    done = rbee("workers", "show", "llm-worker-cpu", "--json")
    data = json.loads(done.stdout)
    assert data["id"] == "llm-worker"
    assert data["build"]["pip"]["includeSelf"] is True
    assert any("xllamacpp==" in requirement for requirement in data["build"]["pip"]["requirements"])
    assert data["run"]["protocol"] == "openai"
    assert data["installed"] == []
