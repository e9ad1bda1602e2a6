"""Models from a web server, through the command line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome, refused
from rbee_core.testing.servers.web import WebServer

DATA = b"GGUF" + os.urandom(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
WRONG = hashlib.sha256(b"something else").hexdigest()


def entry(rbee: RbeeHome, *arguments: str, env: dict[str, str] | None = None) -> dict[str, object]:
    done = rbee("models", "download", *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_model_with_its_checksum_beside_it(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m/tiny.Q4_K_M.gguf", DATA, headers={"ETag": '"v1"'})
    web.page("/m/SHA256SUMS", f"{WRONG}  other.gguf\n{SHA256}  tiny.Q4_K_M.gguf\n".encode())
    shown = json.loads(rbee("models", "resolve", url, "--json").stdout)
    assert shown["files"] == [{"name": "tiny.Q4_K_M.gguf", "size": len(DATA), "digest": f"sha256:{SHA256}"}]
    assert (shown["vendor"], shown["dist"], shown["revision"]) == ("http", "rbee-vendor-http", "v1")
    assert web.asked("/m/tiny.Q4_K_M.gguf") == []
    found = entry(rbee, url)
    assert Path(str(found["path"])).read_bytes() == DATA
    assert found["digest"] == f"sha256:{SHA256}"
    # The same bytes under another address are not fetched again.
    copy = web.page("/copy.gguf", DATA)
    web.page("/copy.gguf.sha256", SHA256.encode())
    entry(rbee, copy)
    assert web.asked("/copy.gguf") == []


def test_wrong_bytes_of_the_right_size(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA[:-1] + b"?")
    web.page("/m.gguf.sha256", f"{SHA256}  m.gguf\n".encode())
    code, words = refused(rbee, url)
    assert code == "CHECKSUM_MISMATCH"
    assert SHA256 in words
    assert not list(rbee.models.rglob("*.part"))


def test_a_weak_digest_in_the_headers_is_checked_too(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA, headers={"X-Checksum-Sha1": "0" * 40})
    assert refused(rbee, url)[0] == "CHECKSUM_MISMATCH"


def test_sha256_on_the_command_line_and_in_the_address(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA)
    assert refused(rbee, url, "--sha256", WRONG)[0] == "CHECKSUM_MISMATCH"
    assert refused(rbee, f"{url}#sha256={WRONG}")[0] == "CHECKSUM_MISMATCH"
    assert entry(rbee, f"{url}#sha256={SHA256}")["digest"] == f"sha256:{SHA256}"
    assert all("#" not in request.path for request in web.requests)


@pytest.mark.parametrize("how", [{"ranges": False}, {"chunked": True}, {"head": 403}, {"head": 501}])
def test_servers_that_lack_something(rbee: RbeeHome, web: WebServer, how: dict[str, object]) -> None:
    found = entry(rbee, web.page("/m.gguf", DATA, **how))
    assert Path(str(found["path"])).read_bytes() == DATA


def test_the_name_is_the_server_s(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page(
        "/download?id=3".partition("?")[0], DATA, headers={"Content-Disposition": "inline; filename=tiny.gguf"}
    )
    assert Path(str(entry(rbee, f"{url}?id=3")["path"])).name == "tiny.gguf"


def test_a_hostile_name_leaves_nothing(rbee: RbeeHome, web: WebServer, tmp_path: Path) -> None:
    """All the ways to be hostile: ``tests/vendors/test_hostile_names.py``."""
    url = web.page("/m.gguf", DATA, headers={"Content-Disposition": 'attachment; filename="../../../evil.gguf"'})
    assert refused(rbee, url)[0] == "UNSAFE_PATH"
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]
    assert web.asked("/m.gguf") == []


def test_a_sharded_model_comes_whole_or_not_at_all(rbee: RbeeHome, web: WebServer) -> None:
    urls = [web.page(f"/m/big-0000{n}-of-00003.gguf", DATA + bytes([n])) for n in (1, 2)]
    code, words = refused(rbee, urls[0])
    assert code == "MODEL_NOT_FOUND"
    assert "big-00003-of-00003.gguf" in words
    third = web.page(
        "/m/big-00003-of-00003.gguf", DATA + b"3", headers={"Content-Disposition": "inline; filename=x.gguf"}
    )
    files = entry(rbee, third)["files"]
    assert isinstance(files, list)
    assert [file["name"] for file in files] == [f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]


def test_a_page_instead_of_a_model(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/login", b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    moved = web.redirect("/m.gguf", url)
    code, words = refused(rbee, moved)
    assert code == "DOWNLOAD_FAILED"
    assert "web page" in words
    assert "RBEE_HTTP_TOKEN_127_0_0_1" in words


@pytest.mark.parametrize(
    ("status", "code"), [(404, "MODEL_NOT_FOUND"), (410, "MODEL_NOT_FOUND"), (403, "AUTH_REQUIRED")]
)
def test_refusals(rbee: RbeeHome, web: WebServer, status: int, code: str) -> None:
    assert refused(rbee, web.page("/m.gguf", b"", status=status))[0] == code


def test_a_token_goes_to_its_own_host_only(rbee: RbeeHome, web: WebServer, other_web: WebServer) -> None:
    token = "s3cret-token-of-mine"
    env = {"RBEE_HTTP_TOKEN_127_0_0_1": token}
    far = other_web.page("/signed/m.gguf", DATA)
    url = web.page("/m.gguf", status=302, headers={"Location": far}, authorization=f"Bearer {token}")
    code, words = refused(rbee, url)
    assert code == "AUTH_REQUIRED"
    assert "RBEE_HTTP_TOKEN_127_0_0_1" in words
    other_web.requests.clear()
    found = entry(rbee, url, env=env)
    assert Path(str(found["path"])).read_bytes() == DATA
    assert other_web.requests
    assert not [request for request in other_web.requests if "authorization" in request.headers]
    wrong = {"RBEE_HTTP_TOKEN_127_0_0_1": "wrong-" + token}
    code, words = refused(rbee, web.page("/n.gguf", DATA, authorization=f"Bearer {token}"), env=wrong)
    assert code == "AUTH_REQUIRED"
    assert token not in words
    kept = [path.read_bytes() for path in rbee.path.rglob("*") if path.is_file()]
    assert not [data for data in kept if token.encode() in data]


def test_a_login_from_netrc(rbee: RbeeHome, web: WebServer) -> None:
    netrc = rbee.path / "my-netrc"
    netrc.write_text("machine 127.0.0.1 login bee password honey\n")
    netrc.chmod(0o600)
    url = web.page("/m.gguf", DATA, authorization="Basic YmVlOmhvbmV5")
    assert entry(rbee, url, env={"NETRC": str(netrc)})["size"] == len(DATA)
    netrc.write_text("machine 127.0.0.1 login bee password honey oops\n")
    done = rbee("models", "resolve", url, env={"NETRC": str(netrc)})
    assert done.returncode == 2
    assert "my-netrc" in done.stderr
    assert "honey" not in done.stderr


def test_a_file_that_is_exchanged_while_it_is_fetched(rbee: RbeeHome, web: WebServer) -> None:
    """Between looking and fetching the server gets a new version: the new one comes, whole, and never a mixture."""
    url = web.page("/m.gguf", DATA, headers={"ETag": '"v1"'})
    entry(rbee, url)
    new = DATA[::-1] + b"longer"
    web.page("/m.gguf", new, headers={"ETag": '"v2"'})
    found = entry(rbee, url, "--force")
    assert Path(str(found["path"])).read_bytes() == new
    assert found["revision"] == "v2"


def test_offline_sends_nothing(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA)
    code, words = refused(rbee, url, "--offline")
    assert code == "DOWNLOAD_FAILED"
    assert "offline" in words
    assert web.requests == []


def test_checksums_that_contradict_each_other(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA)
    web.page("/SHA256SUMS", f"{SHA256}  m.gguf\n{WRONG}  m.gguf\n".encode())
    assert refused(rbee, url)[0] == "CHECKSUM_MISMATCH"


def test_a_site_that_answers_everything_with_a_page_has_no_checksums(rbee: RbeeHome, web: WebServer) -> None:
    url = web.page("/m.gguf", DATA)
    for name in ("/m.gguf.sha256", "/SHA256SUMS", "/sha256sums.txt"):
        web.page(name, f"{WRONG}  m.gguf".encode(), headers={"Content-Type": "text/html"})
    assert entry(rbee, url)["size"] == len(DATA)


def test_importing_it_costs_nothing() -> None:
    code = "import sys, rbee_vendor_http; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"urllib3", "requests", "ssl", "http.client", "netrc"} & set(done.stdout.split())
