"""``hf:org/repo[@revision][/path]`` and ``org/repo:selector`` (Hugging Face Hub naming rules)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .model_ref import check_parts, invalid

if TYPE_CHECKING:
    from .model_ref import ModelRef

_ID = re.compile(r"(?P<org>[^/@:]*)/(?P<repo>[^/@:]*)(?P<tail>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_REVISION = re.compile(r"[^/:]+")
#: Revisions that the Hub itself writes with slashes; any other slash in a revision is written %2F.
_REFS = re.compile(r"refs/(?:pr|convert|heads|tags)/[^/:]+")
_MAX_ID = 96


def parse(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse what follows ``hf:``."""
    text = rest
    rest = rest.removeprefix("//")
    match = _ID.fullmatch(rest)
    if match is None:
        raise invalid(f"{scheme}:{text}", "a hub reference is org/repo")
    org, repo, tail = match["org"], match["repo"], match["tail"]
    repo_id = f"{org}/{repo}"
    _check_id(f"{scheme}:{text}", org, repo, repo_id)
    revision, tail = _take_revision(f"{scheme}:{text}", tail)
    path = selector = None
    if tail.startswith("/"):
        path = tail[1:]
        check_parts(f"{scheme}:{text}", path)
    elif tail.startswith(":"):
        selector = tail[1:]
        check_parts(f"{scheme}:{text}", selector, what="selector")
    at = f"@{_quote(revision)}" if revision else ""
    after = f"/{path}" if path else f":{selector}" if selector else ""
    return cls("hf", f"{repo_id}{at}{after}", repo=repo_id, path=path, revision=revision, selector=selector)


def _check_id(text: str, org: str, repo: str, repo_id: str) -> None:
    for part in (org, repo):
        if not part:
            raise invalid(text, "the organisation or the repository is empty")
        if not _NAME.fullmatch(part) or part[0] in "-." or part[-1] in "-.":
            raise invalid(text, f"{part!r} is not a name the Hub allows (letters, digits, '.', '_', '-')")
    if "--" in repo_id or ".." in repo_id or repo_id.endswith(".git") or len(repo_id) > _MAX_ID:
        raise invalid(text, f"the Hub allows no '--', no '..', no '.git' end and at most {_MAX_ID} characters")


def _take_revision(text: str, tail: str) -> tuple[str | None, str]:
    """Split ``@revision`` off the front of ``tail``; what follows it begins with ``/`` or ``:`` or is empty."""
    if not tail.startswith("@"):
        return None, tail
    body = tail[1:]
    match = _REFS.match(body) or _REVISION.match(body)
    if match is None:
        raise invalid(text, "the revision after '@' is empty")
    revision = unquote(match[0], errors="strict") if _decodable(match[0]) else ""
    check_parts(text, revision, what="revision")
    if any(character.isspace() or character in "@:%?#" for character in revision):
        raise invalid(text, "the revision has a character that no branch, tag or commit may have")
    return revision, body[match.end() :]


def _decodable(text: str) -> bool:
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _quote(revision: str) -> str:
    return revision if _REFS.fullmatch(revision) else revision.replace("/", "%2F")
