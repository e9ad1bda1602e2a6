"""What the tests of artifacts share: how they are made, and what is looked at."""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import Any

from rbee_core.testing.cli import RbeeHome
from support.servers.docker_registry import DockerRegistry, Layer

TITLE, FILEPATH = "org.opencontainers.image.title", "org.cncf.model.filepath"
UNPACK = {"io.deis.oras.content.unpack": "true"}
PACK, DOCKER, KIT = "application/vnd.cncf.model.", "application/vnd.docker.ai.", "application/vnd.kitops.modelkit."
WEIGHTS = os.urandom(400_000)


def tar(files: dict[str, bytes]) -> bytes:
    """An archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def document(done: Any) -> Any:
    """What a command that worked printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(done: Any) -> dict[str, str]:
    """What a command that failed said of it."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    error: dict[str, str] = json.loads(done.stderr.splitlines()[-1])["error"]
    return error


def contents(rbee: RbeeHome, entry: dict[str, Any]) -> dict[str, bytes]:
    """The model's files as they lie in the store."""
    (folder,) = (path for path in (rbee.models / "models").iterdir() if entry["path"].startswith(str(path)))
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(file["name"] for file in entry["files"])
    return found


def modelkit(
    registry: DockerRegistry, kitfile: Any, layers: list[Layer], repository: str = "org/kit", tag: str = "latest"
) -> str:
    """Push a ModelKit; returns its reference."""
    config = Layer(KIT + "config.v1+json", json.dumps(kitfile).encode())
    registry.push(repository, tag, layers, config=config)
    return f"oci://{registry.host}/{repository}:{tag}"
