"""What was installed is on record: what is gone comes back, what is here goes elsewhere, what is removed stays so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .test_install import BACKEND
from .wheelhouse import Place, make_wheel


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An environment that uv looks after."""
    return Place.make("uv", tmp_path)


def install(place: Place, *arguments: str, **env: str) -> Any:
    """Install, agreeing to everything; what is told of it."""
    done = place.rbee("install", *arguments, "--yes", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wipe(place: Place, *dists: str) -> None:
    """Take distributions away, as an upgrade of the environment does."""
    command = ["uv", "pip", "uninstall", "--quiet", "--python", str(place.path / "bin" / "python"), *dists]
    subprocess.run(command, check=True)


def here(place: Place) -> set[str]:
    """What is installed, beside what the tests bring."""
    found = {path.name.removesuffix(".dist-info") for path in place.site.glob("*.dist-info")}
    return {name for name in found if not name.startswith(("pip-", "setuptools-"))}


def on_record(place: Place) -> dict[str, Any]:
    """The entries of this environment by their distributions."""
    file = place.home / "config" / "plugins-installed.json"
    entries = json.loads(file.read_text())["environments"].get(str(place.path.resolve()), []) if file.exists() else []
    return {entry.get("name", ""): entry for entry in entries}


def plain(house: Path, name: str, version: str = "1.0", requires: str = "") -> Path:
    """A wheel of a vendor whose scheme is the end of its distribution's name."""
    module = name.replace("-", "_")
    entry = {"rbee.vendors": {name.rpartition("-")[2]: f"{module}:Vendor"}}
    metadata = {"Requires-Dist": requires} if requires else None
    return make_wheel(house, name, version, entry, {f"{module}.py": "class Vendor: pass"}, metadata)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_what_is_gone_comes_back_as_it_was_unasked_if_it_is_the_same_file(tool: str, tmp_path: Path) -> None:
    place = Place.make(tool, tmp_path)
    wheel = make_wheel(place.house, metadata={"Requires-Dist": "helperlib>=1", "Provides-Extra": "more"})
    make_wheel(place.house, "helperlib", "1.2", {}, {"helperlib.py": ""})
    assert install(place, "rbee-vendor-toy[more]>=1")["recorded"] is True
    entry = on_record(place)["rbee-vendor-toy"]
    assert (entry["requirement"], entry["restore"]) == ("rbee-vendor-toy[more]>=1", "rbee-vendor-toy[more]==1.0")
    assert (entry["agreed"], entry["plugins"], "unfinished" in entry) == (True, ["vendor toy"], False)

    make_wheel(place.house, version="2.0")
    wipe(place, "rbee-vendor-toy", "helperlib")
    shown = place.rbee("sync", "--dry-run")
    assert (shown.returncode, set(shown.stdout.split())) == (0, {"rbee-vendor-toy==1.0", "helperlib==1.2"})
    assert here(place) == set()
    back = place.rbee("sync", "--json")
    assert back.returncode == 0, back.stderr
    assert [row["name"] for row in json.loads(back.stdout)["plugins"]] == ["toy"]
    assert here(place) == {"rbee_vendor_toy-1.0", "helperlib-1.2"}
    assert on_record(place)["rbee-vendor-toy"]["requirement"] == "rbee-vendor-toy[more]>=1"

    # Its name and version, another file: that is nothing anybody agreed to.
    wipe(place, "rbee-vendor-toy")
    wheel.unlink()
    make_wheel(place.house, modules={"toy_vendor.py": "import wicked"})
    other = place.rbee("sync", "--json")
    assert other.returncode == 1
    assert "nobody to ask" in json.loads(other.stdout)["failed"][0]["message"]
    assert here(place) == {"helperlib-1.2"}
    newest = place.rbee("sync", "-U", "--yes")
    assert newest.returncode == 0, newest.stderr
    assert "sha256" in newest.stderr
    assert here(place) == {"rbee_vendor_toy-2.0", "helperlib-1.2"}
    assert not place.marker.exists()


def test_what_cannot_come_back_is_named_and_holds_up_nothing_else(place: Place) -> None:
    elsewhere = place.house.parent / "downloads"
    elsewhere.mkdir()
    gone = plain(elsewhere, "rbee-vendor-gone")
    plain(place.house, "rbee-vendor-kept")
    plain(place.house, "rbee-vendor-pulled")
    install(place, str(gone), "rbee-vendor-kept", "rbee-vendor-pulled")
    wipe(place, "rbee-vendor-gone", "rbee-vendor-kept", "rbee-vendor-pulled")
    gone.unlink()
    next(place.house.glob("rbee_vendor_pulled-*")).unlink()
    asked = place.python("-m", "rbee_core", "models", "resolve", "kept:x")
    assert "rbee plugins sync" in asked.stderr
    assert "On record and gone: rbee-vendor-gone 1.0, rbee-vendor-kept 1.0" in place.rbee("list").stderr

    done = place.rbee("sync", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["restored"]] == ["rbee-vendor-kept"]
    failed = {one["name"]: f"{one['message']} {one['hint']}" for one in told["failed"]}
    assert str(gone) in failed["rbee-vendor-gone"]
    assert "rbee-vendor-pulled" in failed["rbee-vendor-pulled"]
    assert f"It came from {place.house.as_uri()}" in failed["rbee-vendor-pulled"]
    assert here(place) == {"rbee_vendor_kept-1.0"}
    assert set(on_record(place)) == {"rbee-vendor-gone", "rbee-vendor-kept", "rbee-vendor-pulled"}


def test_a_repository_comes_back_at_the_commit_that_was_agreed_to(place: Place) -> None:
    repository = place.house.parent / "source"
    repository.mkdir()
    (repository / "backend.py").write_text(BACKEND)
    (repository / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "one"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    install(place, f"git+{repository.as_uri()}", "--allow-source")
    entry = on_record(place)["rbee-vendor-toy"]
    assert entry["restore"] == f"rbee-vendor-toy @ git+{repository.as_uri()}@{commit}"
    assert place.rbee("export").stdout == f"{entry['restore']}\n"

    (repository / "backend.py").write_text("raise SystemExit('another commit')")
    subprocess.run([*git, "commit", "--quiet", "-a", "-m", "two"], check=True)
    wipe(place, "rbee-vendor-toy")
    done = place.rbee("sync")
    assert done.returncode == 0, done.stderr
    assert here(place) == {"rbee_vendor_toy-1.0"}
    wipe(place, "rbee-vendor-toy")
    shutil.rmtree(repository)
    unreachable = place.rbee("sync", env={"UV_NO_CACHE": "1"})
    assert (unreachable.returncode, "rbee-vendor-toy 1.0 cannot be restored" in unreachable.stderr) == (1, True)


def test_export_is_what_install_takes_in_a_fresh_environment(place: Place, tmp_path: Path) -> None:
    plain(place.house, "rbee-vendor-base")
    plain(place.house, "rbee-vendor-top", "1.5", "rbee-vendor-base")
    plain(place.house, "rbee-vendor-manual", "0.3")
    (tmp_path / "by-path").mkdir()
    wheel = plain(tmp_path / "by-path", "rbee-vendor-local")
    install(place, "rbee-vendor-top", str(wheel))
    by_hand = ["uv", "pip", "install", "--quiet", "--no-index", "--find-links", str(place.house), "rbee-vendor-manual"]
    subprocess.run([*by_hand, "--python", str(place.path / "bin" / "python")], check=True)

    rows = {row["name"]: row for row in json.loads(place.rbee("export", "--json").stdout)["plugins"]}
    assert {name: row["recorded"] for name, row in rows.items()} == {
        "rbee-vendor-local": True,
        "rbee-vendor-manual": False,
        "rbee-vendor-top": True,
    }  # not rbee-vendor-base, which comes with another
    plain(place.house, "rbee-vendor-top", "1.6", "rbee-vendor-base")
    exported = place.rbee("export", "--hashes")
    assert "No digest of rbee-vendor-manual" in exported.stderr
    assert f"rbee-vendor-top==1.5 --hash=sha256:{rows['rbee-vendor-top']['sha256']}\n" in exported.stdout
    assert f"rbee-vendor-local @ {wheel.as_uri()} --hash=" in exported.stdout

    (tmp_path / "two").mkdir()
    fresh = Place.make("uv", tmp_path / "two")
    shutil.copytree(place.house, fresh.house, dirs_exist_ok=True)
    (tmp_path / "list.txt").write_text(exported.stdout)
    done = fresh.rbee("install", "-r", str(tmp_path / "list.txt"), "--yes")
    assert done.returncode == 0, done.stderr
    assert here(fresh) == here(place)
    assert fresh.rbee("export").stdout == place.rbee("export").stdout

    # The digests hold: another file of that name is refused.
    wipe(fresh, "rbee-vendor-top")
    plain(fresh.house, "rbee-vendor-top", "1.5", "rbee-vendor-base>=0")
    refused = fresh.rbee("install", "-r", str(tmp_path / "list.txt"), "--yes", "--json")
    assert (refused.returncode, json.loads(refused.stderr)["error"]["code"]) == (1, "CHECKSUM_MISMATCH")


def test_what_was_uninstalled_on_purpose_is_forgotten(place: Place) -> None:
    plain(place.house, "rbee-vendor-base")
    plain(place.house, "rbee-vendor-top", requires="rbee-vendor-base")
    install(place, "rbee-vendor-base", "rbee-vendor-top")
    done = place.rbee("uninstall", "base", "--yes")
    assert done.returncode == 0, done.stderr
    assert "rbee-vendor-base is required by rbee-vendor-top" in done.stderr
    assert set(on_record(place)) == {"rbee-vendor-top"}
    assert json.loads(place.rbee("sync", "--json").stdout)["restored"] == []

    wipe(place, "rbee-vendor-top")
    exported = place.rbee("export")
    assert (exported.stdout, "on record and gone" in exported.stderr) == ("rbee-vendor-top==1.0\n", True)
    gone = place.rbee("uninstall", "top", "--json")
    assert gone.returncode == 0, gone.stderr
    assert json.loads(gone.stdout) == {
        "dryRun": False,
        "command": [],
        "uninstalled": [],
        "forgotten": ["rbee-vendor-top"],
    }
    assert on_record(place) == {}
    assert place.rbee("uninstall", "top", "--yes").returncode == 2


def test_without_the_list_of_its_files_nobody_can_remove_it_and_that_is_said(place: Place) -> None:
    make_wheel(place.house)
    install(place, "rbee-vendor-toy")
    (place.site / "rbee_vendor_toy-1.0.dist-info" / "RECORD").unlink()
    done = place.rbee("uninstall", "toy", "--yes")
    assert done.returncode == 1
    assert "RECORD, is missing. It was installed by uv." in done.stderr
    assert "rbee plugins disable rbee-vendor-toy" in done.stderr
    assert set(on_record(place)) == {"rbee-vendor-toy"}


def _installer_that_kills(place: Place, when: str) -> dict[str, str]:
    """A uv which kills the rbee that called it: before it installs, or after. What has to be set for it."""
    folder = place.house.parent / "killer"
    folder.mkdir()
    real, kill = shutil.which("uv"), "kill -9 $PPID"
    work = f"{kill}; exit 1" if when == "before" else f'"{real}" "$@"; {kill}'
    script = f'#!/bin/sh\ncase "$*" in *locked.txt*) {work};; *) exec "{real}" "$@";; esac\n'
    (folder / "uv").write_text(script)
    (folder / "uv").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_rbee_that_is_killed_while_the_installer_works_loses_nothing(when: str, place: Place) -> None:
    make_wheel(place.house)
    killed = place.rbee("install", "rbee-vendor-toy", "--yes", env=_installer_that_kills(place, when))
    assert killed.returncode == -9
    assert on_record(place)["rbee-vendor-toy"]["unfinished"] is True
    assert here(place) == ({"rbee_vendor_toy-1.0"} if when == "after" else set())
    done = place.rbee("sync", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["restored"]) == (0 if when == "after" else 1)
    assert here(place) == {"rbee_vendor_toy-1.0"}
    assert "unfinished" not in on_record(place)["rbee-vendor-toy"]


def test_an_installation_that_fails_leaves_the_record_as_it_was(place: Place) -> None:
    make_wheel(place.house)
    install(place, "rbee-vendor-toy")
    before = on_record(place)
    make_wheel(place.house, version="2.0")
    folder = place.house.parent / "failing"
    folder.mkdir()
    (folder / "uv").write_text(
        f'#!/bin/sh\ncase "$*" in *locked.txt*) exit 1;; *) exec "{shutil.which("uv")}" "$@";; esac\n'
    )
    (folder / "uv").chmod(0o755)
    env = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    assert place.rbee("install", "-U", "rbee-vendor-toy", "--yes", env=env).returncode == 1
    assert on_record(place) == before


def test_a_damaged_record_is_told_kept_and_stands_in_nobodys_way(place: Place) -> None:
    make_wheel(place.house)
    plain(place.house, "rbee-vendor-two")
    install(place, "rbee-vendor-toy")
    file = place.home / "config" / "plugins-installed.json"
    file.write_text('{"version": 1, "environments": {"/x": [{"requirement": "--index-url=http://x"}]}}')
    assert "its copy is used" in place.rbee("export").stderr
    install(place, "rbee-vendor-two")
    assert set(on_record(place)) == {"rbee-vendor-toy", "rbee-vendor-two"}
    assert "--index-url" in file.with_name("plugins-installed.json.damaged").read_text()

    for damaged in (file, file.with_name("plugins-installed.json.bak")):
        damaged.write_text("no json")
    unreadable = place.rbee("sync")
    assert (unreadable.returncode, str(file) in unreadable.stderr) == (2, True)
    removed = place.rbee("uninstall", "two", "--yes")
    assert (removed.returncode, str(file) in removed.stderr) == (0, True)
    assert install(place, "rbee-vendor-two")["recorded"] is False
    assert file.read_text() == "no json"


def test_where_nothing_can_be_recorded_it_is_installed_and_that_is_said(place: Place) -> None:
    make_wheel(place.house)
    place.home.mkdir()
    (place.home / "config").write_text("a file where the folder should be")
    done = place.rbee("install", "rbee-vendor-toy", "--yes")
    assert done.returncode == 0, done.stderr
    assert "installed, but not on record" in done.stderr
    assert here(place) == {"rbee_vendor_toy-1.0"}


def test_environments_have_lists_of_their_own_and_one_takes_over_anothers(place: Place, tmp_path: Path) -> None:
    make_wheel(place.house)
    install(place, "rbee-vendor-toy")
    (tmp_path / "two").mkdir()
    moved = Place.make("uv", tmp_path / "two")
    env = {"RBEE_HOME": str(place.home), "UV_FIND_LINKS": str(place.house)}
    nothing = moved.rbee("sync", env=env)
    assert (nothing.returncode, here(moved)) == (0, set())
    assert f"rbee plugins sync --from {place.path.resolve()}" in nothing.stderr
    taken = moved.rbee("sync", "--from", str(place.path), env=env)
    assert taken.returncode == 0, taken.stderr
    assert here(moved) == {"rbee_vendor_toy-1.0"}
    moved.home = place.home
    assert set(on_record(moved)) == set(on_record(place)) == {"rbee-vendor-toy"}
