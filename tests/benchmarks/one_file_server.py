"""One big file on loopback, over every protocol at once, at full speed or with a limit for each connection.

Plain HTTP ``/f/NAME`` · the Hub's API · an OCI registry · an Ollama registry · S3 (``bucket``, and ``checked``, which
knows sha256 checksums). Bytes leave through ``sendfile``, so that the server costs little of what the clients are
measured on. Run as a process: ``python one_file_server.py FILE LIMIT`` (bytes per second for each connection, 0 for
none); the port is printed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "model-Q4_K_M.gguf"
EMPTY = b"{}"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_BURST = 256 << 10


def digest_of(data: bytes) -> str:
    """``sha256:hex`` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Served:
    """The file, and what the protocols say of it."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self.size = path.stat().st_size
        with path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            self.md5 = hashlib.file_digest(file, "md5").hexdigest()
        layer = {"digest": f"sha256:{self.sha256}", "size": self.size}
        oci = "application/vnd.oci.image.manifest.v1+json"
        config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(EMPTY), "size": len(EMPTY)}
        title = {"org.opencontainers.image.title": NAME}
        self.oci = (
            oci,
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": oci,
                    "artifactType": "application/vnd.example.model",
                    "config": config,
                    "layers": [{"mediaType": "application/octet-stream", **layer, "annotations": title}],
                }
            ).encode(),
        )
        docker = "application/vnd.docker.distribution.manifest.v2+json"
        config = {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": digest_of(EMPTY),
            "size": 2,
        }
        model = {"mediaType": "application/vnd.ollama.image.model", **layer}
        ollama = {"schemaVersion": 2, "mediaType": docker, "config": config, "layers": [model]}
        self.ollama = docker, json.dumps(ollama).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers all protocols; the path tells which one is meant."""

    protocol_version = "HTTP/1.1"
    served: Served

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Headers and bytes."""
        self._answer(body=True)

    def log_message(self, *arguments: object) -> None:
        """Nothing: the log would be part of what is measured."""

    def _answer(self, *, body: bool) -> None:
        url = urlsplit(self.path)
        path, served = url.path, self.served
        if path == f"/f/{NAME}":
            self._file(body, {"ETag": f'"{served.md5}"'})
        elif path.startswith("/api/models/"):
            self._json(self._hub_api(path), body)
        elif "/resolve/" in path and path.endswith(NAME):
            tags = {"ETag": f'"{served.sha256}"', "X-Linked-Etag": f'"{served.sha256}"', "X-Repo-Commit": COMMIT}
            self._file(body, {**tags, "X-Linked-Size": str(served.size)})
        elif path.startswith("/v2/"):
            self._registry(path, body)
        elif path.startswith(("/bucket", "/checked")):
            self._s3(path, parse_qs(url.query), body)
        else:
            self._bytes(404, b"not here", {}, body)

    def _hub_api(self, path: str) -> object:
        served = self.served
        lfs = {"oid": served.sha256, "size": served.size, "pointerSize": 134}
        entry = {"type": "file", "path": NAME, "oid": "1" * 40, "size": served.size, "lfs": lfs}
        if "/tree/" in path:
            return [entry]
        repo = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        siblings = [
            {"rfilename": NAME, "size": served.size, "blobId": "1" * 40, "lfs": {**lfs, "sha256": served.sha256}}
        ]
        facts = {"id": repo, "modelId": repo, "sha": COMMIT, "private": False, "gated": False, "disabled": False}
        return {**facts, "tags": ["gguf"], "siblings": siblings, "downloads": 0, "likes": 0}

    def _registry(self, path: str, body: bool) -> None:
        served = self.served
        if path == "/v2/":
            self._json({}, body)
        elif "/manifests/" in path:
            kind, data = served.ollama if "/library/" in path else served.oci
            if self.headers.get("User-Agent", "").startswith("llama-cpp"):  # as the Hub tells llama.cpp and ramalama
                data = json.dumps({"ggufFile": {"rfilename": NAME, "blobId": f"sha256:{served.sha256}"}}).encode()
            self._bytes(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest_of(data)}, body)
        elif path.endswith(served.sha256):
            self._file(body, {"Docker-Content-Digest": f"sha256:{served.sha256}"})
        elif path.endswith(digest_of(EMPTY)):
            self._bytes(200, EMPTY, {"Content-Type": "application/octet-stream"}, body)
        else:
            self._bytes(404, b'{"errors":[]}', {}, body)

    def _s3(self, path: str, query: dict[str, list[str]], body: bool) -> None:
        served = self.served
        tags = {"ETag": f'"{served.md5}"', "x-amz-request-id": "1"}
        if path == f"/checked/{NAME}":
            checksum = base64.b64encode(bytes.fromhex(served.sha256)).decode()
            self._file(body, {**tags, "x-amz-checksum-sha256": checksum, "x-amz-checksum-type": "FULL_OBJECT"})
        elif path == f"/bucket/{NAME}":
            self._file(body, tags)
        elif "location" in query:
            self._bytes(200, b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>', {}, body)
        elif path.rstrip("/") == "/bucket":
            item = f"<Key>{NAME}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            item += (
                f"<ETag>&quot;{served.md5}&quot;</ETag><Size>{served.size}</Size><StorageClass>STANDARD</StorageClass>"
            )
            listed = "<Name>bucket</Name><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
            xml = f"<Contents>{item}</Contents>" if NAME.startswith(query.get("prefix", [""])[0]) else ""
            document = (
                f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}{xml}</ListBucketResult>'
            )
            self._bytes(200, document.encode(), {"Content-Type": "application/xml"}, body)
        else:
            self._bytes(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"}, body)

    # --- sending ----------------------------------------------------------------------------------------------------

    def _json(self, data: object, body: bool) -> None:
        self._bytes(200, json.dumps(data).encode(), {"Content-Type": "application/json"}, body)

    def _bytes(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _file(self, body: bool, headers: dict[str, str]) -> None:
        size = self.served.size
        start, end = 0, size
        if match := _RANGE.fullmatch(self.headers.get("Range", "")):
            start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        common = {
            "Accept-Ranges": "bytes",
            "Content-Length": str(end - start),
            "Content-Type": "application/octet-stream",
        }
        common["Last-Modified"] = "Thu, 01 Jan 2026 00:00:00 GMT"
        for key, value in {**common, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.flush()
            self._send(start, end)

    def _send(self, start: int, end: int) -> None:
        limit, began, sent = self.served.limit, time.monotonic(), 0
        step = _BURST if limit else 8 << 20
        try:
            with self.served.path.open("rb") as file:
                while start < end:
                    count = os.sendfile(self.connection.fileno(), file.fileno(), start, min(step, end - start))
                    start, sent = start + count, sent + count
                    if limit and (ahead := began + sent / limit - time.monotonic()) > 0:
                        time.sleep(ahead)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""

    def server_bind(self) -> None:
        """Answers at once: no waiting for more to fill a packet."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().server_bind()


def main() -> None:
    """Serve until killed."""
    Handler.served = Served(Path(sys.argv[1]), int(sys.argv[2]))
    server = Server(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port} {Handler.served.sha256}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
