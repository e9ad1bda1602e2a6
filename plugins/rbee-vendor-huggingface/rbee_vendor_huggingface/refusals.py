"""What the Hub's refusals mean, in words that say what to do. Nothing the server wrote is repeated unread."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import TryLaterError

from .listing import shown

_LOG_IN = "set HF_TOKEN, or run `hf auth login`"


def refusal(
    status: int,
    headers: Mapping[str, str],
    url: str,
    repo: str,
    *,
    what: str = "",
    revision: str | None = None,
    token: bool,
) -> RbeeError | OSError:
    """The error for an answer of 400 or more.

    :param url: that answered.
    :param what: the file that was asked for; empty for the repository itself.
    :param revision: the branch, tag or commit that was asked for.
    :param token: whether a token went with the request.
    :returns: an ``OSError`` for what may be different in a moment, else an `RbeeError`.
    """
    code = headers.get("X-Error-Code", "")
    thing = f"{shown(what)} of {repo}" if what else repo
    if status in (408, 425, 429) or status >= 500:
        return _trouble(headers, f"the Hub answered {status} for {thing}")
    if headers.get("X-Error-Message", "") == "Access to this resource is disabled.":
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"The Hub has disabled access to {repo}.", "Choose another model.")
    if code == "RevisionNotFound":
        name = revision or "that revision"
        hint = f"See its branches and tags at {_page(url, repo)}/tree/main"
        return RbeeError(ErrorCode.REVISION_NOT_FOUND, f"{repo} has no branch, tag or commit {shown(name)!r}.", hint)
    if code == "EntryNotFound":
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {thing} any more.", f"See {_page(url, repo)}")
    if code == "GatedRepo":
        return _gated(url, repo, token)
    if status in (401, 403):
        return _unauthorised(repo, status, code, token)
    if status in (404, 410):
        hint = "Look for a typing error" + ("." if token else f"; if it is private, {_LOG_IN}.")
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"The Hub knows no {thing}.", hint)
    return RbeeError(ErrorCode.DOWNLOAD_FAILED, f"The Hub refused {thing} with status {status}.", "Try again later.")


def _gated(url: str, repo: str, token: bool) -> RbeeError:
    page = _page(url, repo)
    first = f"Accept its licence at {page}"
    hint = f"{first} with the account whose token is in use." if token else f"{first}, then {_LOG_IN}."
    return RbeeError(ErrorCode.AUTH_REQUIRED, f"{repo} is gated: its owner gives access to those who ask.", hint)


def _unauthorised(repo: str, status: int, code: str, token: bool) -> RbeeError:
    if not token:
        # The Hub answers 401 for a private repository and for one that does not exist alike.
        message = f"The Hub shows no {repo} to strangers: it does not exist, or it is private."
        return RbeeError(ErrorCode.AUTH_REQUIRED, message, f"Look for a typing error; if you have access, {_LOG_IN}.")
    if status == 401 and code != "RepoNotFound":
        hint = "Make a new one at https://huggingface.co/settings/tokens, then " + _LOG_IN + "."
        return RbeeError(ErrorCode.AUTH_REQUIRED, f"The Hub does not accept the token in use (for {repo}).", hint)
    hint = f"It needs a token that may read {repo}: {_LOG_IN}."
    return RbeeError(ErrorCode.AUTH_REQUIRED, f"The token in use gives no access to {repo}.", hint)


def _trouble(headers: Mapping[str, str], message: str) -> OSError:
    after = headers.get("Retry-After", "")
    return TryLaterError(message, float(after)) if after.isdecimal() else ConnectionError(message)


def _page(url: str, repo: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}/{repo}"
