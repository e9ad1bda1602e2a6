"""Models from Oracle Object Storage, through the command line, against a server that checks every signature."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rbee_vendor_oci import OracleVendor

from rbee_core import Job, ModelRef, RbeeError
from rbee_core.contracts import ModelManifest
from rbee_core.jobs import JobOptions
from rbee_core.testing.cli import RbeeHome, refused
from support.servers.oracle import OracleServer

DATA = b"GGUF" + os.urandom(300_000)
SHA256 = hashlib.sha256(DATA)


@pytest.fixture
def rbee(rbee: RbeeHome, oracle: OracleServer) -> RbeeHome:
    """An rbee whose user has an API key."""
    rbee.env.update(oracle.env())
    return rbee


@pytest.fixture
def holder(rbee: RbeeHome, oracle: OracleServer) -> RbeeHome:
    """An rbee whose user was given the address of a bucket; nothing has to be signed, which is quicker."""
    return RbeeHome(rbee.path, {"RBEE_OCI_PAR": oracle.par("models")})


def document(rbee: RbeeHome, verb: str, *arguments: str) -> Any:
    done = rbee("models", verb, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


class Ask:
    """The vendor itself, asked in this process: Oracle's SDK takes a second to import."""

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self.patch, self.home = patch, home

    def __call__(self, env: dict[str, str], ref: str, **options: Any) -> ModelManifest:
        with self.patch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("OCI_", "RBEE_"))]:
                patch.delenv(name)
            for name, value in {"HOME": str(self.home), **env}.items():
                patch.setenv(name, value)
            return OracleVendor().resolve_model(ModelRef.parse(ref), Job(options=JobOptions(**options)))

    def in_vain(self, env: dict[str, str], ref: str, **options: Any) -> tuple[str, str]:
        """The code and the words of the refusal."""
        with pytest.raises(RbeeError) as caught:
            self(env, ref, **options)
        return caught.value.code.value, f"{caught.value.message} {caught.value.hint}"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    return Ask(monkeypatch, tmp_path)


def test_an_object(rbee: RbeeHome, oracle: OracleServer) -> None:
    checksum = {"opc-content-sha256": base64.b64encode(SHA256.digest()).decode()}
    placed = oracle.put("models", "a b/tiny+ü.gguf", DATA, headers=checksum)
    ref = "oci://models@ns/a b/tiny+ü.gguf"
    shown = document(rbee, "resolve", ref)
    digest = f"sha256:{SHA256.hexdigest()}"
    assert shown["files"] == [{"name": "tiny+ü.gguf", "size": len(DATA), "digest": digest}]
    assert (shown["vendor"], shown["dist"]) == ("oci", "rbee-vendor-oci")
    assert shown["revision"] == f"version-of-{placed.etag}"
    found = document(rbee, "download", ref)
    assert Path(found["path"]).read_bytes() == DATA
    assert found["digest"] == digest
    assert all(request.who.startswith("ocid1.tenancy") for request in oracle.requests)
    assert all(request.headers["if-match"] == placed.etag for request in oracle.asked("a b/tiny+ü.gguf"))


def test_a_prefix_that_comes_in_pages(ask: Ask, oracle: OracleServer) -> None:
    oracle.page_size = 2
    for name in ("model.safetensors", "config.json", "pytorch_model.bin", ".git/config", "sub/vocab.json"):
        oracle.put("models", f"m/{name}", b"{}")
    oracle.put("models", "m/sub/", b"")
    found = ask({"RBEE_OCI_PAR": oracle.par("models")}, "oci://models@ns/m")
    assert [file.name for file in found.files] == ["config.json", "model.safetensors", "sub/vocab.json"]


@pytest.mark.parametrize("header", ["Content-MD5", "opc-content-sha384"])
def test_wrong_bytes_of_the_right_size(holder: RbeeHome, oracle: OracleServer, header: str) -> None:
    algorithm = "md5" if header == "Content-MD5" else "sha384"
    other = base64.b64encode(hashlib.new(algorithm, b"others").digest()).decode()
    oracle.put("models", "m.gguf", DATA, headers={header: other})
    assert refused(holder, "oci://models@ns/m.gguf")[0] == "CHECKSUM_MISMATCH"


def test_an_object_in_parts_has_its_size_and_version_only(holder: RbeeHome, oracle: OracleServer) -> None:
    parts = {"Content-MD5": None, "opc-multipart-md5": base64.b64encode(b"0" * 16).decode() + "-3"}
    oracle.put("models", "m.gguf", DATA, headers=parts)
    assert document(holder, "download", "oci://models@ns/m.gguf")["digest"] == f"sha256:{SHA256.hexdigest()}"


def test_a_version(ask: Ask, oracle: OracleServer) -> None:
    placed = oracle.put("models", "m.gguf", DATA)
    version, env = f"version-of-{placed.etag}", {"RBEE_OCI_PAR": oracle.par("models")}
    assert ask(env, "oci://models@ns/m.gguf", revision=version).revision == version
    assert ask.in_vain(env, "oci://models@ns/m.gguf", revision="never-was")[0] == "REVISION_NOT_FOUND"


def test_an_archived_object(ask: Ask, oracle: OracleServer) -> None:
    oracle.put("models", "m.gguf", DATA, headers={"archival-state": "Archived"})
    code, words = ask.in_vain({"RBEE_OCI_PAR": oracle.par("models")}, "oci://models@ns/m.gguf")
    assert code == "DOWNLOAD_FAILED"
    assert "Restore it first" in words


