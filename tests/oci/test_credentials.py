"""Docker's and Podman's files and helpers, as those tools write them and as they are found in the wild."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rbee_core.oci import Credential, find_credential, locate
from rbee_core.oci.helpers import ask_helper

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the helpers here are shell scripts")
REG = locate("reg.example:5000", "org/team/m")
HUB = locate(None, "ai/m")


def auth(user: str = "bee", password: str = "hon:ey") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment whose every place for auth files is in the test's folder."""
    return {
        "HOME": str(tmp_path / "home"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def docker(env: dict[str, str], document: Any) -> None:
    write(Path(env["DOCKER_CONFIG"], "config.json"), document)


def find(env: dict[str, str], address: Any = REG) -> tuple[Credential | None, list[str]]:
    warnings: list[str] = []
    return find_credential(address, warnings.append, env), warnings


def test_no_files_no_credential(env: dict[str, str]) -> None:
    assert find(env) == (None, [])


@pytest.mark.parametrize(
    "key",
    ["reg.example:5000", "https://reg.example:5000", "https://reg.example:5000/v1/", "http://reg.example:5000/v2/"],
)
def test_docker_keys(env: dict[str, str], key: str) -> None:
    docker(env, {"auths": {"other.example": auth("no", "no"), key: auth()}})
    assert find(env) == (Credential("bee", "hon:ey"), [])


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_many_names(env: dict[str, str], key: str) -> None:
    docker(env, {"auths": {key: auth()}})
    assert find(env, HUB)[0] == Credential("bee", "hon:ey")


def test_the_most_particular_key_wins(env: dict[str, str]) -> None:
    keys = {"reg.example:5000": auth("all"), "reg.example:5000/org": auth("org"), "reg.example:5000/or": auth("or")}
    write(Path(env["XDG_RUNTIME_DIR"], "containers/auth.json"), {"auths": keys})
    assert find(env)[0] == Credential("org", "hon:ey")


def test_the_order_of_the_files(env: dict[str, str], tmp_path: Path) -> None:
    def who() -> str | None:
        found = find(env)[0]
        return found.username if found else None

    host = "reg.example:5000"
    docker(env, {"auths": {host: auth("docker")}})
    assert who() == "docker"
    write(Path(env["XDG_CONFIG_HOME"], "containers/auth.json"), {"auths": {host: auth("xdg")}})
    assert who() == "xdg"
    write(Path(env["XDG_RUNTIME_DIR"], "containers/auth.json"), {"auths": {"else.example": auth("podman")}})
    assert who() == "xdg"
    env["REGISTRY_AUTH_FILE"] = str(write(tmp_path / "mine.json", {"auths": {host: auth("mine")}}))
    assert who() == "mine"


def test_without_docker_config_it_is_in_the_home(env: dict[str, str]) -> None:
    del env["DOCKER_CONFIG"]
    write(Path(env["HOME"], ".docker/config.json"), {"auths": {"reg.example:5000": auth()}})
    assert find(env)[0] == Credential("bee", "hon:ey")


def test_an_identity_token(env: dict[str, str]) -> None:
    docker(env, {"auths": {"reg.example:5000": {**auth("00000000-0000", ""), "identitytoken": "refresh"}}})
    assert find(env)[0] == Credential("00000000-0000", "", "refresh")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"auth": "!!!"},
        {"auth": base64.b64encode(b"no colon").decode()},
        {"auth": base64.b64encode(b"a:b\r\nX: y").decode()},
        {"auth": base64.b64encode(b"\xff\xfe:x").decode()},
        {"auth": 1},
        {"username": "a", "password": 1},
        "text",
        None,
    ],
)
def test_entries_that_hold_nothing_usable(env: dict[str, str], entry: Any) -> None:
    docker(env, {"auths": {"reg.example:5000": entry}})
    assert find(env)[0] is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 99_999, '{"auths": 1, "credHelpers": []}'])
def test_a_broken_file_is_told_and_passed_over(env: dict[str, str], text: str) -> None:
    write(Path(env["XDG_CONFIG_HOME"], "containers/auth.json"), text)
    docker(env, {"auths": {"reg.example:5000": auth()}})
    found, warnings = find(env)
    assert found == Credential("bee", "hon:ey")
    assert all("auth.json is not a Docker auth file" in warning for warning in warnings)
    assert len(warnings) == (0 if "credHelpers" in text else 1)


def helper(folder: Path, name: str, body: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


ANSWER = 'echo "{\\"ServerURL\\": \\"x\\", \\"Username\\": \\"%s\\", \\"Secret\\": \\"s3cret\\"}"'


def test_a_helper_for_this_registry(env: dict[str, str], bin_folder: Path, tmp_path: Path) -> None:
    helper(bin_folder, "hive", f'cat > {tmp_path}/asked; echo "$@" > {tmp_path}/arguments; ' + ANSWER % "bee")
    docker(env, {"credHelpers": {"reg.example:5000": "hive"}, "auths": {"reg.example:5000": auth("old", "old")}})
    assert find(env) == (Credential("bee", "s3cret"), [])
    assert (tmp_path / "asked").read_text() == "reg.example:5000"
    assert (tmp_path / "arguments").read_text() == "get\n"


def test_a_store_for_all_registries_knows_docker_hub_by_its_old_name(
    env: dict[str, str], bin_folder: Path, tmp_path: Path
) -> None:
    helper(bin_folder, "store", f"cat > {tmp_path}/asked; " + ANSWER % "<token>")
    docker(env, {"credsStore": "store", "auths": {"https://index.docker.io/v1/": {}}})
    assert find(env, HUB)[0] == Credential("", "", "s3cret")
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


def test_a_store_that_knows_nothing_is_no_trouble(env: dict[str, str], bin_folder: Path) -> None:
    helper(bin_folder, "store", 'echo "credentials not found in native keychain"; exit 1')
    docker(env, {"credsStore": "store"})
    assert find(env) == (None, [])


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("missing", None, "not on PATH"),
        ("../evil", None, "cannot be called"),
        ("a;b", None, "cannot be called"),
        ("fails", "echo s3cret; echo s3cret >&2; exit 3", "failed with status 3"),
        ("babbles", "echo s3cret", "no credential"),
        ("lists", "echo '[]'", "no credential"),
    ],
)
def test_helpers_that_do_not_help(
    env: dict[str, str], bin_folder: Path, name: str, body: str | None, told: str
) -> None:
    if body is not None:
        helper(bin_folder, name, body)
    docker(env, {"credHelpers": {"reg.example:5000": name}})
    found, warnings = find(env)
    assert found is None
    assert len(warnings) == 1
    assert told in warnings[0]
    assert "s3cret" not in warnings[0]


def test_a_helper_that_hangs_is_given_up(bin_folder: Path) -> None:
    helper(bin_folder, "hangs", "exec sleep 1000")
    warnings: list[str] = []
    assert ask_helper("hangs", "reg.example", warnings.append, limit=0.3) is None
    assert "did not answer within 0.3 seconds" in warnings[0]


def test_a_credential_does_not_show_itself() -> None:
    assert "hon:ey" not in repr(Credential("bee", "hon:ey", "refresh"))
    assert "refresh" not in repr(Credential("bee", "hon:ey", "refresh"))
