"""The vendor of artifacts in OCI registries is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel
from support.servers.docker_registry import DockerRegistry, Layer
from support.servers.registry_fixtures import need_registry


class TestRegistry(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-registry"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorModel]:
        pack = "application/vnd.cncf.model."
        config = Layer(pack + "config.v1+json", b"{}")
        need_registry()
        with DockerRegistry(tmp_path_factory.mktemp("of") / "registry") as registry, FaultProxy(registry.url) as proxy:
            base = f"oci://{urlsplit(proxy.url).netloc}/org"

            def push(repository: str, name: str, data: bytes) -> str:
                layer = Layer(pack + "weight.v1.raw", data, {"org.cncf.model.filepath": name})
                registry.push(f"org/{repository}", "v1", [layer], config=config, artifactType=pack + "manifest.v1+json")
                return f"{base}/{repository}:v1"

            yield VendorModel(
                push("m", "m.gguf", os.urandom(13 << 20)),
                f"{base}/none:v1",
                others=("oci://bucket@namespace/m.gguf",),
                proxy=proxy,
                publish=lambda name: push("named", name, b"x"),
            )
