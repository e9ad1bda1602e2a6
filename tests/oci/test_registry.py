"""The client against a real registry: tags and digests, log-ins of every kind, redirects, damage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.oci import Descriptor, Registry, locate
from rbee_core.oci.auth import Authenticator
from rbee_core.transfer import Tally, receive, retry
from support.servers.docker_registry import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    PASSWORD,
    USER,
    DockerRegistry,
    Layer,
    basic,
)
from support.servers.registry_auth import Blobs, Door, Seen, TokenServer

DATA = os.urandom(700_000)
LAYERS = [Layer("application/octet-stream", DATA, {"org.opencontainers.image.title": "m.gguf"})]


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for credentials; and nobody waits long for another try."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DOCKER_CONFIG", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "config"))
    monkeypatch.setattr(retry, "BACKOFF", 0.01)
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.json"


def log_in(config: Path, host: str, **entry: str) -> None:
    config.write_text(json.dumps({"auths": {host: entry}}))


def client(host: str, repository: str = "org/m", **options: Any) -> Registry:
    return Registry(locate(host, repository), Job(options=JobOptions(**options)))


def fetch(registry: Registry, layer: Descriptor, dest: Path) -> bytes:
    job = Job()
    receive(registry.blob(layer, "m.gguf"), dest, Tally(job))
    return dest.read_bytes()


def code(caught: pytest.ExceptionInfo[RbeeError]) -> ErrorCode:
    return caught.value.code


# --- what is there --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", ["", DOCKER_MANIFEST])
def test_by_tag_and_by_digest(registry: DockerRegistry, tmp_path: Path, media_type: str) -> None:
    kind = {"media_type": media_type} if media_type else {}
    config = Layer("application/vnd.docker.container.image.v1+json", b'{"a": 1}')
    digest = registry.push("org/m", "v1", LAYERS, config=config, **kind)
    there = client(registry.host)
    found = there.manifest("v1")
    assert found.digest == digest
    assert there.manifest(digest) == found
    assert there.small_blob(found.config) == b'{"a": 1}'
    assert fetch(there, found.layers[0], tmp_path / "m.gguf") == DATA


def test_what_skopeo_pushes(registry: DockerRegistry, tmp_path: Path) -> None:
    """A copy made by another client, of an artifact that rbee's own fixture made."""
    if shutil.which("skopeo") is None and os.environ.get("CI") != "true":
        pytest.skip("needs skopeo (apt-get install skopeo)")
    digest = registry.push("org/m", "v1", LAYERS)
    command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    places = [f"docker://{registry.host}/org/m:v1", f"docker://{registry.host}/other/copy:v2"]
    subprocess.run([*command, *places], check=True, capture_output=True, timeout=60)
    there = client(registry.host, "other/copy")
    found = there.manifest("v2")
    assert found.digest == digest
    assert fetch(there, found.layers[0], tmp_path / "m.gguf") == DATA


