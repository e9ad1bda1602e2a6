"""The one error type that reaches a user: a code to act on, a sentence to read, a hint on what to do next."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Every code rbee can fail with. They are part of the public surface (``--json`` prints them)."""

    INVALID_REF = "INVALID_REF"
    NO_VENDOR = "NO_VENDOR"
    PLUGIN_CONFLICT = "PLUGIN_CONFLICT"
    PLUGIN_ERROR = "PLUGIN_ERROR"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    MODEL_EXISTS = "MODEL_EXISTS"
    REVISION_NOT_FOUND = "REVISION_NOT_FOUND"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    DOWNLOAD_FAILED = "DOWNLOAD_FAILED"
    DOWNLOAD_TIMEOUT = "DOWNLOAD_TIMEOUT"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    INSUFFICIENT_DISK = "INSUFFICIENT_DISK"
    INSUFFICIENT_RAM = "INSUFFICIENT_RAM"
    INSUFFICIENT_VRAM = "INSUFFICIENT_VRAM"
    BACKEND_UNAVAILABLE = "BACKEND_UNAVAILABLE"
    WORKER_NOT_FOUND = "WORKER_NOT_FOUND"
    BUILD_FAILED = "BUILD_FAILED"
    WORKER_START_FAILED = "WORKER_START_FAILED"
    UNSAFE_PATH = "UNSAFE_PATH"
    CATALOG_CORRUPT = "CATALOG_CORRUPT"
    CANCELLED = "CANCELLED"


class RbeeError(Exception):
    """Something could not be done.

    :param code: which kind of failure; stable, for programs.
    :param message: what happened, to what. One sentence, never with a secret in it.
    :param hint: what to do next, or an empty string.
    """

    def __init__(self, code: ErrorCode | str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = ErrorCode(code)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own pickling calls the class with `args` alone, which would drop the code.
        return type(self), (self.code, self.message, self.hint)

    def as_json(self) -> dict[str, dict[str, str]]:
        """The shape ``--json`` prints to standard error (design §6)."""
        return {"error": {"code": self.code.value, "message": self.message, "hint": self.hint}}


class UsageError(Exception):
    """The command or a setting was written wrongly (exit status 2); nothing was attempted.

    :param message: what is wrong, and where it was written.
    :param hint: what would be right.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_json(self) -> dict[str, dict[str, str]]:
        """The same shape as a failure's."""
        return {"error": {"code": "USAGE", "message": self.message, "hint": self.hint}}
