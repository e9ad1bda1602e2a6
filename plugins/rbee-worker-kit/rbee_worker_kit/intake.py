"""What a request must be before the engine hears of it: its key, its size, its fields, its model."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError

from .errors import ApiError
from .requests import Asked
from .settings import MAX_BODY, Settings

Body = TypeVar("Body", bound=Asked)


def key_check(key: str | None) -> Callable[[Request], Awaitable[None]]:
    """A dependency that demands the key; without one it demands nothing."""
    expected = key.encode() if key else b""

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        sound = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)
        if expected and not sound:
            raise ApiError(
                401,
                "Incorrect API key provided." if given else "You didn't provide an API key.",
                type="authentication_error",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check


async def read_body(request: Request) -> bytes:
    """The body. One that is too large is refused, at once or after it was swallowed.

    A client that is still sending when the connection closes sees only that, and not the answer: up to a point it is
    left to finish.
    """
    too_large = ApiError(413, f"The request is larger than {MAX_BODY} bytes.", code="request_too_large")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > 4 * MAX_BODY:
        raise too_large
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > 4 * MAX_BODY:
            raise too_large
        if size <= MAX_BODY:
            parts.append(part)
    if size > MAX_BODY:
        raise too_large
    return b"".join(parts)


def parse_body(shape: type[Body], body: bytes) -> Body:
    """The body as ``shape``.

    :raises ApiError: 400, naming the field.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = ".".join(str(part) for part in first["loc"]) or None
        where = f"'{param}': " if param else ""
        raise ApiError(400, f"{where}{first['msg']}", param=param) from None


def check_model(asked: str | None, settings: Settings) -> None:
    """Refuse a request for another model than the loaded one.

    :raises ApiError: 404.
    """
    if asked and asked != settings.model_id:
        raise ApiError(
            404,
            f"The model '{asked[:200]}' is not loaded here; this worker serves '{settings.model_id}'.",
            param="model",
            code="model_not_found",
        )
