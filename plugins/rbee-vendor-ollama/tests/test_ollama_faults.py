"""The fault matrix, with Ollama's registry behind a log-in."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rbee_core.testing.faults import FaultMatrix, Upstream
from support.servers.docker_registry import (
    DOCKER_MANIFEST,
    PASSWORD,
    USER,
    DockerRegistry,
    Layer,
    basic,
)

DATA = os.urandom(13 << 20)


class TestOllama(FaultMatrix):
    vendor = "ollama"

    @pytest.fixture
    def upstream(self, start_registry: Callable[..., DockerRegistry], tmp_path: Path) -> Upstream:
        registry = start_registry(auth="basic")
        config = Layer("application/vnd.docker.container.image.v1+json", b"{}")
        layers = [Layer("application/vnd.ollama.image.model", DATA)]
        registry.push("library/m", "latest", layers, config=config, media_type=DOCKER_MANIFEST)

        def env(proxy: str) -> Mapping[str, str]:
            auths = {urlsplit(proxy).netloc: {"username": USER, "password": PASSWORD}}
            (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
            return {"DOCKER_CONFIG": str(tmp_path), "RBEE_OLLAMA_REGISTRY": proxy}

        secrets = (PASSWORD, basic(USER, PASSWORD).split()[1])
        return Upstream(registry.url, hashlib.sha256(DATA).hexdigest(), lambda proxy: "ollama:m", env, secrets=secrets)
