"""Asking a worker how it is."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit


def answers(url: str, path: str = "/health", timeout: float = 2.0) -> bool:
    """Whether the worker at ``url`` answers 200."""
    return _get(url, path, timeout)[0] == 200


def status_of(url: str, timeout: float = 1.0) -> str:
    """What the worker says it is doing: ``ready``, ``busy``, ``starting``, ``stopping``; ``unreachable`` if nothing."""
    status, body = _get(url, "/info", timeout)
    if status == 200:
        try:
            return str(json.loads(body)["status"])
        except (ValueError, KeyError, TypeError):
            return "ready"
    status, body = _get(url, "/health", timeout)
    if status == 0:
        return "unreachable"
    return "ready" if status == 200 else "starting"


def _get(url: str, path: str, timeout: float) -> tuple[int, bytes]:
    """Status and body; status 0 when nobody answers."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "127.0.0.1", target.port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 16)
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
