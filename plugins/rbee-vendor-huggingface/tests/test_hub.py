"""The real client against a server that speaks the Hub's API, through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from support.hub import TOKEN, FakeHub, Seen

Q4, Q8 = os.urandom(300_000), os.urandom(200_000)
CONFIG = b'{"model_type": "llama"}'
FILES = {"m-Q4_K_M.gguf": Q4, "m-Q8_0.gguf": Q8, "config.json": CONFIG, "README.md": b"# m"}
SAFE = {"model.safetensors": os.urandom(50_000), "config.json": CONFIG, "tokenizer.json": b"{}", "x.bin": b"pickle"}


@pytest.fixture
def rbee(rbee: RbeeHome, hub: FakeHub) -> RbeeHome:
    rbee.env |= hub.env()
    return rbee


def document(done: Any) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(done: Any) -> dict[str, str]:
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    error: dict[str, str] = json.loads(done.stderr.splitlines()[-1] if "\n{" in done.stderr else done.stderr)["error"]
    return error


def folder(entry: dict[str, Any]) -> Path:
    path = Path(entry["path"])
    return path if path.is_dir() else path.parent


def test_resolve_names_files_sizes_digests_and_commit(rbee: RbeeHome, hub: FakeHub) -> None:
    repo = hub.repo("org/m", FILES)
    answer = document(rbee("models", "resolve", "org/m", "--json"))
    file = repo.commits[repo.head]["m-Q4_K_M.gguf"]
    assert answer == {
        "ref": "hf:org/m",
        "scheme": "hf",
        "vendor": "hf",
        "dist": "rbee-vendor-huggingface",
        "revision": repo.head,
        "files": [{"name": "m-Q4_K_M.gguf", "size": len(Q4), "digest": f"sha256:{file.sha256}"}],
        "size": len(Q4),
    }
    assert hub.seen("*/resolve/*") == []


def test_download_brings_verified_files_and_facts(rbee: RbeeHome, hub: FakeHub) -> None:
    repo = hub.repo("org/m", FILES, card={"license": "apache-2.0", "base_model": ["org/base"]})
    entry = document(rbee("models", "download", "huggingface:org/m:q8_0", "--json"))
    assert entry["id"] == "hf:org/m:q8_0"
    assert (folder(entry) / "m-Q8_0.gguf").read_bytes() == Q8
    assert entry["revision"] == repo.head
    facts = {"repo": "org/m", "license": "apache-2.0", "base_model": ["org/base"], "pipeline_tag": "text-generation"}
    assert facts.items() <= entry["metadata"].items()
    assert [seen.path for seen in hub.seen("*.gguf", server="cdn")] == [f"/org/m/{repo.head}/m-Q8_0.gguf"]


def test_a_safetensors_repository_comes_without_its_pickles(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("org/s", SAFE)
    entry = document(rbee("models", "download", "org/s", "--json"))
    assert {file["name"] for file in entry["files"]} == {"model.safetensors", "config.json", "tokenizer.json"}
    assert (folder(entry) / "config.json").read_bytes() == CONFIG
    assert hub.seen("*x.bin") == []


def test_include_and_exclude_go_before_everything(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("org/s", SAFE)
    entry = document(
        rbee("models", "download", "org/s", "--include", "*.json", "--include", "*.bin", "--exclude", "tok*", "--json")
    )
    assert {file["name"] for file in entry["files"]} == {"config.json", "x.bin"}


def test_a_long_listing_is_read_page_by_page(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("org/big", {f"docs/{n:03}.md": b"x" for n in range(25)} | {"z-Q4_K_M.gguf": Q4})
    hub.page_size = 10
    answer = document(rbee("models", "resolve", "org/big", "--json"))
    assert [file["name"] for file in answer["files"]] == ["z-Q4_K_M.gguf"]
    assert len(hub.seen("/api/models/*/tree/*")) == 3


def test_revisions(rbee: RbeeHome, hub: FakeHub) -> None:
    repo = hub.repo("org/m", FILES)
    first = repo.head
    second = repo.commit({"n-Q4_K_M.gguf": Q8}, branch="refs/pr/7")
    for ref, option, commit in [
        ("org/m", [], first),
        (f"org/m@{first[:8]}", [], first),
        ("org/m@refs/pr/7", [], second),
        ("org/m", ["--revision", "refs/pr/7"], second),
        ("org/m@main", ["--revision", "main"], first),
    ]:
        assert document(rbee("models", "resolve", ref, *option, "--json"))["revision"] == commit
    disagreeing = rbee("models", "resolve", "org/m@main", "--revision", "refs/pr/7")
    assert disagreeing.returncode in (1, 2)
    assert "'main'" in disagreeing.stderr
    assert "'refs/pr/7'" in disagreeing.stderr


def test_the_commit_shown_is_the_commit_fetched(rbee: RbeeHome, hub: FakeHub) -> None:
    """A push while the download is on its way changes nothing about it."""
    repo = hub.repo("org/m", SAFE)
    first = repo.head

    def push(seen: Seen) -> None:
        if seen.path.endswith(f"/tree/{first}"):
            repo.commit({"model.safetensors": b"other", "config.json": b"{}"})

    hub.on_request = push
    entry = document(rbee("models", "download", "org/m", "--json"))
    assert repo.head != first
    assert entry["revision"] == first
    assert (folder(entry) / "model.safetensors").read_bytes() == SAFE["model.safetensors"]
    assert {seen.path.split("/")[4] for seen in hub.seen("*/resolve/*")} == {first}


@pytest.mark.parametrize(
    ("ref", "code", "said"),
    [
        ("org/none", "AUTH_REQUIRED", ["org/none", "does not exist, or it is private", "HF_TOKEN", "hf auth login"]),
        ("org/m@nope", "REVISION_NOT_FOUND", ["'nope'", "org/m"]),
        ("org/m/m-Q4_K_X.gguf", "MODEL_NOT_FOUND", ["m-Q4_K_X.gguf", "Did you mean m-Q4_K_M.gguf"]),
        ("org/private", "AUTH_REQUIRED", ["org/private", "HF_TOKEN"]),
        ("org/gated", "AUTH_REQUIRED", ["gated", "/org/gated", "HF_TOKEN"]),
    ],
)
def test_refusals_for_a_stranger(rbee: RbeeHome, hub: FakeHub, ref: str, code: str, said: list[str]) -> None:
    hub.repo("org/m", FILES)
    hub.repo("org/private", FILES, private=True)
    hub.repo("org/gated", FILES, gated=True)
    error = failure(rbee("models", "download", ref, "--json"))
    assert error["code"] == code
    text = f"{error['message']} {error['hint']}"
    assert [part for part in said if part not in text] == [], text


@pytest.mark.parametrize(
    ("ref", "code", "said"),
    [
        ("org/none", "MODEL_NOT_FOUND", ["org/none"]),
        ("org/gated", "AUTH_REQUIRED", ["gated", "Accept its licence at", "/org/gated"]),
    ],
)
def test_refusals_for_a_user(rbee: RbeeHome, hub: FakeHub, ref: str, code: str, said: list[str]) -> None:
    hub.repo("org/gated", FILES, gated=True)
    error = failure(rbee("models", "download", ref, "--json", env={"HF_TOKEN": TOKEN}))
    assert error["code"] == code
    text = f"{error['message']} {error['hint']}"
    assert [part for part in said if part not in text] == [], text


def test_a_token_that_is_not_accepted(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("org/m", FILES)
    error = failure(rbee("models", "download", "org/m", "--json", env={"HF_TOKEN": "hf_expired"}))
    assert error["code"] == "AUTH_REQUIRED"
    assert "does not accept the token" in error["message"]
    assert "hf_expired" not in error["message"] + error["hint"]


def test_a_token_that_cannot_be_one_is_not_sent_nor_shown(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("org/m", FILES)
    done = rbee("-v", "models", "download", "org/m", env={"HF_TOKEN": "hf_bad\x01secret"})
    assert done.returncode == 1
    assert "hf auth login" in done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert hub.requests == []


@pytest.mark.parametrize("where", ["HF_TOKEN", "HF_HOME", "HOME"])
def test_the_token_from_the_usual_places_opens_and_stays_with_the_hub(
    rbee: RbeeHome, hub: FakeHub, where: str, tmp_path: Path
) -> None:
    hub.repo("org/private", FILES, private=True)
    env = {}
    if where == "HF_TOKEN":
        env = {"HF_TOKEN": TOKEN}
    else:
        home = tmp_path / "hf" if where == "HF_HOME" else rbee.path / ".cache" / "huggingface"
        home.mkdir(parents=True)
        (home / "token").write_text(TOKEN + "\n")
        env = {"HF_HOME": str(home)} if where == "HF_HOME" else {}
    done = rbee("-v", "models", "download", "org/private", env=env)
    assert done.returncode == 0, done.stderr
    assert {seen.headers.get("authorization") for seen in hub.seen(server="hub")} == {f"Bearer {TOKEN}"}
    assert len(hub.seen(server="cdn")) == 1
    assert [seen for seen in hub.seen(server="cdn") if "authorization" in seen.headers] == []
    assert TOKEN not in done.stdout + done.stderr
    assert [path for path in rbee.models.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def test_the_token_is_never_shown_even_with_a_traceback(rbee: RbeeHome, hub: FakeHub) -> None:
    repo = hub.repo("org/private", FILES, private=True)
    hub.fault("*/resolve/*", status=418, times=None, body=TOKEN.encode(), headers={"X-Error-Message": TOKEN})
    done = rbee("-v", "models", "download", "org/private", env={"HF_TOKEN": TOKEN, "HF_DEBUG": "1"})
    assert done.returncode == 1
    assert "418" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert repo.head in hub.seen("*/resolve/*")[0].path


def test_a_mirror_under_a_path(rbee: RbeeHome) -> None:
    with FakeHub(prefix="/hf-mirror") as mirror:
        mirror.repo("org/m", FILES)
        mirror.page_size = 2
        entry = document(rbee("models", "download", "org/m", "--json", env={"HF_ENDPOINT": mirror.url + "/"}))
        assert (folder(entry) / "m-Q4_K_M.gguf").read_bytes() == Q4


def test_a_renamed_repository(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.repo("new/m", FILES)
    hub.renamed["old/m"] = "new/m"
    entry = document(rbee("models", "download", "old/m", "--json"))
    assert (folder(entry) / "m-Q4_K_M.gguf").read_bytes() == Q4


@pytest.mark.parametrize(
    ("arguments", "env"),
    [([], {"HF_HUB_OFFLINE": "1"}), ([], {"RBEE_OFFLINE": "1"}), (["--offline"], {})],
    ids=["HF_HUB_OFFLINE", "RBEE_OFFLINE", "--offline"],
)
def test_offline_asks_nobody(rbee: RbeeHome, hub: FakeHub, arguments: list[str], env: dict[str, str]) -> None:
    hub.repo("org/m", FILES)
    error = failure(rbee("models", "download", "org/m", "--json", *arguments, env=env))
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "offline" in error["message"].lower()
    assert hub.requests == []


def test_nothing_is_told_about_the_user(rbee: RbeeHome, hub: FakeHub) -> None:
    """No telemetry: only what the download needs is asked, and the client says what it is, not who runs it."""
    hub.repo("org/m", FILES)
    document(rbee("models", "download", "org/m", "--json", env={"AI_AGENT": "somebody", "AGENT": "somebody"}))
    kinds = ("/api/models/org/m", "/org/m/")
    assert [seen.path for seen in hub.requests if not seen.path.startswith(kinds)] == []
    assert [seen for seen in hub.requests if "somebody" in str(seen.headers)] == []


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "not-a-url", "http://user:pass@127.0.0.1:9"])
def test_an_endpoint_that_is_not_there(rbee: RbeeHome, endpoint: str) -> None:
    done = rbee("models", "resolve", "org/m", "--json", env={"HF_ENDPOINT": endpoint})
    error = failure(done)
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "pass" not in done.stderr


def test_something_that_is_not_the_hub(rbee: RbeeHome, hub: FakeHub) -> None:
    hub.fault("/api/*", status=200, times=None, body=b"<html>Log in to the hotel</html>")
    error = failure(rbee("models", "resolve", "org/m", "--json"))
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "HF_ENDPOINT" in error["hint"]


@pytest.mark.parametrize(
    "lie",
    [
        {"path": 7},
        {"size": -1, "lfs": None},
        {"size": "many", "lfs": None},
        {"lfs": {"oid": "short", "size": 1, "pointerSize": 1}},
        {"lfs": {}},
        {"oid": None, "path": None},
    ],
)
def test_a_listing_that_makes_no_sense(rbee: RbeeHome, hub: FakeHub, lie: dict[str, Any]) -> None:
    repo = hub.repo("org/m", FILES)
    repo.listing["m-Q4_K_M.gguf"] = lie
    assert failure(rbee("models", "resolve", "org/m", "--json"))["code"] == "DOWNLOAD_FAILED"


@pytest.mark.parametrize(
    "name",
    ["../../m-Q4_K_M.gguf", "/srv/m-Q4_K_M.gguf", "a\\..\\m-Q4_K_M.gguf", "C:/m-Q4_K_M.gguf", "m\x1b[2J-Q4_K_M.gguf"],
)
def test_names_that_lead_elsewhere_are_refused(rbee: RbeeHome, hub: FakeHub, name: str) -> None:
    repo = hub.repo("org/m", FILES)
    repo.listing["m-Q4_K_M.gguf"] = {"path": name}
    before = sorted(rbee.path.parent.rglob("*.gguf"))
    done = rbee("models", "download", "org/m", "--json")
    assert failure(done)["code"] == "UNSAFE_PATH"
    assert "\x1b" not in done.stderr
    assert sorted(rbee.path.parent.rglob("*.gguf")) == before
    assert hub.seen("*/resolve/*") == []


def test_the_same_bytes_are_fetched_once(rbee: RbeeHome, hub: FakeHub) -> None:
    """What the store has under another name comes from there."""
    hub.repo("org/m", FILES)
    hub.repo("other/copy", {"copy-Q4_K_M.gguf": Q4, "mmproj-F16.gguf": Q8})
    document(rbee("models", "download", "org/m", "--json"))
    entry = document(rbee("models", "download", "other/copy", "--json"))
    assert (folder(entry) / "copy-Q4_K_M.gguf").read_bytes() == Q4
    assert (folder(entry) / "mmproj-F16.gguf").read_bytes() == Q8
    assert [seen.path.rpartition("/")[2] for seen in hub.seen(server="cdn")] == ["m-Q4_K_M.gguf", "mmproj-F16.gguf"]
