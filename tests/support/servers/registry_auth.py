"""A token server for `DockerRegistry` (distribution spec, "Token Authentication"), and a door that redirects blobs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from rbee_core.testing.servers.loopback import LoopbackServer, QuietHandler

from .docker_registry import DockerRegistry, basic

SERVICE, ISSUER = "the hive", "rbee tests"


class Seen(NamedTuple):
    """One request: its method, its path with the query, its headers (names in lower case), its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Server(LoopbackServer):
    """An HTTP server that remembers what it was asked; subclasses say what it answers."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.requests: list[Seen] = []

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        """What to answer: status, headers, body."""
        raise NotImplementedError


class _Handler(QuietHandler):
    owner: Server

    def do_GET(self) -> None:  # noqa: N802 — the name that http.server calls
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        self.owner.requests.append(seen)
        status, answered, content = self.owner.answer(seen)
        self.send_response(status)
        for name, value in answered.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_POST = do_HEAD = do_GET  # noqa: N815 — the names that http.server calls


class TokenServer(Server):
    """Gives tokens that a registry with `auth` accepts.

    :param folder: for its certificate.
    :param passwords: who may have one; everybody, if empty.
    :param refresh_token: the identity token that may have one, besides.
    """

    def __init__(self, folder: Path, passwords: Mapping[str, str] | None = None, refresh_token: str = "") -> None:
        super().__init__()
        self.passwords = dict(passwords or {})
        self.refresh_token = refresh_token
        #: Tokens still to be given that have run out already, though they say otherwise.
        self.stale = 0
        self.expires_in: int | None = 300
        self._key, self._certificate = _key_and_certificate()
        self._bundle = folder / "token-server.pem"
        from cryptography.hazmat.primitives.serialization import Encoding

        self._bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        self._der = self._certificate.public_bytes(Encoding.DER)

    @property
    def auth(self) -> dict[str, Any]:
        """For the registry's configuration."""
        realm = f"http://{self.host}/token?flavour=clover,honey"
        return {"token": {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self._bundle)}}

    def pusher(self, repository: str) -> str:
        """An ``Authorization`` header for pushing."""
        return "Bearer " + self._token([(repository, ["pull", "push"])])

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        """A token, if the request may have one."""
        query = parse_qs(seen.body.decode() if seen.method == "POST" else urlsplit(seen.path).query)
        if not self._allowed(seen, query):
            return 401, {}, b'{"errors": [{"code": "UNAUTHORIZED"}]}'
        access = []
        for scope in " ".join(query.get("scope", [])).split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind == "repository":
                access.append((name, ["pull"] if "pull" in actions.split(",") else []))
        life = 300
        if self.stale:
            self.stale -= 1
            life = -3600
        answer = {"token": self._token(access, life)} | ({"expires_in": self.expires_in} if self.expires_in else {})
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    def _allowed(self, seen: Seen, query: Mapping[str, list[str]]) -> bool:
        if seen.method == "POST":
            grant = query.get("grant_type") == ["refresh_token"]
            return bool(self.refresh_token) and grant and query.get("refresh_token") == [self.refresh_token]
        given = seen.headers.get("authorization")
        return not self.passwords or given in {basic(user, password) for user, password in self.passwords.items()}

    def _token(self, access: list[tuple[str, list[str]]], life: int = 300) -> str:
        """A JSON Web Token as the registry wants it (docker/distribution, ``docs/spec/auth/jwt.md``)."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(self._der).decode()]}
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": SERVICE,
            "nbf": now - 7200,
            "iat": now - 7200,
            "exp": now + life,
            "jti": secrets.token_hex(8),
            "access": [{"type": "repository", "name": name, "actions": actions} for name, actions in access],
        }
        text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        return f"{text}.{_base64(self._key.sign(text.encode(), PKCS1v15(), SHA256()))}"


class Door(Server):
    """Stands before a registry, and sends whoever asks for a blob to another origin, as registries with a store do.

    :param redirect: the beginning of the other origin's address; `None` passes blobs on.
    :param change: what to make of each answer.
    """

    def __init__(
        self,
        registry: DockerRegistry,
        redirect: str | None = None,
        change: Callable[[Seen, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]] | None = None,
    ) -> None:
        super().__init__()
        self._registry = registry
        self.redirect = redirect
        self.change = change

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        """The registry's answer, or the way to the other origin."""
        status, headers, body = self._pass_on(seen)
        if self.redirect is not None and status < 300 and re.search("/blobs/", seen.path):
            return 307, {"Location": f"{self.redirect}{seen.path}"}, b""
        return self.change(seen, status, headers, body) if self.change else (status, headers, body)

    def _pass_on(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        asked = {name: value for name, value in seen.headers.items() if name not in ("host", "connection")}
        request = urllib.request.Request(self._registry.url + seen.path, headers=asked, method=seen.method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, _kept(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _kept(error.headers), error.read()


class Blobs(Server):
    """The other origin: gives the registry's blobs to whoever asks, ranges and all."""

    def __init__(self, registry: DockerRegistry) -> None:
        super().__init__()
        self._registry = registry

    def answer(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        """A blob or a part of one."""
        data = self._registry.blob_path(seen.path.rpartition("/")[2]).read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range", ""))
        if wanted is None:
            return 200, {"Accept-Ranges": "bytes"}, data
        start, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        return 206, {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end]


def _kept(headers: Any) -> dict[str, str]:
    dropped = {"content-length", "connection", "transfer-encoding", "date"}
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _key_and_certificate() -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(b"rbee").digest()[:8], "big"))
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return key, certificate
