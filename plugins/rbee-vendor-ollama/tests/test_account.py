"""Private models: requests for tokens signed with the account's key, to the registry's own host only."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rbee_vendor_ollama.account import KEY, signer

from rbee_core.oci import TokenRequest, locate
from rbee_core.testing.cli import RbeeHome
from support.servers.docker_registry import DOCKER_MANIFEST, DockerRegistry, Layer
from support.servers.registry_auth import Door, Seen, TokenServer

GGUF = os.urandom(100_000)
EMPTY = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()


def write_key(home: Path, key: Any = None) -> Any:
    key = key or Ed25519PrivateKey.generate()
    path = home / KEY
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return key


class OllamaDoor(Door):
    """A registry that gives tokens itself, to whoever signs with the right key, as Ollama's does."""

    def __init__(self, tokens: TokenServer) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.tokens = tokens
        self.key: Any = None
        self.signed: list[str] = []

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if not seen.path.startswith("/token"):
            return super().answer(seen)
        public, _, signature = seen.headers.get("authorization", "").partition(":")
        wanted = self.key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        if public != wanted.split()[1].decode():
            return 401, {}, b"{}"
        text = f"GET,http://{self.host}{seen.path},{EMPTY}"
        self.key.public_key().verify(base64.b64decode(signature), text.encode())  # raises, if it is not
        self.signed.append(seen.path)
        return self.tokens.answer(Seen("GET", seen.path, {}, b""))


@pytest.fixture
def private(rbee: RbeeHome, start_registry: Any, tmp_path: Path) -> Any:
    with TokenServer(tmp_path) as tokens, OllamaDoor(tokens) as door:
        auth = tokens.auth
        auth["token"]["realm"] = f"http://{door.host}/token"
        registry: DockerRegistry = start_registry(auth=auth, pusher=tokens.pusher("bees/own"))
        config = Layer("application/vnd.docker.container.image.v1+json", b"{}")
        layers = [Layer("application/vnd.ollama.image.model", GGUF)]
        registry.push("bees/own", "latest", layers, config=config, media_type=DOCKER_MANIFEST)
        door._registry = registry
        door.key = write_key(rbee.path)
        rbee.env["RBEE_OLLAMA_REGISTRY"] = f"http://{door.host}"
        yield door


def test_a_private_model_comes_with_the_accounts_key(rbee: RbeeHome, private: OllamaDoor) -> None:
    done = rbee("models", "download", "ollama:bees/own", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["path"]).read_bytes() == GGUF
    (path,) = private.signed
    assert {"ts=", "nonce=", "scope=repository%3Abees%2Fown%3Apull"} <= set(_parts(path))


def _parts(path: str) -> list[str]:
    pairs = path.partition("?")[2].split("&")
    return [pair if pair.startswith("scope") else pair.partition("=")[0] + "=" for pair in pairs]


def test_another_key_opens_nothing(rbee: RbeeHome, private: OllamaDoor) -> None:
    write_key(rbee.path)
    done = rbee("models", "download", "ollama:bees/own", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "AUTH_REQUIRED"


REQUEST = TokenRequest("https://registry.ollama.ai/token", "s", ("a",))


def sign(home: Path, request: TokenRequest = REQUEST) -> tuple[tuple[str, Mapping[str, str]] | None, list[str]]:
    warnings: list[str] = []
    signed = signer(locate("registry.ollama.ai", "bees/own"), warnings.append, home / KEY)(request)
    return signed, warnings


def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    assert sign(tmp_path) == (None, [])


@pytest.mark.parametrize(
    "realm", ["https://elsewhere.example/token", "https://registry.ollama.ai:444/token", "https://x.ollama.ai/token"]
)
def test_nothing_is_signed_for_another_host(tmp_path: Path, realm: str) -> None:
    write_key(tmp_path)
    assert sign(tmp_path)[0] is not None
    assert sign(tmp_path, TokenRequest(realm)) == (None, [])


def test_a_key_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    write_key(tmp_path, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert sign(tmp_path)[1][0].endswith("is not an ed25519 key; going on without it.")
    (tmp_path / KEY).write_text("no key")
    signed, warnings = sign(tmp_path)
    assert signed is None
    assert "cannot be used" in warnings[0]
