"""What Object Storage's refusals mean, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rbee_core.errors import ErrorCode, RbeeError

if TYPE_CHECKING:
    from .account import Account

_CREDENTIALS = "Look at the profile (OCI_CONFIG_FILE, OCI_CONFIG_PROFILE), OCI_CLI_AUTH, and this machine's clock."


@dataclass(frozen=True, slots=True)
class Words:
    """Words for an answer of 400 or more, for `rbee_core.transfer.http`.

    :param what: what was asked for, as a reference.
    """

    what: str
    account: Account

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, url: str) -> RbeeError | OSError | None:
        """``None`` for what only means: try again."""
        code, what = _code(body), self.what
        if status == 412:
            message = f"{what} was replaced while it was fetched."
            return RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Run it again: the new one will come.")
        if status == 401:
            return self._unknown(code)
        if status == 403:
            message = f"The Oracle account in use gives no access to {what}."
            return RbeeError(ErrorCode.AUTH_REQUIRED, message, "It needs OBJECT_READ, and OBJECT_INSPECT for a prefix.")
        if status == 404:
            return self._missing(code)
        if status == 409 and code == "NotRestored":
            return archived(what)
        if status == 400:
            message = f"{self.account.host} refused {what} ({code or status})."
            return RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Look whether bucket and namespace are right.")
        return None

    def _unknown(self, code: str) -> RbeeError:
        if self.account.kind == "par":
            message = f"The pre-authenticated request does not give {self.what}: it may have run out."
            return RbeeError(ErrorCode.AUTH_REQUIRED, message, "Get a new one and set RBEE_OCI_PAR to it.")
        if self.account.kind == "anonymous":
            message = f"{self.what} is not public."
            return RbeeError(ErrorCode.AUTH_REQUIRED, message, _CREDENTIALS)
        message = f"{self.account.host} does not accept the credentials in use ({code or 401}) for {self.what}."
        return RbeeError(ErrorCode.AUTH_REQUIRED, message, _CREDENTIALS)

    def _missing(self, code: str) -> RbeeError:
        # Strangers are told the same of a private bucket and of none.
        if code in {"BucketNotFound", "NamespaceNotFound", "NotAuthorizedOrNotFound"}:
            which = "anonymously" if self.account.kind == "anonymous" else "for the account in use"
            message = f"There is no bucket of {self.what} {which}: it does not exist, or it is not shown."
            return RbeeError(ErrorCode.MODEL_NOT_FOUND, message, f"Look for a typing error. {_CREDENTIALS}")
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {self.what}.", "Look for a typing error.")


def archived(what: str) -> RbeeError:
    """The object lies in the archive tier, from which nothing can be read at once."""
    message = f"{what} is archived."
    return RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Restore it first: oci os object restore")


def _code(body: bytes) -> str:
    """The ``code`` of an error's JSON, if it is one."""
    try:
        code = json.loads(body).get("code", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return code if isinstance(code, str) and code.isascii() and code.isalnum() and len(code) < 80 else ""
