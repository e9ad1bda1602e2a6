"""Credentials from where Docker and Podman keep them: auth files and credential helpers. Nothing is ever written."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .address import DOCKER_HUB, DOCKER_HUB_KEY, Address
from .helpers import ask_helper

#: The largest auth file that is read, in bytes.
_MAX_FILE = 2**20
#: What a helper answers as the user's name when the secret is an identity token (docker-credential-helpers).
_TOKEN_USER = "<token>"  # noqa: S105 — a marker, not a secret

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and password, or an identity token (an OAuth 2 refresh token) that bearer tokens are made of."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, …)"

    @property
    def basic(self) -> str | None:
        """The value of an ``Authorization`` header, if there is a password."""
        if not self.password:
            return None
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


def find_credential(address: Address, warn: Warn, env: Mapping[str, str] | None = None) -> Credential | None:
    """The credential for a repository: from the first file that has one.

    Looked at, in this order: ``$REGISTRY_AUTH_FILE``, ``$XDG_RUNTIME_DIR/containers/auth.json``,
    ``$XDG_CONFIG_HOME/containers/auth.json``, ``$DOCKER_CONFIG/config.json`` or else ``~/.docker/config.json``.

    :param warn: told what is wrong with a file or helper; such a one is passed over.
    """
    for path in auth_files(os.environ if env is None else env):
        config = read_auth_file(path, warn)
        if config is not None and (found := _look_up(config, address, warn)) is not None:
            return found
    return None


def auth_files(env: Mapping[str, str]) -> list[Path]:
    """The files that may exist, in the order of their say."""
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    places = []
    if named := env.get("REGISTRY_AUTH_FILE"):
        places.append(Path(named))
    if sys.platform == "linux" and (runtime := env.get("XDG_RUNTIME_DIR")):
        places.append(Path(runtime, "containers", "auth.json"))
    places.append(Path(env.get("XDG_CONFIG_HOME") or home / ".config", "containers", "auth.json"))
    places.append(Path(env.get("DOCKER_CONFIG") or home / ".docker", "config.json"))
    return places


def read_auth_file(path: Path, warn: Warn) -> dict[str, Any] | None:
    """The file's document; ``None`` if there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        warn(f"{path} cannot be read ({error.strerror or type(error).__name__}); going on without it.")
        return None
    try:
        document = json.loads(text) if len(text) <= _MAX_FILE else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        warn(f"{path} is not a Docker auth file; going on without it.")
        return None
    return document


def keys_for(address: Address) -> Iterator[str]:
    """The names under which a repository's credentials may stand, most particular first (containers-auth.json(5))."""
    parts = address.repository.split("/")
    for end in range(len(parts), 0, -1):
        yield "/".join((address.registry, *parts[:end]))
    yield address.registry
    if address.registry == DOCKER_HUB:
        yield DOCKER_HUB_KEY
        yield "index.docker.io"
        yield "registry-1.docker.io"


def _look_up(config: dict[str, Any], address: Address, warn: Warn) -> Credential | None:
    helpers, auths = _table(config.get("credHelpers")), _table(config.get("auths"))
    keys = list(keys_for(address))
    for key in keys:
        if (helper := helpers.get(key)) is not None:
            return _from_helper(helper, _server(key, address), warn)
    normal = {_bare(key): entry for key, entry in reversed(auths.items())} | auths
    for key in keys:
        entry = normal.get(key, normal.get(_bare(key)))
        if isinstance(entry, dict) and (found := _from_entry(entry)) is not None:
            return found
    if config.get("credsStore"):
        server = DOCKER_HUB_KEY if address.registry == DOCKER_HUB else address.registry
        return _from_helper(config["credsStore"], server, warn)
    return None


def _server(key: str, address: Address) -> str:
    return DOCKER_HUB_KEY if address.registry == DOCKER_HUB and "/" not in key else key


def _table(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _bare(key: str) -> str:
    """A key as the older files have it, without what is around the host: ``https://host/v1/`` is ``host``."""
    match = re.fullmatch(r"https?://([^/]+)(?:/v[12])?/?", key)
    return match[1].lower() if match else key


def _from_entry(entry: dict[str, Any]) -> Credential | None:
    token = entry.get("identitytoken")
    username, password = entry.get("username"), entry.get("password")
    if isinstance(encoded := entry.get("auth"), str) and encoded:
        try:
            username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        password = password.rstrip("\0") if colon else ""
    return _usable(username, password, token)


def _from_helper(name: Any, server: str, warn: Warn) -> Credential | None:
    answer = ask_helper(name, server, warn) if isinstance(name, str) else None
    if answer is None:
        return None
    username, secret = answer
    if username == _TOKEN_USER:
        return _usable("", "", secret)
    return _usable(username, secret, None)


def _usable(username: Any, password: Any, token: Any) -> Credential | None:
    texts = [text if isinstance(text, str) and text.isprintable() else "" for text in (username, password, token)]
    credential = Credential(*texts)
    return credential if credential.password or credential.identity_token else None
