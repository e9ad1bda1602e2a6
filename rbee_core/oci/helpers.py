"""Credential helpers: the programs ``docker-credential-NAME`` (docker/docker-credential-helpers, "Development")."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable

#: Seconds a helper may take: one may have to wake up a key ring.
TIME_LIMIT = 15.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What a helper prints when it works and has nothing.
_NOT_FOUND = "credentials not found"


def ask_helper(
    name: str, server: str, warn: Callable[[str], None], *, limit: float = TIME_LIMIT
) -> tuple[str, str] | None:
    """Ask a helper for what it keeps for ``server``; its other output is dropped, as it may hold secrets.

    :param name: what follows ``docker-credential-``.
    :param warn: told when the helper is missing or fails.
    :returns: the user's name and the secret, or ``None``.
    """
    if not _NAME.fullmatch(name):
        warn(f"A credential helper cannot be called {name[:80]!a}; going on without it.")
        return None
    program = f"docker-credential-{name}"
    path = shutil.which(program)
    if path is None:
        warn(f"{program} is configured for {server} but is not on PATH; going on without it.")
        return None
    try:
        done = subprocess.run([path, "get"], input=server.encode(), capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        warn(f"{program} did not answer within {limit:g} seconds; going on without it.")
        return None
    except OSError as error:
        warn(f"{program} cannot be run: {error.strerror or error}; going on without it.")
        return None
    if done.returncode != 0:
        if _NOT_FOUND not in done.stdout.decode(errors="replace"):
            warn(f"{program} failed with status {done.returncode} for {server}; going on without it.")
        return None
    try:
        answer = json.loads(done.stdout)
        return str(answer.get("Username") or ""), str(answer["Secret"])
    except (ValueError, KeyError, AttributeError, RecursionError):
        warn(f"{program} answered something that is no credential; going on without it.")
        return None
