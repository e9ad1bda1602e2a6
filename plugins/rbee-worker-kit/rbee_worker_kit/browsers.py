"""Keeping web pages out of a worker that has no API key.

A page anywhere can make a browser send requests to a loopback address (cross-site requests, DNS rebinding). It cannot
choose the ``Origin`` and ``Host`` headers that come with them, so those tell.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ApiError


class NoForeignPages:
    """ASGI middleware: 403 for what a browser sends on behalf of a page that is not of this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if not _is_local(f"//{headers.get('host', 'localhost')}") or (origin and not _is_local(origin)):
                error = ApiError(
                    403,
                    "Without an API key only this machine's own pages and programs are served.",
                    type="permission_error",
                    code="foreign_origin",
                )
                await error.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
