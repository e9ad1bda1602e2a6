"""``docker-registry`` (CNCF distribution): the registry that people run, with and without a log-in, filled by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rbee_core.testing.orphans import bound

#: The Debian package that holds it.
PACKAGE = "docker-registry"
USER, PASSWORD = "bee", "bees-only"
#: ``htpasswd -nbB bee bees-only``
_HTPASSWD = "bee:$2b$04$kdLVtnbaVBzaNB7oNEczlemWghN7pU83.eJ8x6c1u9FYIZpmrWu4K\n"
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
#: Seconds until the server must be there.
_PATIENCE = 30

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Layer(NamedTuple):
    """One layer to push: its media type, its bytes, and what its descriptor says besides."""

    media_type: str
    data: bytes
    annotations: Mapping[str, str] = {}
    more: Mapping[str, Any] = {}


def is_installed() -> bool:
    """Whether the program is here."""
    return shutil.which(PACKAGE) is not None


class DockerRegistry:
    """A registry on 127.0.0.1 over a folder of its own; use as a context manager.

    :param folder: made, for its configuration, log and data.
    :param auth: what its configuration says under ``auth``; ``"basic"`` is a password file with `USER`.
    :param pusher: the ``Authorization`` header of pushes.
    """

    def __init__(self, folder: Path, auth: dict[str, Any] | str | None = None, pusher: str | None = None) -> None:
        self.folder = folder
        self.host = ""
        self.pusher = pusher
        self._auth = auth
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DockerRegistry:
        self.folder.mkdir(parents=True)
        log = self.folder / "log"
        config = self.folder / "config.json"
        config.write_text(json.dumps(self._config()), encoding="utf-8")  # JSON is YAML, too
        environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        with log.open("wb") as writer:
            self._process = subprocess.Popen(
                bound([PACKAGE, "serve", str(config)]),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                env=environment,
            )
        deadline = time.monotonic() + _PATIENCE
        while (match := _LISTENING.search(log.read_text(errors="replace"))) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{PACKAGE} did not start: {log.read_text(errors='replace')}")
            time.sleep(0.01)
        self.host = match[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{self.host}"

    # --- filling it -------------------------------------------------------------------------------------------------

    def push_blob(self, repository: str, data: bytes) -> str:
        """Upload bytes; returns their digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        place = self._call("POST", f"{self.url}/v2/{repository}/blobs/uploads/").headers["Location"]
        place += ("&" if "?" in place else "?") + f"digest={digest}"
        self._call("PUT", place, data, {"Content-Type": "application/octet-stream"})
        return digest

    def push_manifest(self, repository: str, reference: str, manifest: Mapping[str, Any], media_type: str = "") -> str:
        """Upload a manifest under a tag (or its digest); returns its digest."""
        body = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        kind = media_type or manifest.get("mediaType", OCI_MANIFEST)
        url = f"{self.url}/v2/{repository}/manifests/{reference or digest}"
        self._call("PUT", url, body, {"Content-Type": kind})
        return digest

    def push(
        self,
        repository: str,
        tag: str,
        layers: Sequence[Layer],
        *,
        config: Layer | None = None,
        media_type: str = OCI_MANIFEST,
        **fields: Any,
    ) -> str:
        """Upload an artifact: its layers, its configuration and its manifest; returns the manifest's digest."""
        config = config or Layer("application/vnd.oci.empty.v1+json", b"{}")
        manifest = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": self.descriptor(repository, config),
            "layers": [self.descriptor(repository, layer) for layer in layers],
            **fields,
        }
        return self.push_manifest(repository, tag, manifest, media_type)

    def descriptor(self, repository: str, layer: Layer) -> dict[str, Any]:
        """Upload a layer's bytes; returns the descriptor of them."""
        found: dict[str, Any] = {
            "mediaType": layer.media_type,
            "digest": self.push_blob(repository, layer.data),
            "size": len(layer.data),
        }
        return found | ({"annotations": dict(layer.annotations)} if layer.annotations else {}) | dict(layer.more)

    def blob_path(self, digest: str) -> Path:
        """Where the registry keeps a blob, for tests that damage it."""
        digits = digest.partition(":")[2]
        return self.folder / "data/docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"

    # --- inside -----------------------------------------------------------------------------------------------------

    def _config(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"addr": "127.0.0.1:0", "secret": "of no importance"},
        }
        if self._auth == "basic":
            passwords = self.folder / "htpasswd"
            passwords.write_text(_HTPASSWD, encoding="ascii")
            self.pusher = basic(USER, PASSWORD)
            found["auth"] = {"htpasswd": {"realm": "the hive, mind you", "path": str(passwords)}}
        elif self._auth:
            found["auth"] = self._auth
        return found

    def _call(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        asked = {"Authorization": self.pusher} if self.pusher else {}
        request = urllib.request.Request(url, body, {**asked, **(headers or {})}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_PATIENCE) as answer:
            answer.read()
            return answer


def basic(user: str, password: str) -> str:
    """The ``Authorization`` header of a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
