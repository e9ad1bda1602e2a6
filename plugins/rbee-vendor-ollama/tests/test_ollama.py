"""Ollama models from a real registry, through the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from support.servers.docker_registry import DOCKER_MANIFEST, DockerRegistry, Layer
from support.servers.registry_auth import Door

IMAGE = "application/vnd.ollama.image."
GGUF = os.urandom(600_000)
TEMPLATE = b"{{ .System }} {{ .Prompt }}"
PARAMS = {"stop": ["<|end|>"], "temperature": 0.7}
ABOUT = {"model_format": "gguf", "model_family": "llama", "model_type": "3.2B", "file_type": "Q4_K_M"}
TEXTS = [
    Layer(IMAGE + "template", TEMPLATE),
    Layer(IMAGE + "system", b"You are a bee."),
    Layer(IMAGE + "params", json.dumps(PARAMS).encode()),
    Layer(IMAGE + "license", b"\nApache License\nVersion 2.0"),
    Layer(IMAGE + "license", b"Use policy"),
    Layer(IMAGE + "messages", b"[]"),
    Layer(IMAGE + "embed", b"nobody reads this"),
]


def push(registry: DockerRegistry, name: str, tag: str, layers: list[Layer], about: Any = ABOUT) -> str:
    config = Layer("application/vnd.docker.container.image.v1+json", json.dumps(about).encode())
    return registry.push(name, tag, layers, config=config, media_type=DOCKER_MANIFEST)


@pytest.fixture
def bee(rbee: RbeeHome, registry: DockerRegistry) -> RbeeHome:
    """An rbee for which the test's registry is Ollama's."""
    rbee.env["RBEE_OLLAMA_REGISTRY"] = registry.host
    return rbee


def document(done: Any) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(done: Any) -> dict[str, str]:
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    error: dict[str, str] = json.loads(done.stderr)["error"]
    return error


def test_resolve_shows_what_would_come(bee: RbeeHome, registry: DockerRegistry) -> None:
    digest = push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", GGUF), *TEXTS])
    answer = document(bee("models", "resolve", "ollama:tiny", "--json"))
    assert answer["revision"] == digest
    assert [file["name"] for file in answer["files"]] == [
        "model.gguf",
        "template.txt",
        "system.txt",
        "params.json",
        "license.txt",
        "license-2.txt",
        "messages.json",
    ]
    assert answer["files"][0]["size"] == len(GGUF)


def test_download_keeps_the_layers_as_files_and_as_facts(bee: RbeeHome, registry: DockerRegistry) -> None:
    digest = push(registry, "bees/tiny", "v1", [Layer(IMAGE + "model", GGUF), *TEXTS])
    entry = document(bee("models", "download", "ollama:bees/tiny:v1", "--json"))
    folder = Path(entry["path"]).parent
    assert Path(entry["path"]).read_bytes() == GGUF
    assert (folder / "template.txt").read_bytes() == TEMPLATE
    assert (folder / "license-2.txt").read_bytes() == b"Use policy"
    assert entry["revision"] == digest
    facts = {
        "repo": "bees/tiny",
        "model_family": "llama",
        "model_type": "3.2B",
        "quantization": "Q4_K_M",
        "template": TEMPLATE.decode(),
        "system": "You are a bee.",
        "params": PARAMS,
        "license": "Apache License",
    }
    assert facts.items() <= entry["metadata"].items()


def test_several_model_layers_are_the_shards_of_one(bee: RbeeHome, registry: DockerRegistry) -> None:
    layers = [Layer(IMAGE + "model", part) for part in (b"1" * 9, b"2" * 9, b"3" * 9)]
    push(registry, "library/big", "latest", layers)
    entry = document(bee("models", "download", "ollama:big", "--json"))
    assert Path(entry["path"]).name == "model-00001-of-00003.gguf"
    assert Path(entry["path"]).with_name("model-00003-of-00003.gguf").read_bytes() == b"3" * 9


def write_gguf(path: Path, architecture: str, kind: str) -> bytes:
    import gguf
    import numpy

    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_tensor("t", numpy.zeros((4, 4), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_projector_and_adapter_lie_beside_the_model(bee: RbeeHome, registry: DockerRegistry, tmp_path: Path) -> None:
    kinds = {"model": ("llama", "model"), "projector": ("clip", "mmproj"), "adapter": ("llama", "adapter")}
    data = {layer: write_gguf(tmp_path / layer, *kind) for layer, kind in kinds.items()}
    push(registry, "library/sees", "latest", [Layer(IMAGE + layer, data[layer]) for layer in data])
    entry = document(bee("models", "download", "ollama:sees", "--json"))
    assert Path(entry["path"]).name == "model.gguf"
    assert entry["architecture"] == "llama"
    assert entry["metadata"]["projector"] == "mmproj.gguf"
    assert Path(entry["path"]).with_name("adapter.gguf").read_bytes() == data["adapter"]


def test_a_layer_that_is_here_is_not_fetched_again(bee: RbeeHome, registry: DockerRegistry) -> None:
    push(registry, "library/tiny", "a", [Layer(IMAGE + "model", GGUF)])
    push(registry, "library/tiny", "b", [Layer(IMAGE + "model", GGUF), *TEXTS])
    with Door(registry) as door:
        bee.env["RBEE_OLLAMA_REGISTRY"] = f"http://{door.host}"
        document(bee("models", "download", "ollama:tiny:a", "--json"))
        door.requests.clear()
        entry = document(bee("models", "download", "ollama:tiny:b", "--json"))
        weights = next(file["digest"] for file in entry["files"] if file["name"] == "model.gguf")
        assert not [seen for seen in door.requests if weights in seen.path]
    assert Path(entry["path"]).read_bytes() == GGUF


def test_include_and_exclude(bee: RbeeHome, registry: DockerRegistry) -> None:
    push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", GGUF), *TEXTS])
    answer = document(bee("models", "download", "ollama:tiny", "--exclude", "*.txt", "--json"))
    assert {file["name"] for file in answer["files"]} == {"model.gguf", "params.json", "messages.json"}


def test_a_digest_pins_the_manifest(bee: RbeeHome, registry: DockerRegistry) -> None:
    old = push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", b"old")])
    push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", b"new")])
    entry = document(bee("models", "download", "ollama:tiny", "--revision", old, "--json"))
    assert Path(entry["path"]).read_bytes() == b"old"
    assert entry["revision"] == old


def test_a_host_in_the_reference_goes_before_the_setting(rbee: RbeeHome, registry: DockerRegistry) -> None:
    push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", GGUF)])
    rbee.env |= {"RBEE_OLLAMA_REGISTRY": "http://127.0.0.1:9", "OLLAMA_HOST": "127.0.0.1:9"}
    entry = document(rbee("models", "download", f"ollama://{registry.host}/library/tiny", "--json"))
    assert Path(entry["path"]).read_bytes() == GGUF


@pytest.mark.parametrize("value", ["ftp://x", "http://user:pw@x", "a b", "http://x/path", "://", "http://"])
def test_a_setting_that_is_no_address(rbee: RbeeHome, value: str) -> None:
    done = rbee("models", "resolve", "ollama:tiny", env={"RBEE_OLLAMA_REGISTRY": value})
    assert done.returncode == 2
    assert "RBEE_OLLAMA_REGISTRY" in done.stderr
    assert "pw" not in done.stderr


def test_what_is_not_there(bee: RbeeHome, registry: DockerRegistry) -> None:
    push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", GGUF)])
    for ref in ("ollama:nope", "ollama:tiny:13b"):
        error = failure(bee("models", "download", ref, "--json"))
        assert error["code"] == "MODEL_NOT_FOUND"
        assert ref.split(":")[1] in error["message"]


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([Layer(IMAGE + "tensor", b"t", more={"name": "w"}), Layer(IMAGE + "json", b"{}")], "tensor by tensor"),
        ([Layer(IMAGE + "params", b"{}")], "no weights"),
        ([Layer("application/octet-stream", b"x")], "not an Ollama model"),
        ([Layer("application/vnd.docker.image.rootfs.diff.tar.gzip", b"x")], "not an Ollama model"),
    ],
)
def test_what_cannot_be_run_is_refused(bee: RbeeHome, registry: DockerRegistry, layers: list[Layer], told: str) -> None:
    push(registry, "library/odd", "latest", layers)
    error = failure(bee("models", "download", "ollama:odd", "--json"))
    assert error["code"] == "MODEL_NOT_FOUND"
    assert told in error["message"]


@pytest.mark.parametrize("about", [None, [], {"model_family": ["x"], "file_type": "\x1b[2J"}, "x" * 1000])
def test_a_configuration_that_makes_no_sense_costs_the_facts_only(
    bee: RbeeHome, registry: DockerRegistry, about: Any
) -> None:
    texts = [Layer(IMAGE + "params", b"[" * 5000), Layer(IMAGE + "system", b"\xff\x00")]
    push(registry, "library/odd", "latest", [Layer(IMAGE + "model", GGUF), *texts], about)
    entry = document(bee("models", "download", "ollama:odd", "--json"))
    assert Path(entry["path"]).read_bytes() == GGUF
    assert not {"model_family", "quantization", "params"} & set(entry["metadata"])


def test_wrong_bytes_of_the_right_size(bee: RbeeHome, registry: DockerRegistry) -> None:
    push(registry, "library/tiny", "latest", [Layer(IMAGE + "model", GGUF)])
    digest = document(bee("models", "resolve", "ollama:tiny", "--json"))["files"][0]["digest"]
    registry.blob_path(digest).write_bytes(GGUF[:-1] + bytes([GGUF[-1] ^ 1]))
    error = failure(bee("models", "download", "ollama:tiny", "--json"))
    assert error["code"] == "CHECKSUM_MISMATCH"
    assert not list(bee.models.glob("models/*/model.gguf"))


@pytest.fixture
def offline(rbee: RbeeHome) -> Iterator[RbeeHome]:
    rbee.env["RBEE_OFFLINE"] = "1"
    yield rbee


def test_offline_nothing_is_asked(offline: RbeeHome) -> None:
    error = failure(offline("models", "resolve", "ollama:tiny", "--json"))
    assert error["code"] == "DOWNLOAD_FAILED"
    assert "offline" in error["message"]
