"""Manifests and indexes: what is understood, what is refused, and which of an index is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rbee_core.contracts import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import Index, Manifest
from rbee_core.oci.manifest import choose, parse

HEX = "ab" * 32
DIGEST = Digest(f"sha256:{HEX}")
ENTRY = {"mediaType": "application/octet-stream", "digest": f"sha256:{HEX}", "size": 3}


def read(document: Any) -> Manifest | Index:
    return parse(document if isinstance(document, bytes) else json.dumps(document).encode(), DIGEST, "reg/m:1")


def manifest(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": ENTRY, "layers": [ENTRY], **more}


def index(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"schemaVersion": 2, "manifests": [{**ENTRY, **entry} for entry in entries]}


def test_a_manifest() -> None:
    found = read(manifest(artifactType="application/x", annotations={"a": "b"}))
    assert isinstance(found, Manifest)
    assert (found.artifact_type, found.annotations, found.layers[0].size) == ("application/x", {"a": "b"}, 3)


def test_upper_case_digests_are_read_as_what_they_are() -> None:
    found = read(manifest(layers=[{**ENTRY, "digest": f"sha256:{HEX.upper()}"}]))
    assert isinstance(found, Manifest)
    assert found.layers[0].digest == DIGEST


def test_no_layers_is_no_error_here() -> None:
    found = read(manifest(layers=None))
    assert isinstance(found, Manifest)
    assert found.layers == ()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"[1]",
        b"[" * 99_999,
        {},
        {"schemaVersion": 1, "fsLayers": []},
        {"schemaVersion": 2},
        manifest(layers="x"),
        manifest(layers=[1]),
        manifest(config=None),
        manifest(layers=[{**ENTRY, "size": -1}]),
        manifest(layers=[{**ENTRY, "size": True}]),
        manifest(layers=[{**ENTRY, "size": 1.5}]),
        manifest(layers=[{**ENTRY, "size": 2**63}]),
        manifest(layers=[{**ENTRY, "digest": "sha256:zz"}]),
        manifest(layers=[{**ENTRY, "digest": None}]),
        manifest(layers=[{**ENTRY, "digest": "md5:" + "a" * 32}]),
        manifest(layers=[{**ENTRY, "digest": "../../etc/passwd"}]),
        manifest(layers=[{**ENTRY, "digest": f"blake3:{HEX}"}]),
        manifest(layers=[{**ENTRY, "mediaType": "no type"}]),
        manifest(layers=[{**ENTRY, "annotations": {"a": 1}}]),
        manifest(layers=[{**ENTRY, "annotations": []}]),
        manifest(layers=[ENTRY] * 20_001),
    ],
)
def test_what_makes_no_sense_is_refused(document: Any) -> None:
    with pytest.raises(RbeeError) as caught:
        read(document)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert "reg/m:1" in caught.value.message


LINUX, ARM = (
    {"platform": {"os": "linux", "architecture": "amd64"}},
    {"platform": {"os": "linux", "architecture": "arm64"}},
)
ATTEST = {
    "platform": {"os": "unknown", "architecture": "unknown"},
    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
}


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        ([{}], 0),
        ([LINUX], 0),
        ([LINUX, ATTEST], 0),
        ([LINUX, {}], 1),
        ([LINUX, ARM, {"platform": {"os": "unknown", "architecture": "unknown"}}], 2),
        ([LINUX, {**ARM, "artifactType": "application/vnd.cncf.model.manifest.v1+json"}], 1),
    ],
)
def test_which_of_an_index_is_meant(entries: list[dict[str, Any]], chosen: int) -> None:
    named = [{**entry, "digest": f"sha256:{number:064x}"} for number, entry in enumerate(entries)]
    found = read(index(*named))
    assert isinstance(found, Index)
    assert choose(found, "reg/m").digest == f"sha256:{chosen:064x}"


def test_an_index_of_several_platforms_is_listed() -> None:
    found = read(index(LINUX, ARM))
    assert isinstance(found, Index)
    with pytest.raises(RbeeError) as caught:
        choose(found, "reg/m")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    assert f"linux/amd64: sha256:{HEX}, linux/arm64" in caught.value.message


@pytest.mark.parametrize("entries", [[], [ATTEST]])
def test_an_index_of_nothing(entries: list[dict[str, Any]]) -> None:
    found = read(index(*entries))
    assert isinstance(found, Index)
    with pytest.raises(RbeeError, match="without a manifest"):
        choose(found, "reg/m")