def test_an_index_leads_to_its_manifest(registry: DockerRegistry) -> None:
    digest = registry.push("org/m", "", LAYERS)
    size = len(registry.blob_path(digest).read_bytes())
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size}
    platform = {"platform": {"os": "linux", "architecture": "amd64"}}
    registry.push_manifest("org/m", "one", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    two = [entry, {**entry, **platform}]
    registry.push_manifest("org/m", "two", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": two})
    both = [{**entry, **platform}] * 2
    registry.push_manifest("org/m", "both", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": both})
    there = client(registry.host)
    assert there.manifest("one").digest == digest
    assert there.manifest("two").digest == digest
    with pytest.raises(RbeeError, match="linux/amd64: sha256:") as caught:
        there.manifest("both")
    assert code(caught) is ErrorCode.MODEL_NOT_FOUND


@pytest.mark.parametrize(("repository", "tag"), [("org/m", "v2"), ("org/none", "v1"), ("org/m", "sha256:" + "0" * 64)])
def test_what_is_not_there(registry: DockerRegistry, repository: str, tag: str) -> None:
    registry.push("org/m", "v1", LAYERS)
    with pytest.raises(RbeeError) as caught:
        client(registry.host, repository).manifest(tag)
    assert code(caught) is ErrorCode.MODEL_NOT_FOUND
    assert repository in caught.value.message


def test_offline_nothing_is_asked(registry: DockerRegistry) -> None:
    with pytest.raises(RbeeError) as caught:
        client(registry.host, offline=True)
    assert code(caught) is ErrorCode.DOWNLOAD_FAILED


# --- damage ---------------------------------------------------------------------------------------------------------


def changed(seen: Seen, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return status, headers, body + b" " if "/manifests/" in seen.path else body[:-1] + b"!"


def test_a_manifest_that_is_not_what_its_digest_says(registry: DockerRegistry) -> None:
    digest = registry.push("org/m", "v1", LAYERS)
    with Door(registry, change=changed) as door:
        for reference in (digest, "v1"):  # by tag, the registry's own header tells
            with pytest.raises(RbeeError) as caught:
                client(door.host).manifest(reference)
            assert code(caught) is ErrorCode.CHECKSUM_MISMATCH


def test_small_blobs_are_checked_and_bounded(registry: DockerRegistry) -> None:
    registry.push("org/m", "v1", LAYERS, config=Layer("application/x", b"{}   "))
    found = client(registry.host).manifest("v1")
    with Door(registry, change=changed) as door, pytest.raises(RbeeError) as caught:
        client(door.host).small_blob(found.config)
    assert code(caught) is ErrorCode.CHECKSUM_MISMATCH
    with pytest.raises(RbeeError, match="700000 bytes"):
        client(registry.host).small_blob(found.layers[0], limit=1000)


def test_an_endless_manifest_is_not_read(registry: DockerRegistry) -> None:
    def endless(seen: Seen, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        return status, headers, b" " * (5 << 20)

    registry.push("org/m", "v1", LAYERS)
    with Door(registry, change=endless) as door, pytest.raises(RbeeError, match="more than 4194304 bytes"):
        client(door.host).manifest("v1")


def test_a_log_in_page_is_no_manifest(registry: DockerRegistry) -> None:
    def page(seen: Seen, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/html"}, b"<html>Welcome to the airport</html>"

    registry.push("org/m", "v1", LAYERS)
    with Door(registry, change=page) as door, pytest.raises(RbeeError, match="makes no sense") as caught:
        client(door.host).manifest("v1")
    assert code(caught) is ErrorCode.DOWNLOAD_FAILED


# --- passwords ------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(start_registry: Any) -> DockerRegistry:
    registry: DockerRegistry = start_registry(auth="basic")
    registry.push("org/m", "v1", LAYERS)
    return registry


def test_a_password_opens(locked: DockerRegistry, docker_config: Path, tmp_path: Path) -> None:
    log_in(docker_config, locked.host, auth=basic(USER, PASSWORD).removeprefix("Basic "))
    there = client(locked.host)
    assert fetch(there, there.manifest("v1").layers[0], tmp_path / "m") == DATA


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_the_right_password_it_says_how_to_log_in(
    locked: DockerRegistry, docker_config: Path, password: str | None
) -> None:
    if password:
        log_in(docker_config, locked.host, username=USER, password=password)
    with pytest.raises(RbeeError) as caught:
        client(locked.host).manifest("v1")
    assert code(caught) is ErrorCode.AUTH_REQUIRED
    assert f"docker login {locked.host}" in caught.value.hint
    assert "wrong" not in f"{caught.value.message}{caught.value.hint}"


def test_redirected_to_another_origin_blobs_come_without_credentials(
    locked: DockerRegistry, docker_config: Path, tmp_path: Path
) -> None:
    with Blobs(locked) as blobs, Door(locked, redirect=f"http://{blobs.host}") as door:
        log_in(docker_config, door.host, username=USER, password=PASSWORD)
        there = client(door.host)
        assert fetch(there, there.manifest("v1").layers[0], tmp_path / "m") == DATA
        assert blobs.requests
        assert all("authorization" not in seen.headers for seen in blobs.requests)
        assert any("authorization" in seen.headers for seen in door.requests)


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    with TokenServer(tmp_path) as server:
        yield server


@pytest.fixture
def guarded(start_registry: Any, tokens: TokenServer) -> DockerRegistry:
    """A registry that takes the tokens of `tokens`."""
    registry: DockerRegistry = start_registry(auth=tokens.auth)
    registry.pusher = tokens.pusher("org/m")
    registry.push("org/m", "v1", LAYERS)
    return registry


def test_everybody_gets_a_token_and_uses_it_again(guarded: DockerRegistry, tokens: TokenServer, tmp_path: Path) -> None:
    there = client(guarded.host)
    assert fetch(there, there.manifest("v1").layers[0], tmp_path / "m") == DATA
    there.manifest("v1")
    (asked,) = tokens.requests
    assert "scope=repository%3Aorg%2Fm%3Apull" in asked.path
    assert "flavour=clover%2Choney" in asked.path
    assert "authorization" not in asked.headers


def test_a_password_buys_a_token(guarded: DockerRegistry, tokens: TokenServer, docker_config: Path) -> None:
    tokens.passwords = {USER: PASSWORD}
    log_in(docker_config, guarded.host, username=USER, password=PASSWORD)
    client(guarded.host).manifest("v1")
    assert [seen.headers["authorization"] for seen in tokens.requests] == [basic(USER, PASSWORD)]


def test_an_identity_token_buys_a_token(guarded: DockerRegistry, tokens: TokenServer, docker_config: Path) -> None:
    tokens.passwords, tokens.refresh_token = {"nobody": "else"}, "refresh-me"
    log_in(docker_config, guarded.host, identitytoken="refresh-me")
    client(guarded.host).manifest("v1")
    (asked,) = tokens.requests
    assert asked.method == "POST"
    assert b"refresh_token=refresh-me" in asked.body
    assert "refresh-me" not in asked.path


def test_no_token_is_no_access(guarded: DockerRegistry, tokens: TokenServer) -> None:
    tokens.passwords = {USER: PASSWORD}
    with pytest.raises(RbeeError) as caught:
        client(guarded.host).manifest("v1")
    assert code(caught) is ErrorCode.AUTH_REQUIRED
    assert "401" in caught.value.message


def test_a_token_that_ran_out_unexpectedly_is_renewed(
    guarded: DockerRegistry, tokens: TokenServer, tmp_path: Path
) -> None:
    tokens.stale = 1
    there = client(guarded.host)
    assert fetch(there, there.manifest("v1").layers[0], tmp_path / "m") == DATA
    assert len(tokens.requests) == 2


def test_a_token_that_runs_out_between_manifest_and_blob(
    guarded: DockerRegistry, tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = os.urandom(20_000_000)  # comes in ranges, each of which finds the token refused
    guarded.push("org/m", "v1", [Layer("application/octet-stream", large)])
    there = client(guarded.host)
    layer = there.manifest("v1").layers[0]
    auth: Authenticator = there._auth
    # As time would: the token is still thought good, and the registry takes it no more.
    stale = "Bearer " + tokens._token([("org/m", ["pull"])], -3600)
    monkeypatch.setattr(auth, "_value", stale)
    assert fetch(there, layer, tmp_path / "m") == large
    assert len(tokens.requests) == 2


def test_a_token_is_renewed_before_it_runs_out(guarded: DockerRegistry, tokens: TokenServer) -> None:
    there = client(guarded.host)
    there.manifest("v1")
    there._auth._until = 0.0
    there.manifest("v1")
    assert len(tokens.requests) == 2


def test_tokens_that_are_never_good_end_in_words(guarded: DockerRegistry, tokens: TokenServer) -> None:
    tokens.stale = 99
    with pytest.raises(RbeeError) as caught:
        client(guarded.host).manifest("v1")
    assert code(caught) is ErrorCode.AUTH_REQUIRED
    assert len(tokens.requests) <= 3


def test_an_unreachable_token_server_is_not_forever(start_registry: Any, tmp_path: Path) -> None:
    with TokenServer(tmp_path) as gone:
        auth = gone.auth
    registry = start_registry(auth=auth)
    with pytest.raises(RbeeError) as caught:
        client(registry.host).manifest("v1")
    assert code(caught) is ErrorCode.DOWNLOAD_FAILED


def test_a_token_server_in_the_clear_elsewhere_is_never_asked(start_registry: Any, tmp_path: Path) -> None:
    with TokenServer(tmp_path) as tokens:
        auth = tokens.auth
        auth["token"]["realm"] = "http://auth.example/token"
        registry = start_registry(auth=auth)
        # Spoken to without encryption because it is this machine; the token server is not.
        with pytest.raises(RbeeError) as caught:
            client(registry.host).manifest("v1")
    assert code(caught) is ErrorCode.AUTH_REQUIRED
    assert "auth.example" in caught.value.message
