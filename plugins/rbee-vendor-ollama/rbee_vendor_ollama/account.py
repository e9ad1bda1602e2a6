"""Requests for tokens as Ollama's own client signs them, with the key of the user's account, for private models."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rbee_core.oci import Address, TokenRequest

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = Path(".ollama", "id_ed25519")


def signer(
    address: Address, warn: Callable[[str], None], key: Path | None = None
) -> Callable[[TokenRequest], tuple[str, Mapping[str, str]] | None]:
    """What signs a request for a token (Ollama's ``server/auth.go``), where the user has a key and it can be read.

    The signature tells the server who asks, so it goes to the registry's own host and nowhere else.

    :param key: the private key, in OpenSSH's format; Ollama's own, if not given.
    """

    def sign(request: TokenRequest) -> tuple[str, Mapping[str, str]] | None:
        path = key or Path(os.environ.get("HOME") or Path.home()) / KEY
        if urlsplit(request.realm).netloc.lower() != urlsplit(address.base).netloc.lower() or not path.is_file():
            return None
        nonce = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode("ascii")
        url = request.url_with([("ts", str(int(time.time()))), ("nonce", nonce)])
        signed = _authorization(path, url, warn)
        return (url, {"Authorization": signed}) if signed else None

    return sign


def _authorization(path: Path, url: str, warn: Callable[[str], None]) -> str | None:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        warn("Ollama's key is not used, for want of a library: pip install 'rbee-vendor-ollama[account]'")
        return None
    try:
        private = serialization.load_ssh_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        warn(f"{path} cannot be used ({type(error).__name__}); going on without it.")
        return None
    if not isinstance(private, Ed25519PrivateKey):
        warn(f"{path} is not an ed25519 key; going on without it.")
        return None
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )  # "ssh-ed25519 AAAA…"
    # The body is empty; what is signed is the hash of that, in hex, in base64.
    empty = base64.b64encode(hashlib.sha256(b"").hexdigest().encode("ascii")).decode("ascii")
    signature = private.sign(f"GET,{url},{empty}".encode())
    return f"{public.split()[1].decode('ascii')}:{base64.b64encode(signature).decode('ascii')}"
