"""The command line as a user meets it: a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .orphans import bound, remember

#: What would let the machine's own set-up into a test.
_FOREIGN = (
    *("RBEE_", "HF_", "HUGGING", "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONPATH", "OPENAI_"),
    *("AWS_", "OCI_", "OCIFS_", "NETRC"),
)


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anybody's rbee or Hugging Face settings, and with ``extra``."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
    return {**env, "PYTHONUTF8": "1", **(extra or {})}


@contextmanager
def kept(env: MutableMapping[str, str]) -> Iterator[None]:
    """Put an environment back as it was, at the end."""
    before = dict(env)
    try:
        yield
    finally:
        for key in env.keys() - before.keys():
            del env[key]
        env.update({key: value for key, value in before.items() if env.get(key) != value})


def run_rbee(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    timeout: float = 100,
) -> subprocess.CompletedProcess[str]:
    """Run ``rbee`` to its end; standard input is empty unless given."""
    return subprocess.run(
        bound([sys.executable, "-m", "rbee_core", *arguments]),
        env=clean_env(env),
        input=stdin or "",
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass(slots=True)
class RbeeHome:
    """An rbee of its own: everything it writes is under ``path``.

    :param env: more environment for its commands.
    """

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a command run here sees, beside the cleaned environment."""
        return {"RBEE_HOME": str(self.path), "HOME": str(self.path), **self.env}

    @property
    def models(self) -> Path:
        """The store's root."""
        return self.path / "models"

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 100
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here."""
        return run_rbee(*arguments, env={**self.environment, **(env or {})}, stdin=stdin, timeout=timeout)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command here, in a process group of its own, and leave it running, at most until the test's end."""
        process: subprocess.Popen[str] = subprocess.Popen(
            bound([sys.executable, "-m", "rbee_core", *arguments]),
            env=clean_env({**self.environment, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        remember(process)
        return process


def refused(rbee: RbeeHome, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The code and the words of a download's error, which leaves nothing new among the models."""
    before = set((rbee.models / "models").rglob("*"))
    done = rbee("models", "download", *arguments, "--json", env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    error = json.loads(done.stderr)["error"]
    assert set((rbee.models / "models").rglob("*")) == before
    return error["code"], f"{error['message']} {error['hint']}"
