"""A model in shards is complete or refused, and ``models resolve`` shows what would come without fetching it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome, refused
from rbee_core.testing.servers.web import WebServer
from support.hub import FakeHub
from support.servers.docker_registry import DOCKER_MANIFEST, DockerRegistry, Layer
from support.servers.oracle import OracleServer
from support.servers.rclone_s3 import RcloneS3

SHARDS = {f"big-0000{number}-of-00003.gguf": os.urandom(3000 + number) for number in (1, 2, 3)}
FIRST, _, LAST = SHARDS
PACK, OLLAMA = "application/vnd.cncf.model.", "application/vnd.ollama.image."


@dataclass
class Source:
    """Somewhere a model can be: how to lay files there, and how to ask for them.

    :param lacks: what is said of the last shard where that is not its name.
    :param fetched: which of the files were fetched so far, if the server tells.
    """

    put: Callable[[Mapping[str, bytes]], None]
    ref: str
    env: Mapping[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=lambda: list(SHARDS))
    lacks: str = LAST
    fetched: Callable[[], list[object]] = list


def directory(tmp_path: Path, ref: str) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)

    return Source(put, f"file:{tmp_path}/{ref}".rstrip("/"))


def website(web: WebServer) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            web.page(f"/m/{name}", data)

    return Source(
        put, f"{web.url}/m/{FIRST}", fetched=lambda: [seen for name in SHARDS for seen in web.asked(f"/m/{name}")]
    )


def s3(server: RcloneS3, ref: str) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            server.put("models", f"m/{name}", data)

    return Source(put, f"s3://models/m/{ref}", server.env(AWS_EC2_METADATA_DISABLED="true"))


def oracle_bucket(server: OracleServer, ref: str) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            server.put("models", f"m/{name}", data)

    par = {"RBEE_OCI_PAR": server.par("models")}
    asked = lambda: [seen for name in SHARDS for seen in server.asked(f"m/{name}")]  # noqa: E731
    return Source(put, f"oci://models@ns/m/{ref}", par, fetched=asked)


def hugging_face(hub: FakeHub, ref: str) -> Source:
    return Source(
        lambda files: hub.repo("org/m", files) and None,
        f"hf:org/m{ref}",
        hub.env(),
        lacks="no part 3",
        fetched=lambda: [*hub.seen("*/resolve/*"), *hub.seen(server="cdn")],
    )


def oras(registry: DockerRegistry) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        layers = [
            Layer("application/x", data, {"org.opencontainers.image.title": name}) for name, data in files.items()
        ]
        registry.push("org/m", "v1", layers)

    return Source(put, f"oci://{registry.host}/org/m:v1")


def archive(registry: DockerRegistry) -> Source:
    def put(files: Mapping[str, bytes]) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as packed:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
        config = Layer(PACK + "config.v1+json", b"{}")
        registry.push("org/m", "v1", [Layer(PACK + "weight.v1.tar", out.getvalue())], config=config)

    return Source(put, f"oci://{registry.host}/org/m:v1")


def ollama(registry: DockerRegistry) -> Source:
    """The layers of a manifest are the shards: what can be missing is a layer in the registry."""

    def put(files: Mapping[str, bytes]) -> None:
        layers = [Layer(OLLAMA + "model", data) for data in SHARDS.values()]
        config = Layer("application/vnd.docker.container.image.v1+json", b"{}")
        registry.push("library/m", "latest", layers, config=config, media_type=DOCKER_MANIFEST)
        for name, data in SHARDS.items():
            if name not in files:
                registry.blob_path(registry.push_blob("library/m", data)).unlink()

    names = [f"model-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    return Source(put, f"ollama://{registry.host}/library/m:latest", names=names, lacks="lacks a part")


MAKE: dict[str, Callable[[pytest.FixtureRequest], Source]] = {
    "file, a shard": lambda asks: directory(asks.getfixturevalue("shelf"), FIRST),
    "file, a folder": lambda asks: directory(asks.getfixturevalue("shelf"), ""),
    "http, a shard": lambda asks: website(asks.getfixturevalue("web")),
    "s3, a shard": lambda asks: s3(asks.getfixturevalue("rclone_s3"), FIRST),
    "s3, a prefix": lambda asks: s3(asks.getfixturevalue("rclone_s3"), ""),
    "Oracle, a shard": lambda asks: oracle_bucket(asks.getfixturevalue("oracle"), FIRST),
    "Oracle, a prefix": lambda asks: oracle_bucket(asks.getfixturevalue("oracle"), ""),
    "hf, a shard": lambda asks: hugging_face(asks.getfixturevalue("hub"), f"/{FIRST}"),
    "hf, a repository": lambda asks: hugging_face(asks.getfixturevalue("hub"), ""),
    "registry, layers": lambda asks: oras(asks.getfixturevalue("registry")),
    "registry, an archive": lambda asks: archive(asks.getfixturevalue("registry")),
    "ollama": lambda asks: ollama(asks.getfixturevalue("registry")),
}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


@pytest.fixture(params=MAKE)
def source(request: pytest.FixtureRequest) -> Source:
    return MAKE[request.param](request)


def test_complete_or_refused_and_shown_beforehand(source: Source, rbee: RbeeHome) -> None:
    rbee.env.update(source.env)
    source.put({name: data for name, data in SHARDS.items() if name != LAST})
    code, words = refused(rbee, source.ref)
    assert code == "MODEL_NOT_FOUND"
    assert source.lacks in words

    source.put(SHARDS)
    before = len(source.fetched())
    done = rbee("models", "resolve", source.ref, "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)["files"]
    assert [(file["name"], file["size"]) for file in shown] == list(
        zip(source.names, map(len, SHARDS.values()), strict=True)
    )
    assert len(source.fetched()) == before, "no shard is fetched to be shown"
