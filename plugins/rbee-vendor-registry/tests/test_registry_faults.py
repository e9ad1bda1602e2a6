"""The fault matrix: an artifact's plain layer, and one that is an archive, behind a log-in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.drive import drive
from rbee_core.testing.faults import FaultMatrix, FaultProxy, Upstream
from support.servers.docker_registry import PASSWORD, USER, DockerRegistry, Layer, basic

DATA = os.urandom(13 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()


def in_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("m.gguf")
        info.size = len(DATA)
        archive.addfile(info, io.BytesIO(DATA))
    return out.getvalue()


def upstream_of(registry: DockerRegistry, layer: Layer, folder: Path) -> Upstream:
    pack = "application/vnd.cncf.model."
    config = Layer(pack + "config.v1+json", b"{}")
    registry.push("org/m", "v1", [layer], config=config, artifactType=pack + "manifest.v1+json")

    def env(proxy: str) -> Mapping[str, str]:
        auths = {urlsplit(proxy).netloc: {"username": USER, "password": PASSWORD}}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return {"DOCKER_CONFIG": str(folder)}

    def ref(proxy: str) -> str:
        return f"oci://{urlsplit(proxy).netloc}/org/m:v1"

    return Upstream(registry.url, SHA256, ref, env, secrets=(PASSWORD, basic(USER, PASSWORD).split()[1]))


class TestPlainLayer(FaultMatrix):
    vendor = "registry"

    @pytest.fixture
    def upstream(self, start_registry: Callable[..., DockerRegistry], tmp_path: Path) -> Upstream:
        layer = Layer("application/vnd.cncf.model.weight.v1.raw", DATA, {"org.cncf.model.filepath": "m.gguf"})
        return upstream_of(start_registry(auth="basic"), layer, tmp_path)


class TestArchive(FaultMatrix):
    """The bytes come the same way, so some of the faults are enough."""

    vendor = "registry (archive)"

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["cut", "wrong", "down", "redirect"])
    def test_the_right_bytes_or_the_right_error(
        self, name: str, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome
    ) -> None:
        super().test_the_right_bytes_or_the_right_error(name, upstream, proxy, rbee)

    def test_a_part_is_read_where_it_is(self, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome) -> None:
        env = {**rbee.environment, **upstream.env(proxy.url)}
        assert drive("read_model", upstream.ref(proxy.url), env=env, reads=[("m.gguf", 0, 9)])["result"] == [None]

    @pytest.fixture
    def upstream(self, start_registry: Callable[..., DockerRegistry], tmp_path: Path) -> Upstream:
        layer = Layer("application/vnd.cncf.model.weight.v1.tar", in_tar())
        return upstream_of(start_registry(auth="basic"), layer, tmp_path)