def test_what_is_not_there(ask: Ask, oracle: OracleServer) -> None:
    oracle.put("models", "m.gguf", DATA)
    code, words = ask.in_vain(oracle.env(), "oci://models@ns/none.gguf")
    assert code == "MODEL_NOT_FOUND"
    assert "oci://models@ns/none.gguf" in words
    code, words = ask.in_vain(oracle.env(), "oci://none@ns/none.gguf")
    assert code == "MODEL_NOT_FOUND"
    assert "no bucket" in words


def test_who_asks(ask: Ask, oracle: OracleServer) -> None:
    """A session, a resource principal, a pre-authenticated request, nobody: each is told apart by the server."""
    oracle.put("models", "m.gguf", DATA)
    ref = "oci://models@ns/m.gguf"
    par = oracle.par("models", "m.gguf")
    ways = {"session": oracle.session_env(), "resource": oracle.resource_principal_env(), "par": {"RBEE_OCI_PAR": par}}
    for way, env in ways.items():
        oracle.requests.clear()
        assert ask(env, ref).files[0].size == len(DATA)
        assert oracle.requests
        assert all(request.who.startswith("ST$") == (way != "par") for request in oracle.requests)
        assert all("authorization" not in request.headers for request in oracle.requests if way == "par")
    oracle.public.add(("ns", "models"))
    assert ask({"RBEE_OCI_ENDPOINT": oracle.url}, ref).files[0].size == len(DATA)


def test_a_pre_authenticated_request_stays_secret(rbee: RbeeHome, oracle: OracleServer) -> None:
    oracle.put("models", "m.gguf", DATA)
    par = oracle.par("models")
    token = par.partition("/p/")[2].partition("/")[0]
    mine = RbeeHome(rbee.path, {"RBEE_OCI_PAR": par})
    document(mine, "download", "oci://models@ns/m.gguf")
    code, words = refused(mine, "oci://others@ns/m.gguf")
    assert code == "AUTH_REQUIRED"
    assert token not in words
    del oracle.pars[token]
    code, words = refused(mine, "oci://models@ns/n.gguf")
    assert code == "MODEL_NOT_FOUND"
    assert token not in words
    assert not [path for path in rbee.models.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


def test_a_key_that_the_service_does_not_know(ask: Ask, oracle: OracleServer) -> None:
    oracle.put("models", "m.gguf", DATA)
    env, ref = oracle.env(), "oci://models@ns/m.gguf"
    config = Path(env["OCI_CONFIG_FILE"])
    config.write_text(config.read_text().replace("fingerprint=", "fingerprint=00:"))
    code, words = ask.in_vain(env, ref)
    assert code == "AUTH_REQUIRED"
    config.write_text("[DEFAULT]\nuser=a-secret-of-mine\n")
    code, words = ask.in_vain(env, ref)
    assert code == "AUTH_REQUIRED"
    assert "a-secret-of-mine" not in words
    code, words = ask.in_vain({**env, "OCI_CONFIG_PROFILE": "WASPS"}, ref)
    assert code == "AUTH_REQUIRED"
    assert "WASPS" in words


def test_no_credentials_at_all(ask: Ask) -> None:
    code, words = ask.in_vain({}, "oci://models@ns/m.gguf")
    assert code == "AUTH_REQUIRED"
    assert "OCI_CONFIG_FILE" in words


def test_a_hostile_key_leaves_nothing(holder: RbeeHome, oracle: OracleServer, tmp_path: Path) -> None:
    """All the ways to be hostile: ``tests/vendors/test_hostile_names.py``."""
    oracle.put("models", "m/../evil.gguf", DATA)
    assert refused(holder, "oci://models@ns/m/")[0] == "UNSAFE_PATH"
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_offline_sends_nothing(holder: RbeeHome, oracle: OracleServer) -> None:
    assert refused(holder, "oci://models@ns/m.gguf", "--offline")[0] == "DOWNLOAD_FAILED"
    assert oracle.requests == []


@pytest.mark.parametrize(
    ("ref", "ours"),
    [("oci://bucket@ns/m.gguf", True), ("oci://ghcr.io/org/m:latest", False), ("docker://org/m:latest", False)],
)
def test_registries_are_another_vendor_s(ref: str, ours: bool) -> None:
    assert OracleVendor().supports_model(ModelRef.parse(ref)) is ours


def test_importing_it_costs_nothing() -> None:
    code = "import sys, rbee_vendor_oci; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"oci", "ocifs", "cryptography", "urllib3", "requests", "fsspec"} & set(done.stdout.split())


def test_an_object_that_is_replaced_while_it_is_fetched(
    oracle: OracleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle.put("models", "m.gguf", DATA, headers={"version-id": None})
    monkeypatch.setenv("RBEE_OCI_PAR", oracle.par("models"))
    vendor, job, ref = OracleVendor(), Job(), ModelRef.parse("oci://models@ns/m.gguf")
    vendor.resolve_model(ref, job)
    oracle.put("models", "m.gguf", DATA[::-1], headers={"version-id": None})
    with pytest.raises(RbeeError) as caught:
        vendor.download_model(ref, tmp_path, job)
    assert caught.value.code == "DOWNLOAD_FAILED"
    assert "replaced" in caught.value.message
    assert not (tmp_path / "m.gguf").exists()
