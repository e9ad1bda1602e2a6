"""Every way in for a file's name: what is not safe on every system is refused before a byte of the file is fetched."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from urllib.parse import quote

import pytest
from rbee_vendor_http import HttpVendor
from rbee_vendor_huggingface import HuggingFaceVendor
from rbee_vendor_oci import OracleVendor
from rbee_vendor_registry import RegistryVendor

from rbee_core import ErrorCode, Job, ModelRef, RbeeError
from rbee_core.jobs import JobOptions
from rbee_core.testing.hostile import NAMES, TWINS
from rbee_core.testing.servers.web import WebServer
from support.hub import FakeHub
from support.servers.docker_registry import DockerRegistry, Layer
from support.servers.oracle import OracleServer

PACK, KIT = "application/vnd.cncf.model.", "application/vnd.kitops.modelkit."
Lists = Callable[[Sequence[str]], None]


def fate(vendor: object, ref: str, fetch: Lists, names: Sequence[str]) -> str:
    """What becomes of a source with files of these names: a code, or the names that would come."""
    fetch(names)
    job = Job(options=JobOptions(include=("*",)))
    try:
        manifest = vendor.resolve_model(ModelRef.parse(ref), job)  # type: ignore[attr-defined]
    except RbeeError as error:
        return error.code.value
    return str([file.name for file in manifest.files])


def fates(vendor: object, ref: str, fetch: Lists, *, without: Sequence[str] = (), twins: bool = True) -> dict[str, str]:
    """The fate of each bad name beside a good one, and of each pair of twins.

    :param without: what cannot be written there at all.
    """
    found = {
        why: fate(vendor, ref, fetch, [name, "good.gguf"] if twins else [name])
        for why, name in NAMES.items()
        if why not in without
    }
    pairs = TWINS if twins else {}
    found |= {why: fate(vendor, ref, fetch, pair) for why, pair in pairs.items()}
    assert len(found) == len(NAMES) - len(without) + len(pairs)
    assert fate(vendor, ref, fetch, ["good.gguf"]) == "['good.gguf']", "the test itself works"
    return found


def all_refused(found: dict[str, str]) -> None:
    assert {why: told for why, told in found.items() if told != ErrorCode.UNSAFE_PATH} == {}


@pytest.mark.parametrize(
    ("annotation", "media_type", "config"),
    [
        ("org.opencontainers.image.title", "application/octet-stream", "application/vnd.oci.empty.v1+json"),
        ("org.cncf.model.filepath", PACK + "weight.v1.raw", PACK + "config.v1+json"),
        (
            "org.cncf.model.filepath",
            "application/vnd.docker.ai.gguf.v3",
            "application/vnd.docker.ai.model.config.v0.2+json",
        ),
    ],
    ids=["image.title", "ModelPack filepath", "Docker filepath"],
)
def test_annotations(registry: DockerRegistry, annotation: str, media_type: str, config: str) -> None:
    def push(names: Sequence[str]) -> None:
        layers = [Layer(media_type, b"x", {annotation: name}) for name in names]
        registry.push("org/m", "v1", layers, config=Layer(config, b"{}"))

    all_refused(fates(RegistryVendor(), f"oci://{registry.host}/org/m:v1", push))


@pytest.mark.parametrize(
    ("layer", "config"),
    [(PACK + "weight.v1.tar", PACK + "config.v1+json"), (KIT + "model.v1.tar", KIT + "config.v1+json")],
    ids=["ModelPack", "ModelKit"],
)
def test_members_of_archives(registry: DockerRegistry, layer: str, config: str) -> None:
    def push(names: Sequence[str]) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name))
        registry.push("org/m", "v1", [Layer(layer, out.getvalue())], config=Layer(config, b"{}"))

    # A header's name ends at a NUL: what would come after it is not there.
    all_refused(fates(RegistryVendor(), f"oci://{registry.host}/org/m:v1", push, without=["NUL"]))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
@pytest.mark.parametrize("target", ["../../evil", "/etc/passwd", "good.gguf"])
def test_links_in_archives(registry: DockerRegistry, kind: bytes, target: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("good.gguf"))
        link = tarfile.TarInfo("link.gguf")
        link.type, link.linkname = kind, target
        archive.addfile(link)
    config = Layer(PACK + "config.v1+json", b"{}")
    registry.push("org/m", "v1", [Layer(PACK + "weight.v1.tar", out.getvalue())], config=config)
    ref = f"oci://{registry.host}/org/m:v1"
    assert fate(RegistryVendor(), ref, lambda names: None, []) == ErrorCode.UNSAFE_PATH


def test_the_hub_s_listing(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    all_refused(
        fates(HuggingFaceVendor(), "hf:org/m", lambda names: hub.repo("org/m", dict.fromkeys(names, b"x")) and None)
    )


def test_a_bucket_s_listing(oracle: OracleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3's listing goes the same way (``rbee_core.transfer.buckets``)."""
    monkeypatch.setenv("RBEE_OCI_PAR", oracle.par("models"))

    def put(names: Sequence[str]) -> None:
        oracle.buckets.clear()
        for name in names:
            oracle.put("models", f"m/{name}", b"x")

    all_refused(fates(OracleVendor(), "oci://models@ns/m/", put))


def test_content_disposition(web: WebServer) -> None:
    def page(names: Sequence[str]) -> None:
        header = f"attachment; filename=m.gguf; filename*=UTF-8''{quote(names[0], safe='')}"
        web.page("/m.gguf", b"x", headers={"Content-Disposition": header})

    all_refused(fates(HttpVendor(), f"{web.url}/m.gguf", page, twins=False))
