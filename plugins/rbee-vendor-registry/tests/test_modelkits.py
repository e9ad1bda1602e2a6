"""KitOps ModelKits from a real registry, alone and built on one another."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rbee_vendor_registry import RegistryVendor
from rbee_vendor_registry.bases import MAX_CHAIN, _follow

from rbee_core import ErrorCode, Job, ModelRef, RbeeError
from rbee_core.oci import locate
from rbee_core.testing.cli import RbeeHome
from support.servers.docker_registry import PASSWORD, USER, DockerRegistry, Layer, basic
from support.servers.registry_auth import Door

from .artifacts import FILEPATH, KIT, PACK, WEIGHTS, contents, document, failure, modelkit, tar


def test_a_modelkit(rbee: RbeeHome, registry: DockerRegistry) -> None:
    kitfile = {
        "package": {"name": "kit", "license": "Apache-2.0"},
        "model": {"path": "models/m.gguf", "digest": "sha256:x", "parts": [{"path": "models/tok", "digest": "y"}]},
    }
    layers = [
        Layer(KIT + "model.v1.tar", tar({"models/m.gguf": WEIGHTS})),
        Layer(KIT + "modelpart.v1.tar+gzip", gzip.compress(tar({"models/tok/t.json": b"{}"}))),
        Layer(KIT + "docs.v1.tar+gzip", gzip.compress(tar({"README.md": b"hi"}))),
    ]
    entry = document(rbee("models", "download", modelkit(registry, kitfile, layers), "--json"))
    assert contents(rbee, entry) == {"models/m.gguf": WEIGHTS, "models/tok/t.json": b"{}", "README.md": b"hi"}
    assert entry["metadata"]["license"] == "Apache-2.0"


def test_an_old_modelkit_says_in_its_kitfile_where_archives_begin(rbee: RbeeHome, registry: DockerRegistry) -> None:
    kitfile = {"model": {"path": "./models/m.gguf"}, "docs": [{"path": "README.md"}]}
    layers = [
        Layer(KIT + "model.v1.tar+gzip", gzip.compress(tar({"m.gguf": WEIGHTS}))),
        Layer(KIT + "docs.v1.tar", tar({"README.md": b"hi"})),
    ]
    entry = document(rbee("models", "download", modelkit(registry, kitfile, layers), "--json"))
    assert contents(rbee, entry) == {"models/m.gguf": WEIGHTS, "README.md": b"hi"}


# --- one that builds on another -------------------------------------------------------------------------------------


def model(data: bytes = WEIGHTS, name: str = "models/m.gguf") -> Layer:
    return Layer(KIT + "model.v1.tar", tar({name: data}))


def docs(name: str = "README.md") -> Layer:
    return Layer(KIT + "docs.v1.tar", tar({name: name.encode()}))


def lora(registry: DockerRegistry, base: str, **more: Any) -> str:
    """A ModelKit without weights, with an adapter of its own."""
    part = Layer(KIT + "modelpart.v1.tar+gzip", gzip.compress(tar({"lora/adapter.gguf": b"own"})))
    kitfile = {"model": {"name": "tuned", "path": base, "parts": [{"path": "lora", "digest": "x"}]}}
    return modelkit(registry, kitfile, [part, docs("OWN.md")], "org/lora", **more)


def foundation(registry: DockerRegistry, repository: str = "org/base") -> str:
    """A ModelKit with weights, a tokenizer, code and documents."""
    layers = [
        model(),
        Layer(KIT + "modelpart.v1.tar", tar({"models/tok.json": b"{}"})),
        Layer(KIT + "code.v1.tar", tar({"train.py": b"import os"})),
        docs(),
    ]
    about = {"license": "MIT", "name": "base", "framework": "llama"}
    kitfile = {"package": {"license": "MIT"}, "model": {**about, "path": "models/m.gguf", "digest": "x"}}
    return modelkit(registry, kitfile, layers, repository, "v1").removeprefix("oci://")


def refusal(ref: str) -> RbeeError:
    """What the vendor itself says, asked without the core around it."""
    with pytest.raises(RbeeError) as caught:
        RegistryVendor().resolve_model(ModelRef.parse(ref), Job())
    return caught.value


UNITED = {"models/m.gguf", "models/tok.json", "lora/adapter.gguf", "OWN.md"}


def test_what_a_modelkit_builds_on_comes_with_it(rbee: RbeeHome, registry: DockerRegistry) -> None:
    base = foundation(registry)
    ref = lora(registry, base)
    listed = document(rbee("models", "resolve", ref, "--json"))
    entry = document(rbee("models", "download", ref, "--json"))
    found = contents(rbee, entry)
    assert set(found) == UNITED  # the base's weights and their parts, neither its code nor its documents
    assert (found["models/m.gguf"], found["lora/adapter.gguf"]) == (WEIGHTS, b"own")
    assert listed["files"] == entry["files"]
    facts = entry["metadata"]
    assert (facts["title"], facts["license"], facts["model_family"]) == ("tuned", "MIT", "llama")
    assert facts["builds_on"][0].startswith(f"{registry.host}/org/base@sha256:")


@pytest.mark.parametrize("by", ["digest", "skopeo"])
def test_a_base_by_digest_and_by_anothers_hand(registry: DockerRegistry, tmp_path: Path, by: str) -> None:
    base = foundation(registry)
    if by == "digest":
        manifest = registry.push("org/base", "v2", [model(b"new")], config=Layer(KIT + "config.v1+json", b"{}"))
        registry.push("org/base", "v1", [model(b"newer")], config=Layer(KIT + "config.v1+json", b"{}"))
        base, wanted = base.replace(":v1", f"@{manifest}"), b"new"
    else:
        if shutil.which("skopeo") is None and os.environ.get("CI") != "true":
            pytest.skip("needs skopeo (apt-get install skopeo)")
        command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
        places = [f"docker://{base}", f"docker://{registry.host}/copies/base:v9"]
        subprocess.run([*command, *places], check=True, capture_output=True, timeout=60)
        base, wanted = places[1].removeprefix("docker://"), WEIGHTS
    RegistryVendor().download_model(ModelRef.parse(lora(registry, base)), tmp_path, Job())
    assert (tmp_path / "models/m.gguf").read_bytes() == wanted
    assert (tmp_path / "lora/adapter.gguf").read_bytes() == b"own"


def test_a_base_may_build_on_another_and_be_a_modelpack(registry: DockerRegistry, tmp_path: Path) -> None:
    layers = [
        Layer(PACK + "weight.v1.raw", WEIGHTS, {FILEPATH: "m.gguf"}),
        Layer(PACK + "doc.v1.raw", b"no", {FILEPATH: "no.md"}),
    ]
    registry.push("org/pack", "v1", layers, config=Layer(PACK + "config.v1+json", b"{}"))
    kitfile = {"model": {"path": f"{registry.host}/org/pack:v1"}}
    part = Layer(KIT + "modelpart.v1.tar", tar({"tok.json": b"{}"}))
    middle = modelkit(registry, kitfile, [part, docs("middle.md")], "org/middle").removeprefix("oci://")
    done = RegistryVendor().download_model(ModelRef.parse(lora(registry, middle)), tmp_path, Job())
    assert {file.name for file in done.files} == {"m.gguf", "tok.json", "lora/adapter.gguf", "OWN.md"}
    assert len(done.metadata["builds_on"]) == 2


def test_credentials_go_to_their_own_registry_alone(
    rbee: RbeeHome, start_registry: Callable[..., DockerRegistry]
) -> None:
    """The ModelKit is in a private registry, its base in another private one, each with a password of its own."""
    near, far = start_registry(auth="basic"), start_registry()
    secret = "Basic " + base64.b64encode(b"other:only-for-the-far-one").decode()

    def guard(seen: Any, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if seen.headers.get("authorization") != secret:
            return 401, {"WWW-Authenticate": 'Basic realm="far"'}, b""
        return status, headers, body

    with Door(far, change=guard) as door:
        base = foundation(far).replace(far.host, door.host)
        ref = lora(near, base)
        config = rbee.path / ".docker" / "config.json"
        config.parent.mkdir()
        auths = {near.host: {"username": USER, "password": PASSWORD}}
        config.write_text(json.dumps({"auths": auths}))
        error = failure(rbee("models", "download", ref, "--json"))
        assert error["code"] == "AUTH_REQUIRED"
        assert door.host in error["message"]
        auths[door.host] = {"username": "other", "password": "only-for-the-far-one"}
        config.write_text(json.dumps({"auths": auths}))
        entry = document(rbee("models", "download", ref, "--json"))
        given = {seen.headers.get("authorization") for seen in door.requests}
    assert set(contents(rbee, entry)) == UNITED
    assert given == {None, secret}
    assert basic(USER, PASSWORD) not in given


def test_modelkits_that_build_on_one_another_in_a_circle(registry: DockerRegistry) -> None:
    first = f"{registry.host}/org/lora:latest"
    second = modelkit(registry, {"model": {"path": first}}, [docs()], "org/second").removeprefix("oci://")
    error = refusal(lora(registry, second))
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert "in a circle" in error.message
    assert f"{second} -> {first}" in error.message


@pytest.mark.parametrize("more", [0, 1])
def test_how_many_may_follow_one_another(registry: DockerRegistry, more: int) -> None:
    base = foundation(registry)
    for number in range(MAX_CHAIN - 1 + more):
        kit = modelkit(registry, {"model": {"path": base}}, [docs(f"{number}.md")], "org/kit", f"v{number}")
        base = kit.removeprefix("oci://")
    ref = lora(registry, base)
    if more:
        assert f"more than {MAX_CHAIN}" in refusal(ref).message
    else:
        manifest = RegistryVendor().resolve_model(ModelRef.parse(ref), Job())
        assert manifest is not None
        assert {file.name for file in manifest.files} == UNITED


def test_two_that_have_a_file_of_one_name(registry: DockerRegistry) -> None:
    base = modelkit(registry, {"model": {"path": "m", "digest": "x"}}, [model(name="OWN.MD")], "org/base", "v1")
    assert refusal(lora(registry, base.removeprefix("oci://"))).code is ErrorCode.UNSAFE_PATH


def test_a_hostile_base_leaves_nothing(rbee: RbeeHome, registry: DockerRegistry) -> None:
    kitfile = {"model": {"path": "m", "digest": "x"}}
    evil = [model(os.urandom(9 << 20)), Layer(KIT + "modelpart.v1.tar", tar({"../../escaped": b"evil"}))]
    base = modelkit(registry, kitfile, evil, "org/base", "v1").removeprefix("oci://")
    error = failure(rbee("models", "download", lora(registry, base), "--json"))
    assert error["code"] == "UNSAFE_PATH"
    assert not list(rbee.path.rglob("escaped"))
    assert not list(rbee.path.rglob("adapter.gguf"))


def test_a_base_whose_bytes_are_wrong(registry: DockerRegistry) -> None:
    ref = lora(registry, foundation(registry))
    manifest = RegistryVendor().resolve_model(ModelRef.parse(ref), Job())
    assert manifest is not None
    (base,) = manifest.metadata["builds_on"]
    path = registry.blob_path(base.partition("@")[2])
    path.write_bytes(path.read_bytes().replace(b"org/base", b"org/bass") + b" ")
    error = refusal(ref)
    assert error.code in (ErrorCode.CHECKSUM_MISMATCH, ErrorCode.DOWNLOAD_FAILED)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("org/base:v1", "publisher's machine"),
        ("localhost/base:v1", "publisher's machine"),
        ("sha256:" + "a" * 64, "publisher's machine"),
        ("bucket@name.space/base:v1", "no reference of a ModelKit"),
        ("ghcr.io/ORG/base:v1", "no reference of a ModelKit"),
        ("ghcr.io/org/base:v1/../x", "no reference of a ModelKit"),
        ("user:password@ghcr.io/org/base:v1", "no reference of a ModelKit"),
        ("127.0.0.1:1/org/base:v1", "address of this machine"),
        ("localhost:5000/org/base:v1", "address of this machine"),
    ],
)
def test_references_that_lead_nowhere(path: str, told: str) -> None:
    with pytest.raises(RbeeError, match=told) as caught:
        _follow(path, "oci://ghcr.io/org/kit:v1", locate("ghcr.io", "org/kit"), insecure=True)
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_insecure_goes_for_the_registry_that_was_named_alone() -> None:
    named = locate("reg.example:5000", "org/kit", insecure=True)
    near, version = _follow("reg.example:5000/org/base:v1,v2", "kit", named, insecure=True)
    far, _ = _follow("ghcr.io/org/base", "kit", named, insecure=True)
    assert (near.base, version) == ("http://reg.example:5000", "v1")
    assert far.base == "https://ghcr.io"


@pytest.mark.parametrize("path", ["models/gone.gguf", "a:" + "\n" * 3, "a:" + "x" * 600])
def test_a_modelkit_that_lost_its_weights(registry: DockerRegistry, path: str) -> None:
    error = refusal(lora(registry, path))
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert "no reference of a ModelKit" in error.message


def test_a_base_that_is_something_else(registry: DockerRegistry) -> None:
    config = Layer("application/vnd.docker.ai.model.config.v0.1+json", b"{}")
    registry.push("ai/m", "v1", [Layer("application/vnd.docker.ai.gguf.v3", WEIGHTS)], config=config)
    assert "is no ModelKit" in refusal(lora(registry, f"{registry.host}/ai/m:v1")).message
    assert refusal(lora(registry, f"{registry.host}/ai/gone:v1")).code is ErrorCode.MODEL_NOT_FOUND
