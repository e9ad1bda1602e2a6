"""``plugins new``: which names it takes, what it writes, and that it writes all or nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rbee_core.testing.cli import RbeeHome, clean_env, run_rbee
from rbee_core.testing.dists import VENDOR, PluginFolder

KINDS = ("vendor", "backend", "worker", "command")
#: The shortest and the longest name there may be: what is filled in is to be in format with either.
SHORT, LONG = "zq", "zq-3456789-123456789-123456789-1234567-a"
ROOT = Path(__file__).parents[2]

#: Runs several command lines in one process, as the console script would, and tells how each ended.
SEVERAL = """
import contextlib, io, json, sys
from rbee_core.cli.app import main
ends = []
for line in json.loads(sys.stdin.read()):
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        try:
            main(line)
            ends.append((0, ""))
        except SystemExit as end:
            ends.append((end.code or 0, err.getvalue()))
json.dump(ends, sys.__stdout__)
"""

REFUSED: list[tuple[str, str, str]] = [
    # what it is made of
    ("vendor", "Shelf", "lower-case letters and digits"),
    ("vendor", "my_shelf", "For example: my-shelf"),
    ("vendor", "shelf!", "For example: shelf"),
    ("vendor", "-shelf", "shelf"),
    ("vendor", "my--shelf", "For example: my-shelf"),
    ("vendor", "shelf-", "For example: shelf"),
    ("vendor", "3d", "a letter first"),
    ("vendor", "s", "2 to 40"),
    ("vendor", "", "2 to 40"),
    ("worker", "a" * 41, "41 characters; a name has at most 40"),
    ("vendor", "sh.elf", "the scheme of its references"),
    ("worker", "../up", "the worker's id"),
    ("backend", "h\u00f6lle", "the kind of hardware"),
    ("command", "a b", "cannot be the command"),
    # what is put before it by itself
    ("vendor", "rbee-vendor-shelf", "Say the short form: rbee plugins new vendor shelf"),
    ("vendor", "rbee-worker-shelf", "Say the short form: rbee plugins new worker shelf"),
    ("command", "rbee_command_shelf", "Say the short form: rbee plugins new command shelf"),
    ("backend", "rbee-shelf", "Say the short form: rbee plugins new backend shelf"),
    ("vendor", "rbee-vendor-x", "begins as the distribution will"),
    # Python's
    ("command", "async", "a word of the Python language"),
    ("vendor", "match", "a word of the Python language"),
    ("vendor", "json", "Python's standard library"),
    ("backend", "platform", "Python's standard library"),
    # rbee's
    ("command", "models", "`rbee models` is a command of rbee itself"),
    ("command", "recipes", "comes with rbee-recipes, which is first-party"),
    ("vendor", "hf", "comes with rbee-vendor-huggingface, which is first-party"),
    ("vendor", "oci", "which is first-party"),
    ("vendor", "registry", "rbee-vendor-registry is a first-party distribution"),
    ("backend", "cuda", "comes with rbee-backend-cuda, which is first-party"),
    ("worker", "llm-worker", "comes with rbee-worker-llm, which is first-party"),
    ("worker", "llm", "rbee-worker-llm is a first-party distribution"),
    ("worker", "kit", "rbee-worker-kit is a first-party distribution"),
    ("worker", "voice-cpu", "Leave it out: voice is then built as voice-cpu"),
    # somebody else's
    ("vendor", "toy", "rbee-vendor-toy 1.0 is installed here"),
    ("vendor", "taken", "others 1.0 is installed here and has the vendor 'taken'"),
    # no kind
    ("plugin", "shelf", "vendor, backend, worker, command"),
]
WRONG_OPTIONS: list[tuple[list[str], str]] = [
    (["--license", "Free"], "SPDX identifier"),
    (["--license", ""], "SPDX identifier"),
    (["--author", "Ada <ada"], "Ada Lovelace <ada@example.org>"),
    (["--author", "Ada <a da@example.org>"], "Ada Lovelace <ada@example.org>"),
    (["--author", "A\nda"], "Ada Lovelace <ada@example.org>"),
    (["--author", ""], "Ada Lovelace <ada@example.org>"),
]


def new(rbee: RbeeHome, where: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, as somebody of whom git knows nothing."""
    git = {"GIT_CONFIG_GLOBAL": str(where / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    return run_rbee("plugins", "new", *arguments, env={**rbee.environment, **git, **env}, cwd=where)


def made(rbee: RbeeHome, where: Path, *arguments: str) -> tuple[Path, dict[str, Any]]:
    """The folder that was made, and what was told of it."""
    done = new(rbee, where, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return Path(told["folder"]), told


def files(folder: Path) -> list[str]:
    """The files in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_name_that_breaks_a_rule_is_refused_with_the_rule(
    rbee: RbeeHome, folder: PluginFolder, tmp_path: Path
) -> None:
    folder.add("vendor", "toy", VENDOR)
    folder.add("vendor", "taken", VENDOR, dist="others")
    lines = [["plugins", "new", "-o", str(tmp_path / "out"), "--", kind, name] for kind, name, _ in REFUSED]
    lines += [["plugins", "new", "vendor", "shelf", *options] for options, _ in WRONG_OPTIONS]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        env=clean_env(rbee.environment),
        cwd=tmp_path,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = [words for *_, words in REFUSED] + [words for _, words in WRONG_OPTIONS]
    for line, (status, said), wanted in zip(lines, json.loads(done.stdout), words, strict=True):
        assert status == 2, (line, said)
        assert wanted in " ".join(said.split()), line
        assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("rbee-*-*"))


def test_a_name_like_a_first_partys_is_warned_of(rbee: RbeeHome, tmp_path: Path) -> None:
    done = new(rbee, tmp_path, "vendor", "huggingfaces")
    assert done.returncode == 0, done.stderr
    assert "rbee-vendor-huggingfaces resembles rbee-vendor-huggingface" in " ".join(done.stderr.split())


# --- what is written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes(kind: str, rbee: RbeeHome, tmp_path: Path) -> None:
    where, told = made(rbee, tmp_path, kind, "my-shelf", "--author", "Ada <ada@example.org>")
    package = f"rbee_{kind}_my_shelf"
    assert where == tmp_path / f"rbee-{kind}-my-shelf"
    assert told["files"] == files(where)
    common = {".github/workflows/ci.yml", ".gitignore", "LICENSE", "README.md", "pyproject.toml"}
    assert common | {f"{package}/__init__.py", f"{package}/py.typed", "tests/test_contract.py"} <= {*told["files"]}
    project = tomllib.loads((where / "pyproject.toml").read_text())["project"]
    assert project["name"] == told["dist"] == where.name
    assert project["entry-points"] == {f"rbee.{kind}s": {"my-shelf": told["entryPoint"]}}
    assert told["entryPoint"].startswith(package)
    assert project["authors"] == [{"name": "Ada", "email": "ada@example.org"}]
    assert any(one.startswith("rbee-core>=") for one in project["dependencies"])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".rbee")] == []
    for file in map(where.joinpath, told["files"]):
        text = file.read_text()
        if file.name != "ci.yml":
            assert not re.search(r"\$\$|\$\{|\$[a-z]+\b", text), f"{file}: a gap was not filled"


def test_the_workflow_tests_and_publishes(rbee: RbeeHome, tmp_path: Path) -> None:
    where, _ = made(rbee, tmp_path, "vendor", "shelfy")
    jobs = yaml.safe_load((where / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"][0] == "3.11"
    runs = [step.get("run", "") for step in jobs["test"]["steps"]]
    assert {"python -m pytest", "rbee plugins check shelfy", "mypy"} <= {*runs}
    publish = jobs["publish"]
    assert publish["if"] == "github.ref_type == 'tag'"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["steps"][-1]["with"] == {"attestations": True}


def test_a_dry_run_lists_the_files_and_writes_none(rbee: RbeeHome, tmp_path: Path) -> None:
    done = new(rbee, tmp_path, "worker", "shelfy", "--dry-run", "-o", "there")
    listed = done.stdout.splitlines()
    assert str(tmp_path / "there/rbee-worker-shelfy/rbee_worker_shelfy/worker.toml") in listed
    assert list(tmp_path.glob("there*")) == []
    where, told = made(rbee, tmp_path, "worker", "shelfy", "-o", "there")
    assert [str(where / file) for file in told["files"]] == listed


def test_people_are_told_what_comes_next(rbee: RbeeHome, tmp_path: Path) -> None:
    done = new(rbee, tmp_path, "command", "shelfy", "--license", "GPL-3.0-or-later")
    assert done.stdout == f"{tmp_path / 'rbee-command-shelfy'}\n"
    for words in ('pip install -e ".[test]"', "pytest", "rbee plugins check shelfy", "fill in"):
        assert words in done.stderr
    assert "the author (pyproject.toml)" in done.stderr
    assert "the text of GPL-3.0-or-later (LICENSE)" in done.stderr


def test_nothing_is_written_over(rbee: RbeeHome, tmp_path: Path) -> None:
    taken = tmp_path / "rbee-vendor-shelfy"
    taken.mkdir()
    (taken / "mine").write_text("mine")
    for options in ((), ("--dry-run",)):
        done = new(rbee, tmp_path, "vendor", "shelfy", *options)
        assert done.returncode == 2
        assert "nothing is written over" in " ".join(done.stderr.split())
    assert files(taken) == ["mine"]
    (taken / "mine").unlink()
    assert new(rbee, tmp_path, "vendor", "shelfy").returncode == 0  # an empty folder is no loss
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "rbee-backend-shelfy").symlink_to(elsewhere)
    assert new(rbee, tmp_path, "backend", "shelfy").returncode == 2
    assert list(elsewhere.iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_left(rbee: RbeeHome, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = new(rbee, tmp_path, "vendor", "shelfy", "-o", "file", "--json")
    assert done.returncode == 1
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "PLUGIN_ERROR"
    assert "--output" in error["hint"]


# --- author and licence ---------------------------------------------------------------------------------------------


def test_the_author_is_whom_git_knows(rbee: RbeeHome, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text('[user]\nname = "Ada \\"Countess\\" \\\\ L\u00f8"\nemail = ada@example.org\n')
    where, told = made(rbee, tmp_path, "vendor", "shelfy", "--license", "MIT")
    name = 'Ada "Countess" \\ L\u00f8'
    assert told["author"] == {"name": name, "email": "ada@example.org", "given": True}
    project = tomllib.loads((where / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["authors"] == [{"name": name, "email": "ada@example.org"}]
    assert re.search(rf"Copyright \(c\) 20\d\d {re.escape(name)}\n", (where / "LICENSE").read_text(encoding="utf-8"))


def test_without_git_there_is_a_gap_that_is_seen(rbee: RbeeHome, tmp_path: Path) -> None:
    where, told = made(rbee, tmp_path, "vendor", "shelfy")
    assert told["author"]["given"] is False
    assert "Your Name" in (where / "pyproject.toml").read_text()
    (tmp_path / "gitconfig").write_text("[user]\nname = Ada\nemail = not an address\n")
    assert made(rbee, tmp_path, "worker", "shelfy")[1]["author"] == {"name": "Ada", "email": None, "given": True}


@pytest.mark.parametrize(
    ("typed", "spdx", "begins"),
    [
        ("apache-2.0", "Apache-2.0", "                                 Apache License"),
        ("bsd-3-clause", "BSD-3-Clause", "BSD 3-Clause License"),
        ("mit or gpl-3.0-only", "MIT OR GPL-3.0-only", "SPDX-License-Identifier: MIT OR GPL-3.0-only"),
    ],
)
def test_the_licence(typed: str, spdx: str, begins: str, rbee: RbeeHome, tmp_path: Path) -> None:
    where, told = made(rbee, tmp_path, "worker", "shelfy", "--license", typed)
    assert told["license"] == spdx
    assert tomllib.loads((where / "pyproject.toml").read_text())["project"]["license"] == spdx
    assert tomllib.loads((where / "rbee_worker_shelfy/worker.toml").read_text())["worker"]["license"] == spdx
    assert (where / "LICENSE").read_text().lstrip("\n").startswith(begins)


# --- what is in it --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def types_known(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy has learnt of rbee, for all four of them."""
    return f"--cache-dir={tmp_path_factory.mktemp('mypy')}"


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_in_format_and_typed(kind: str, types_known: str, rbee: RbeeHome, tmp_path: Path) -> None:
    """The short one; the long one is only looked at as text, which is what its length changes."""
    places = [made(rbee, tmp_path, kind, name)[0] for name in (SHORT, LONG)]
    looks = [["ruff", "check", "."], ["ruff", "format", "--diff", "."]]
    for where, command in [*((where, look) for where in places for look in looks), (places[0], ["mypy", types_known])]:
        argv = [sys.executable, "-m", *command]
        done = subprocess.run(argv, cwd=where, env=clean_env(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_a_new_worker_stands_on_what_the_first_partys_do(rbee: RbeeHome, tmp_path: Path) -> None:
    where, _ = made(rbee, tmp_path, "worker", "shelfy")
    ours = tomllib.loads((where / "rbee_worker_shelfy/worker.toml").read_text())
    theirs = tomllib.loads((ROOT / "plugins/rbee-worker-llm/rbee_worker_llm/worker.toml").read_text())
    assert {*ours["build"]["pip"]["requirements"]} < {*theirs["build"]["pip"]["requirements"]}


# --- help -----------------------------------------------------------------------------------------------------------


def test_a_tab_completes_the_kind(rbee: RbeeHome) -> None:
    env = {**rbee.environment, "_RBEE_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "rbee plugins new "}
    done = run_rbee(env=env)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == list(KINDS)
