"""Encrypted lines: who is trusted, and large files over them."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.testing.quiet_server import QuietServer
from rbee_core.transfer import Tally, receive
from rbee_core.transfer.http import HttpClient, http_source

DATA = hashlib.shake_256(b"tls").digest(12 << 20)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that only who is told trusts, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rbee test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2]) + 1) if asked else (0, len(DATA))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(DATA)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(DATA[start:end])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class calls it so
        """Say nothing."""


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = QuietServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/m.gguf"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_large_file_over_an_encrypted_line(
    variable: str, url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    job = Job(options=JobOptions(connections=4, stall_timeout=20))
    digest = Digest(f"sha256:{hashlib.sha256(DATA).hexdigest()}")
    with HttpClient(job) as client:
        source = http_source("m.gguf", url, client=client, size=len(DATA), digest=digest)
        receive(source, tmp_path / "m.gguf", Tally(job, len(DATA)))
    assert (tmp_path / "m.gguf").read_bytes() == DATA


def test_a_server_that_nobody_vouches_for_is_refused_at_once(url: str) -> None:
    with HttpClient(Job()) as client, pytest.raises(RbeeError) as caught:
        client.request("GET", url)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert "cannot prove who it is" in caught.value.message
    assert "SSL_CERT_FILE" in caught.value.hint
