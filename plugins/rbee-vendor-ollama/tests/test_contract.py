"""The vendor of Ollama's registry is a good citizen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rbee_core.testing.faults import FaultProxy
from rbee_core.testing.vendor_contract import VendorContract, VendorModel
from support.servers.docker_registry import DOCKER_MANIFEST, DockerRegistry, Layer
from support.servers.registry_fixtures import need_registry


class TestOllama(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-ollama"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorModel]:
        need_registry()
        with DockerRegistry(tmp_path_factory.mktemp("of") / "registry") as registry, FaultProxy(registry.url) as proxy:
            config = Layer("application/vnd.docker.container.image.v1+json", b"{}")
            layers = [Layer("application/vnd.ollama.image.model", os.urandom(13 << 20))]
            registry.push("library/m", "latest", layers, config=config, media_type=DOCKER_MANIFEST)
            yield VendorModel("ollama:m", "ollama:none", env={"RBEE_OLLAMA_REGISTRY": proxy.url}, proxy=proxy)
