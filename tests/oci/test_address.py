"""Where a repository is, by its spelling alone."""

from __future__ import annotations

import pytest

from rbee_core.errors import UsageError
from rbee_core.oci import is_loopback, locate, wanted_version
from rbee_core.refs import ModelRef

SHA = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("host", "repository", "base", "name"),
    [
        (None, "busybox", "https://registry-1.docker.io", "docker.io/library/busybox"),
        (None, "ai/gemma3", "https://registry-1.docker.io", "docker.io/ai/gemma3"),
        ("docker.io", "ai/gemma3", "https://registry-1.docker.io", "docker.io/ai/gemma3"),
        ("index.docker.io", "busybox", "https://registry-1.docker.io", "docker.io/library/busybox"),
        ("ghcr.io", "m", "https://ghcr.io", "ghcr.io/m"),
        ("GHCR.io", "m", "https://ghcr.io", "ghcr.io/m"),
        ("reg.example:5000", "a/b", "https://reg.example:5000", "reg.example:5000/a/b"),
        ("127.0.0.1:5000", "a", "http://127.0.0.1:5000", "127.0.0.1:5000/a"),
        ("127.9.9.9", "a", "http://127.9.9.9", "127.9.9.9/a"),
        ("localhost", "a", "http://localhost", "localhost/a"),
        ("[::1]:5000", "a", "http://[::1]:5000", "[::1]:5000/a"),
        ("localhost.example", "a", "https://localhost.example", "localhost.example/a"),
        ("127.0.0.1.example", "a", "https://127.0.0.1.example", "127.0.0.1.example/a"),
    ],
)
def test_addresses(host: str | None, repository: str, base: str, name: str) -> None:
    address = locate(host, repository)
    assert (address.base, str(address)) == (base, name)
    assert not address.plain


def test_insecure_means_plain_http_everywhere() -> None:
    address = locate("reg.example", "a", insecure=True)
    assert address.manifest_url("v1") == "http://reg.example/v2/a/manifests/v1"
    assert address.plain


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost:80", True), ("a.localhost", True), ("::1", True), ("[::1]", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("ref", "revision", "expected"),
    [
        ("oci://r.example/m", None, "latest"),
        ("oci://r.example/m:v1", None, "v1"),
        ("oci://r.example/m:v1", "v2", "v2"),
        (f"oci://r.example/m:v1@{SHA}", None, SHA),
        (f"oci://r.example/m@{SHA}", SHA, SHA),
        ("ollama:m:7b", None, "7b"),
        ("ollama:m", SHA, SHA),
    ],
)
def test_which_manifest(ref: str, revision: str | None, expected: str) -> None:
    assert wanted_version(ModelRef.parse(ref), revision) == expected


@pytest.mark.parametrize("revision", ["../x", "a b", "", "-v", "sha256:12", "a" * 129, "v1?x"])
def test_a_revision_that_is_none(revision: str) -> None:
    with pytest.raises(UsageError):
        wanted_version(ModelRef.parse("oci://r.example/m"), revision)


def test_two_digests_are_a_contradiction() -> None:
    with pytest.raises(UsageError):
        wanted_version(ModelRef.parse(f"oci://r.example/m@{SHA}"), "v1")
