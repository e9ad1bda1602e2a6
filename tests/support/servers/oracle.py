"""Oracle Object Storage's API on this machine; it checks the signature of every request, as Oracle does.

Signatures: draft-cavage-http-signatures-08, https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from rbee_core.testing.servers.loopback import LoopbackServer, QuietHandler

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

#: Seconds by which a request's date may be off.
_SKEW = 300
_PIECE = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PATH = re.compile(r"(?:/p/(?P<par>[^/]+))?/n/(?P<namespace>[^/]+)/b/(?P<bucket>[^/]+)/o(?:/(?P<key>.*))?", re.DOTALL)
_TENANCY = "ocid1.tenancy.oc1..aaaaaaaa" + "b" * 52
_USER = "ocid1.user.oc1..aaaaaaaa" + "c" * 52


@dataclass
class OracleObject:
    """One object; ``headers`` are sent besides the usual ones, or in their place (``None`` leaves one out)."""

    data: bytes
    headers: Mapping[str, str | None] = field(default_factory=dict)
    etag: str = field(default_factory=lambda: secrets.token_hex(16))

    def sent(self) -> dict[str, str]:
        """The headers of an answer that has the object."""
        md5 = base64.b64encode(hashlib.md5(self.data, usedforsecurity=False).digest()).decode()
        usual = {
            "ETag": self.etag,
            "Content-MD5": md5,
            "version-id": f"version-of-{self.etag}",
            "storage-tier": "Standard",
        }
        return {name: value for name, value in {**usual, **self.headers}.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; header names are in lower case. ``who`` is whom its signature is of."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    who: str


class OracleServer(LoopbackServer):
    """The service on 127.0.0.1; use as a context manager.

    ``buckets`` maps (namespace, bucket) to its objects, ``public`` are those that nobody has to sign for, ``pars``
    maps the token of a pre-authenticated request to its bucket and the object it is for (empty for all).

    :param folder: for the account's key and configuration.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buckets: dict[tuple[str, str], dict[str, OracleObject]] = {}
        self.public: set[tuple[str, str]] = set()
        self.pars: dict[str, tuple[str, str, str]] = {}
        self.page_size = 1000
        self.requests: list[Asked] = []
        self._keys: dict[str, RSAPublicKey] = {}
        super().__init__(_Handler)

    def put(self, bucket: str, key: str, data: bytes, namespace: str = "ns", **options: Any) -> OracleObject:
        """Place an object, in a bucket that is made if need be."""
        found = OracleObject(data, **options)
        self.buckets.setdefault((namespace, bucket), {})[key] = found
        return found

    def par(self, bucket: str, key: str = "", namespace: str = "ns") -> str:
        """A pre-authenticated request's address for an object, or for the whole bucket."""
        token = secrets.token_urlsafe(32)
        self.pars[token] = (namespace, bucket, key)
        return f"{self.url}/p/{token}/n/{namespace}/b/{bucket}/o/{key}"

    def env(self, profile: str = "DEFAULT", **more: str) -> dict[str, str]:
        """The environment of a client with an API key that this server knows."""
        path, fingerprint = self._key(profile)
        self._keys[f"{_TENANCY}/{_USER}/{fingerprint}"] = self._public(path)
        config = self.folder / f"config-{profile}"
        lines = {"user": _USER, "fingerprint": fingerprint, "tenancy": _TENANCY, "region": "eu-frankfurt-1"}
        text = "".join(f"{name}={value}\n" for name, value in {**lines, "key_file": str(path)}.items())
        config.write_text(f"[{profile}]\n{text}", encoding="utf-8")
        found = {"OCI_CONFIG_FILE": str(config), "OCI_CONFIG_PROFILE": profile, "RBEE_OCI_ENDPOINT": self.url}
        return {**found, **more}

    def resource_principal_env(self, **more: str) -> dict[str, str]:
        """The environment that Oracle gives to functions and notebooks (resource principal 2.2)."""
        path, _fingerprint = self._key("resource")
        claims = {"exp": int(time.time()) + 3600, "res_tenant": _TENANCY, "res_compartment": _TENANCY}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, {**claims, "jwk": "{}"})]
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, b"signature"])
        self._keys[f"ST${token}"] = self._public(path)
        return {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": token,
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": path.read_text(encoding="ascii"),
            "OCI_RESOURCE_PRINCIPAL_REGION": "eu-frankfurt-1",
            "RBEE_OCI_ENDPOINT": self.url,
            **more,
        }

    def session_env(self, **more: str) -> dict[str, str]:
        """The environment after ``oci session authenticate``: a token in a file, and its key."""
        env = self.env("SESSION")
        path, fingerprint = self._key("SESSION")
        token = self.folder / "session-token"
        token.write_text(secrets.token_hex(16), encoding="ascii")
        del self._keys[f"{_TENANCY}/{_USER}/{fingerprint}"]  # the session's token is all that this key is good for
        self._keys[f"ST${token.read_text(encoding='ascii')}"] = self._public(path)
        with Path(env["OCI_CONFIG_FILE"]).open("a", encoding="utf-8") as config:
            config.write(f"security_token_file={token}\n")
        return {**env, "OCI_CLI_AUTH": "security_token", **more}

    def asked(self, key: str, method: str = "GET") -> list[Asked]:
        """The requests for an object so far."""
        return [a for a in list(self.requests) if a.method == method and unquote(a.path).endswith(f"/o/{key}")]

    # --- who asks ---------------------------------------------------------------------------------------------------

    def signer(self, method: str, target: str, headers: Mapping[str, str]) -> str | None:
        """Whose valid signature a request has; ``None`` for none, or a wrong one."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        found = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "").removeprefix("Signature ")))
        names = found.get("headers", "").split()
        public = self._keys.get(found.get("keyId", ""))
        right = found.get("algorithm") == "rsa-sha256" and found.get("version") == "1"
        if public is None or not right or not {"date", "(request-target)", "host"} <= set(names):
            return None
        try:
            late = abs(parsedate_to_datetime(headers.get("date", "")).timestamp() - time.time())
        except ValueError:
            return None
        if late > _SKEW:
            return None
        values = {**headers, "(request-target)": f"{method.lower()} {target}"}
        text = "\n".join(f"{name}: {values.get(name, '')}" for name in names)
        try:
            public.verify(base64.b64decode(found.get("signature", "")), text.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return None
        return str(found["keyId"])

    def _key(self, name: str) -> tuple[Path, str]:
        """A private key's file, made when it is first needed, and its fingerprint."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        path = self.folder / f"{name}.pem"
        if not path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            form = serialization.PrivateFormat.PKCS8
            pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
            path.write_bytes(pem)
            path.chmod(0o600)
        encoding, public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.md5(self._public(path).public_bytes(encoding, public), usedforsecurity=False).hexdigest()
        return path, ":".join(digest[i : i + 2] for i in range(0, 32, 2))

    @staticmethod
    def _public(path: Path) -> RSAPublicKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        return key.public_key()


