"""Errors in the shape OpenAI's clients read: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel


class ErrorDetail(BaseModel):
    """What went wrong; ``param`` names the field of the request at fault."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class ApiError(Exception):
    """Ends a request with this status and body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 — the field's name in OpenAI's API
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.detail = ErrorDetail(message=message, type=type, param=param, code=code)

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(ErrorBody(error=self.detail).model_dump(), self.status, self.headers)


def stopping() -> ApiError:
    """The worker was told to stop and takes nothing new."""
    return ApiError(503, "The worker is stopping.", type="service_unavailable", code="stopping")


def loading() -> ApiError:
    """The model is not loaded yet."""
    return ApiError(
        503, "The model is still loading.", type="service_unavailable", code="loading", headers={"Retry-After": "1"}
    )


def from_engine(status: int, body: bytes) -> ApiError:
    """The engine's own refusal, in our shape.

    llama.cpp's has a ``type`` that says what it is, and a ``code`` that repeats the status; an engine of ours says it
    all in OpenAI's own words.
    """
    try:
        error: dict[str, Any] = json.loads(body)["error"]
        message, kind = str(error["message"]), str(error.get("type") or "invalid_request_error")
        param, code = error.get("param"), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(502, "The engine gave no readable answer.", type="server_error", code="engine_error")
    if kind == "exceed_context_size_error":
        return ApiError(status, message, code="context_length_exceeded", param="messages")
    if "too large to process" in message:  # llama.cpp's word for a text that an encoder cannot take in one piece
        return ApiError(400, message, code="context_length_exceeded", param="input")
    return ApiError(
        status,
        message,
        type=kind,
        param=param if isinstance(param, str) else None,
        code=code if isinstance(code, str) else None,
    )
