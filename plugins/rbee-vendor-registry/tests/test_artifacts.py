"""Artifacts of every make from a real registry, through the command line."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import zstandard
from rbee_vendor_registry import RegistryVendor

from rbee_core import ErrorCode, Job, ModelRef, RbeeError
from rbee_core.testing.cli import RbeeHome
from support.servers.docker_registry import PASSWORD, USER, DockerRegistry, Layer
from support.servers.registry_auth import Door

from .artifacts import DOCKER, FILEPATH, PACK, TITLE, UNPACK, WEIGHTS, contents, document, failure, tar

# --- the makes ------------------------------------------------------------------------------------------------------


def modelpack(registry: DockerRegistry, repository: str, tag: str, layers: list[Layer], about: Any = None) -> str:
    config = Layer(PACK + "config.v1+json", json.dumps(about or {}).encode())
    return registry.push(repository, tag, layers, config=config, artifactType=PACK + "manifest.v1+json")


def test_oras(rbee: RbeeHome, registry: DockerRegistry) -> None:
    inside = tar({"tokenizer/vocab.json": b"{}", "tokenizer/merges.txt": b"a b"})
    layers = [
        Layer("application/octet-stream", WEIGHTS, {TITLE: "weights/m.gguf"}),
        Layer("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(inside), {TITLE: "tokenizer", **UNPACK}),
        Layer("application/octet-stream", b"no title, not for us"),
    ]
    registry.push("org/m", "v1", layers, artifactType="application/vnd.example.model")
    ref = f"oci://{registry.host}/org/m:v1"
    listed = document(rbee("models", "resolve", ref, "--json"))
    entry = document(rbee("models", "download", ref, "--json"))
    assert contents(rbee, entry) == {
        "weights/m.gguf": WEIGHTS,
        "tokenizer/vocab.json": b"{}",
        "tokenizer/merges.txt": b"a b",
    }
    assert listed["files"] == entry["files"]
    assert listed["revision"] == entry["revision"]


@pytest.mark.parametrize("pack", ["raw", "tar", "tar+gzip", "tar+zstd"])
def test_modelpack(rbee: RbeeHome, registry: DockerRegistry, pack: str) -> None:
    data = tar({"w/m.gguf": WEIGHTS})
    packed = {"raw": WEIGHTS, "tar": data, "tar+gzip": gzip.compress(data), "tar+zstd": zstandard.compress(data)}[pack]
    layers = [
        Layer(f"{PACK}weight.v1.{pack}", packed, {FILEPATH: "w/m.gguf"}),
        Layer(PACK + "weight.config.v1.raw", b"{}", {FILEPATH: "config.json"}),
        Layer(PACK + "doc.v1.raw", b"# hi", {FILEPATH: "README.md"}),
    ]
    about = {
        "descriptor": {"family": "llama", "licenses": ["MIT"]},
        "config": {"paramSize": "8b", "quantization": "q8"},
    }
    digest = modelpack(registry, "org/m", "latest", layers, about)
    entry = document(rbee("models", "download", f"oci://{registry.host}/org/m", "--json"))
    assert contents(rbee, entry) == {"w/m.gguf": WEIGHTS, "config.json": b"{}", "README.md": b"# hi"}
    assert entry["revision"] == digest
    facts = {"artifact": "modelpack", "model_family": "llama", "license": "MIT", "quantization": "q8"}
    assert facts.items() <= entry["metadata"].items()


def docker(registry: DockerRegistry, layers: list[Layer], version: str = "0.1") -> None:
    about = {"config": {"format": "gguf", "architecture": "llama", "parameters": "1.2 B", "context_size": 4096}}
    config = Layer(f"{DOCKER}model.config.v{version}+json", json.dumps(about).encode())
    registry.push("ai/m", "latest", layers, config=config)


def test_a_docker_model(rbee: RbeeHome, registry: DockerRegistry) -> None:
    kinds = {"gguf.v3": WEIGHTS, "mmproj": b"p", "license": b"one", "chat.template.jinja": b"{{ x }}"}
    docker(registry, [Layer(DOCKER + kind, data) for kind, data in kinds.items()] + [Layer(DOCKER + "license", b"two")])
    entry = document(rbee("models", "download", f"docker://{registry.host}/ai/m", "--json"))
    assert contents(rbee, entry) == {
        "model.gguf": WEIGHTS,
        "mmproj.gguf": b"p",
        "LICENSE": b"one",
        "LICENSE-2": b"two",
        "template.jinja": b"{{ x }}",
    }
    assert entry["metadata"]["model_family"] == "llama"
    assert entry["metadata"]["context_length"] == 4096


def test_a_docker_model_in_shards_with_its_configuration(rbee: RbeeHome, registry: DockerRegistry) -> None:
    shards = [Layer(DOCKER + "safetensors", bytes([number]) * 9) for number in range(3)]
    config = Layer(DOCKER + "vllm.config.tar", tar({"config.json": b'{"model_type": "llama"}'}))
    folder = Layer(DOCKER + "dir.tar", tar({"assets/a.txt": b"a"}))
    docker(registry, [*shards, config, folder])
    ref = f"docker://{registry.host}/ai/m"
    listed = document(rbee("models", "resolve", ref, "--json"))
    entry = document(rbee("models", "download", ref, "--json"))
    assert contents(rbee, entry) == {
        "model-00001-of-00003.safetensors": b"\0" * 9,
        "model-00002-of-00003.safetensors": b"\1" * 9,
        "model-00003-of-00003.safetensors": b"\2" * 9,
        "config.json": b'{"model_type": "llama"}',
        "assets/a.txt": b"a",
    }
    assert entry["files"] == listed["files"]


def test_a_docker_model_of_the_second_version(rbee: RbeeHome, registry: DockerRegistry) -> None:
    layers = [
        Layer(DOCKER + "safetensors", WEIGHTS, {FILEPATH: "text_encoder/model.safetensors"}),
        Layer(DOCKER + "model.file", b"{}", {FILEPATH: "text_encoder/config.json"}),
        Layer(PACK + "weight.v1.gguf", b"g"),
    ]
    docker(registry, layers, "0.2")
    entry = document(rbee("models", "download", f"docker://{registry.host}/ai/m", "--json"))
    assert set(contents(rbee, entry)) == {"text_encoder/model.safetensors", "text_encoder/config.json", "model.gguf"}


# --- by tag, by digest, by another's hand ---------------------------------------------------------------------------


def test_a_digest_goes_before_the_tag(rbee: RbeeHome, registry: DockerRegistry) -> None:
    old = registry.push("org/m", "v1", [Layer("application/x", b"old", {TITLE: "m.gguf"})])
    registry.push("org/m", "v1", [Layer("application/x", b"new", {TITLE: "m.gguf"})])
    for ref, data in ((f"org/m:v1@{old}", b"old"), ("org/m:v1", b"new")):
        entry = document(rbee("models", "download", f"oci://{registry.host}/{ref}", "--json"))
        assert Path(entry["path"]).read_bytes() == data


def test_a_copy_that_skopeo_made(rbee: RbeeHome, registry: DockerRegistry) -> None:
    if shutil.which("skopeo") is None and os.environ.get("CI") != "true":
        pytest.skip("needs skopeo (apt-get install skopeo)")
    modelpack(registry, "org/m", "v1", [Layer(PACK + "weight.v1.raw", WEIGHTS, {FILEPATH: "m.gguf"})])
    command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    places = [f"docker://{registry.host}/org/m:v1", f"docker://{registry.host}/copies/m:v9"]
    subprocess.run([*command, *places], check=True, capture_output=True, timeout=60)
    entry = document(rbee("models", "download", f"oci://{registry.host}/copies/m:v9", "--json"))
    assert Path(entry["path"]).read_bytes() == WEIGHTS


def test_a_log_in_from_dockers_own_file(rbee: RbeeHome, start_registry: Any) -> None:
    registry = start_registry(auth="basic")
    registry.push("org/m", "v1", [Layer("application/x", WEIGHTS, {TITLE: "m.gguf"})])
    ref = f"oci://{registry.host}/org/m:v1"
    error = failure(rbee("models", "download", ref, "--json"))
    assert error["code"] == "AUTH_REQUIRED"
    config = rbee.path / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"auths": {registry.host: {"username": USER, "password": PASSWORD}}}))
    done = rbee("models", "download", ref, "--json", "-v")
    assert Path(document(done)["path"]).read_bytes() == WEIGHTS
    assert PASSWORD not in done.stdout + done.stderr


def test_weights_that_are_here_are_not_fetched_again(rbee: RbeeHome, registry: DockerRegistry) -> None:
    """Another vendor brought them, as a plain file; and the archive beside them is too small to matter."""
    weights = rbee.path / "m.gguf"
    weights.write_bytes(WEIGHTS)
    document(rbee("models", "download", f"file:{weights}", "--json"))
    docker(
        registry, [Layer(DOCKER + "gguf.v3", WEIGHTS), Layer(DOCKER + "vllm.config.tar", tar({"config.json": b"{}"}))]
    )
    with Door(registry) as door:
        entry = document(rbee("models", "download", f"docker://{door.host}/ai/m", "--json"))
        digest = next(file["digest"] for file in entry["files"] if file["name"] == "model.gguf")
        assert not [seen for seen in door.requests if digest in seen.path]
    assert contents(rbee, entry)["model.gguf"] == WEIGHTS


def test_large_archives_are_not_fetched_to_be_shown(rbee: RbeeHome, registry: DockerRegistry) -> None:
    large = os.urandom(9 << 20)
    modelpack(registry, "org/m", "v1", [Layer(PACK + "weight.v1.tar", tar({"m.gguf": large}))])
    ref = f"oci://{registry.host}/org/m:v1"
    assert document(rbee("models", "resolve", ref, "--json"))["files"] is None
    entry = document(rbee("models", "download", ref, "--json"))
    assert contents(rbee, entry) == {"m.gguf": large}
    assert not list(rbee.models.glob("partial/*/*"))


def test_include_reaches_into_archives(rbee: RbeeHome, registry: DockerRegistry) -> None:
    layers = [
        Layer(PACK + "weight.v1.raw", WEIGHTS, {FILEPATH: "m.gguf"}),
        Layer(PACK + "doc.v1.tar", tar({"a.md": b"a", "b.md": b"b", "model.bin": b"pickle"})),
    ]
    modelpack(registry, "org/m", "v1", layers)
    ref = f"oci://{registry.host}/org/m:v1"
    entry = document(rbee("models", "download", ref, "--exclude", "a.*", "--json"))
    assert set(contents(rbee, entry)) == {"m.gguf", "b.md"}


# --- what is refused ------------------------------------------------------------------------------------------------


def refusal(ref: str) -> RbeeError:
    """What the vendor itself says, asked without the core around it."""
    with pytest.raises(RbeeError) as caught:
        RegistryVendor().resolve_model(ModelRef.parse(ref), Job())
    return caught.value


@pytest.mark.parametrize("size", [10, 9 << 20], ids=["looked into", "downloaded first"])
def test_a_hostile_archive_leaves_nothing(rbee: RbeeHome, registry: DockerRegistry, size: int) -> None:
    layers = [Layer(PACK + "weight.v1.tar", tar({"good.gguf": os.urandom(size), "../../escaped": b"evil"}))]
    modelpack(registry, "org/m", "v1", layers)
    error = failure(rbee("models", "download", f"oci://{registry.host}/org/m:v1", "--json"))
    assert error["code"] == "UNSAFE_PATH"
    assert not list(rbee.path.rglob("escaped"))
    assert not list(rbee.path.rglob("good.gguf"))


@pytest.mark.parametrize(
    ("config", "layers", "told"),
    [
        (
            "application/vnd.oci.image.config.v1+json",
            [Layer("application/vnd.oci.image.layer.v1.tar+gzip", b"x")],
            "container image",
        ),
        (
            "application/vnd.docker.container.image.v1+json",
            [Layer("application/vnd.docker.image.rootfs.diff.tar.gzip", b"x")],
            "container image",
        ),
        (
            "application/vnd.docker.container.image.v1+json",
            [Layer("application/vnd.ollama.image.model", b"x")],
            "an Ollama model",
        ),
        ("application/vnd.cncf.helm.config.v1+json", [Layer("application/vnd.cncf.helm.chart", b"x")], "no kind"),
        ("application/vnd.cncf.model.config.v1+json", [], "without files"),
        ("application/x", [Layer("application/x", b"x", {TITLE: "pytorch_model.bin"})], "--include"),
        ("application/x", [Layer("application/x", b"x", {TITLE: "m-00001-of-00002.gguf"})], "m-00002-of-00002.gguf"),
    ],
)
def test_what_is_no_model(registry: DockerRegistry, config: str, layers: list[Layer], told: str) -> None:
    registry.push("org/m", "v1", layers, config=Layer(config, b"{}"))
    error = refusal(f"oci://{registry.host}/org/m:v1")
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert told in error.message + error.hint


def test_object_storage_is_another_vendors() -> None:
    vendor = RegistryVendor()
    assert not vendor.supports_model(ModelRef.parse("oci://bucket@namespace/m.gguf"))
    assert not vendor.supports_model(ModelRef.parse("hf:org/m"))
    assert vendor.supports_model(ModelRef.parse("oci://ghcr.io/org/m"))
    assert vendor.supports_model(ModelRef.parse("docker://ai/gemma3"))


def test_damaged_layers_are_refused(rbee: RbeeHome, registry: DockerRegistry) -> None:
    registry.push("org/m", "v1", [Layer("application/x", WEIGHTS, {TITLE: "m.gguf"})])
    ref = f"oci://{registry.host}/org/m:v1"
    digest = document(rbee("models", "resolve", ref, "--json"))["files"][0]["digest"]
    registry.blob_path(digest).write_bytes(bytes(len(WEIGHTS)))
    error = failure(rbee("models", "download", ref, "--json"))
    assert error["code"] == "CHECKSUM_MISMATCH"
    registry.blob_path(digest).unlink()
    error = failure(rbee("models", "download", ref, "--json"))
    assert error["code"] == "MODEL_NOT_FOUND"
    assert "its manifest names" in error["message"]