class _Handler(QuietHandler):
    owner: OracleServer

    def do_GET(self) -> None:  # noqa: N802 — the name that http.server calls
        split = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        who = self.owner.signer(self.command, self.path, headers) or ""
        self.owner.requests.append(Asked(self.command, split.path, split.query, headers, who))
        try:
            self._answer(split.path, {name: values[-1] for name, values in parse_qs(split.query).items()}, who)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 — the name that http.server calls

    def _answer(self, path: str, query: dict[str, str], who: str) -> None:
        match = _PATH.fullmatch(path)
        if match is None:
            self._refuse(404, "NotFound")
            return
        place = unquote(match["namespace"]), unquote(match["bucket"])
        key = unquote(match["key"] or "")
        granted = self.owner.pars.get(match["par"] or "")
        if match["par"] is not None:
            if granted is None or granted[:2] != place or granted[2] not in ("", key):
                self._refuse(404, "NotAuthorizedOrNotFound")
                return
        elif not who and place not in self.owner.public:
            signed = "Authorization" in self.headers
            self._refuse(401 if signed else 404, "NotAuthenticated" if signed else "BucketNotFound")
            return
        objects = self.owner.buckets.get(place)
        if objects is None:
            self._refuse(404, "BucketNotFound")
        elif key:
            self._object(objects.get(key), query)
        else:
            self._list(objects, query)

    def _list(self, objects: dict[str, OracleObject], query: dict[str, str]) -> None:
        prefix, start = query.get("prefix", ""), query.get("start", "")
        names = sorted(name for name in objects if name.startswith(prefix) and name >= start)
        size = min(self.owner.page_size, int(query.get("limit", "1000")))
        answer: dict[str, Any] = {"objects": [], "prefixes": []}
        for name in names[:size]:
            sent = objects[name].sent()
            full = {"size": len(objects[name].data), "md5": sent.get("Content-MD5"), "etag": sent.get("ETag")}
            wanted = query.get("fields", "name").split(",")
            answer["objects"].append({"name": name, **{k: v for k, v in full.items() if k in wanted}})
        if names[size:]:
            answer["nextStartWith"] = names[size]
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _object(self, found: OracleObject | None, query: dict[str, str]) -> None:
        if found is None:
            self._refuse(404, "ObjectNotFound")
            return
        sent = found.sent()
        if query.get("versionId", sent.get("version-id")) != sent.get("version-id"):
            self._refuse(404, "ObjectNotFound")
        elif self.headers.get("If-Match", found.etag) != found.etag:
            self._refuse(412, "IfMatchFailed")
        else:
            data, status = found.data, 200
            if wanted := _RANGE.fullmatch(self.headers.get("Range", "")):
                start, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
                sent["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
                data, status = data[start:end], 206
            self._send(status, data, sent)

    def _refuse(self, status: int, code: str) -> None:
        body = json.dumps({"code": code, "message": "as the service words it"}).encode()
        self._send(status, body, {"Content-Type": "application/json", "opc-request-id": "0"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for begin in range(0, len(body), _PIECE):
                self.wfile.write(body[begin : begin + _PIECE])
