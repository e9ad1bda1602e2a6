"""What S3's refusals mean, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rbee_core.errors import ErrorCode, RbeeError

if TYPE_CHECKING:
    from .settings import Settings

_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName"}
_NO_OBJECT = {"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed"}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed", "401"}
_OLD_KEYS = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestTimeTooSkewed"}
#: The code in the body of an error (XML; a small one, so no parser of hostile documents is needed).
_CODE = re.compile(rb"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")
_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


def refusal(error: BaseException, what: str, settings: Settings) -> RbeeError | None:
    """The error for what a call ended in; ``None`` for an object that is not there."""
    from botocore.exceptions import BotoCoreError, ClientError

    cause: Any = error if isinstance(error, ClientError | BotoCoreError) else error.__cause__ or error
    if isinstance(cause, ClientError):
        answer: Any = cause.response
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
        return answered(str(answer.get("Error", {}).get("Code", "")), status, what, settings)
    if isinstance(error, TimeoutError):
        return RbeeError(ErrorCode.DOWNLOAD_TIMEOUT, f"{_server(settings)} did not answer for {what}.", "Try again.")
    return _no_answer(cause, what, settings)


def answered(code: str, status: int, what: str, settings: Settings) -> RbeeError | None:
    """The error for an answer with one of S3's codes (Amazon S3 API, "Error responses")."""
    if code in _NO_BUCKET:
        name = what.removeprefix("s3://").partition("/")[0]
        hint = "Look for a typing error" + (
            "." if settings.endpoint else "; another server is named by AWS_ENDPOINT_URL."
        )
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{_server(settings)} has no bucket {name!r}.", hint)
    if code in _NO_OBJECT:
        return None
    if code in _OLD_KEYS:
        return RbeeError(
            ErrorCode.AUTH_REQUIRED,
            f"The credentials for {what} have expired ({code}).",
            "Get new ones (aws sso login, for one), and look at this machine's clock.",
        )
    if code in _BAD_KEYS:
        hint = f"Set {_KEYS}; or, if it is public, RBEE_S3_ANONYMOUS=1."
        return RbeeError(
            ErrorCode.AUTH_REQUIRED, f"{_server(settings)} does not accept the credentials ({code}).", hint
        )
    if status in (401, 403) or (status == 400 and settings.anonymous):
        return _denied(what, settings)
    if status == 404:
        return None
    if status in (301, 307):
        hint = "Set AWS_REGION to the bucket's region."
        return RbeeError(ErrorCode.DOWNLOAD_FAILED, f"{what} is in another region.", hint)
    return RbeeError(
        ErrorCode.DOWNLOAD_FAILED, f"{_server(settings)} refused {what}: {code or status}.", "Try again later."
    )


def _denied(what: str, settings: Settings) -> RbeeError:
    if settings.anonymous:
        message = f"{what} is not public, or does not exist: {_server(settings)} does not tell strangers."
        return RbeeError(ErrorCode.AUTH_REQUIRED, message, f"If you have access, set {_KEYS}.")
    return RbeeError(
        ErrorCode.AUTH_REQUIRED,
        f"The credentials in use give no access to {what}, or it does not exist.",
        f"They need s3:GetObject, and s3:ListBucket for a prefix; other ones: {_KEYS}.",
    )


def _no_answer(error: BaseException, what: str, settings: Settings) -> RbeeError:
    from botocore.exceptions import (
        CredentialRetrievalError,
        NoCredentialsError,
        ParamValidationError,
        TokenRetrievalError,
    )

    if isinstance(error, ParamValidationError):
        return RbeeError(ErrorCode.INVALID_REF, f"{what} cannot be an object of S3.", "It is written s3://bucket/key.")
    if isinstance(error, NoCredentialsError | CredentialRetrievalError | TokenRetrievalError):
        message = f"The AWS credentials for {what} could not be had ({type(error).__name__})."
        return RbeeError(ErrorCode.AUTH_REQUIRED, message, f"Set {_KEYS}, or log in again (aws sso login).")
    kind = type(error).__name__
    late = "Timeout" in kind
    return RbeeError(
        ErrorCode.DOWNLOAD_TIMEOUT if late else ErrorCode.DOWNLOAD_FAILED,
        f"{_server(settings)} {'did not answer in time' if late else 'cannot be reached'} for {what} ({kind}).",
        "Look at the connection, and at AWS_ENDPOINT_URL.",
    )


def _server(settings: Settings) -> str:
    return settings.endpoint or "Amazon S3"


@dataclass(frozen=True, slots=True)
class Words:
    """Words for what a signed address is refused with, for `rbee_core.transfer.http`."""

    what: str
    settings: Settings

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, url: str) -> RbeeError | OSError | None:
        """``None`` for what only means: try again."""
        match = _CODE.search(body)
        code = match[1].decode("ascii") if match else ""
        if status == 412 or code == "PreconditionFailed":
            message = f"{self.what} was replaced while it was fetched."
            return RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Run it again: the new one will come.")
        if status == 429 or status >= 500 or code in {"SlowDown", "RequestTimeout", "InternalError"}:
            return None if status == 429 or status >= 500 else ConnectionError(f"S3 answered {code}")
        missing = RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {self.what} any more.", "Look whether it moved.")
        return answered(code, status, self.what, self.settings) or missing
