"""The command line with a real share."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rbee_core.testing.cli import RbeeHome

WEIGHTS = os.urandom(1 << 20)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def share(server: Any, rbee: RbeeHome) -> Path:
    """A folder with a model and its digests; rbee knows the log-in."""
    folder: Path = server.root / "tiny"
    folder.mkdir(exist_ok=True)
    (folder / "tiny model.gguf").write_bytes(WEIGHTS)
    (folder / "SHA256SUMS").write_text(f"{SHA256}  tiny model.gguf\n")
    rbee.env |= {"WEBDAV_URL": server.url, "WEBDAV_USER": "ada", "WEBDAV_PASSWORD": "secret"}
    return folder


def test_a_folder_is_resolved_with_its_digests_and_downloaded(share: Path, rbee: RbeeHome) -> None:
    resolved = json.loads(rbee("models", "resolve", "webdav:tiny", "--json").stdout)
    file = {"name": "tiny model.gguf", "size": len(WEIGHTS), "digest": f"sha256:{SHA256}"}
    assert (resolved["vendor"], resolved["files"]) == ("webdav", [file])
    entry = json.loads(rbee("models", "download", "webdav:tiny", "--json").stdout)
    assert (entry["status"], entry["digest"]) == ("Available", f"sha256:{SHA256}")


def test_bytes_that_the_list_contradicts_are_refused(share: Path, rbee: RbeeHome) -> None:
    (share / "tiny model.gguf").write_bytes(os.urandom(1 << 20))
    done = rbee("models", "download", "webdav:tiny/tiny model.gguf", "--json")
    assert json.loads(done.stderr)["error"]["code"] == "CHECKSUM_MISMATCH"


@pytest.mark.parametrize(
    ("env", "code", "words"),
    [
        ({"WEBDAV_PASSWORD": "wrong"}, "AUTH_REQUIRED", "app password"),
        ({"WEBDAV_USER": ""}, "AUTH_REQUIRED", "Set WEBDAV_USER"),
        ({"WEBDAV_URL": ""}, "USAGE", "WEBDAV_URL is not the address"),
        ({"WEBDAV_URL": "http://cloud.example/dav"}, "DOWNLOAD_FAILED", "--insecure"),
    ],
)
def test_what_is_wrong_is_said_and_no_password(
    env: dict[str, str], code: str, words: str, share: Path, rbee: RbeeHome
) -> None:
    done = rbee("models", "resolve", "webdav:tiny", "--json", env=env)
    error = json.loads(done.stderr)["error"]
    assert error["code"] == code
    assert words in f"{error['message']} {error['hint']}"
    assert "secret" not in done.stderr
