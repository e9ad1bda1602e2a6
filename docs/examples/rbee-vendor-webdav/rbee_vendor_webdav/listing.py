"""What a share answers to PROPFIND (RFC 4918, section 9.1), as files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from rbee_core import ErrorCode, RbeeError
from rbee_core.contracts import Digest
from rbee_core.names import check_name


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its name in the model, its path in the share, bytes, and the version's tag."""

    name: str
    path: str
    size: int
    etag: str
    digest: Digest | None = None


def entries(answer: bytes, path: str) -> list[Entry]:
    """The files of a listing of ``path``: those in the folder, or the one that it is.

    :raises RbeeError: ``DOWNLOAD_FAILED``: it is no listing; ``UNSAFE_PATH``: a name that must not become a file's.
    """
    found = [_one(response) for response in _xml(answer).iter("{DAV:}response")]
    # The folder is in its own listing: what the others are called follows from what the server calls it.
    folders = [href for href, file in found if file is None]
    base = min(folders, key=len) if folders else ""
    files = []
    for href, file in found:
        if file is None:
            continue
        if not folders:
            name = check_name(path.rpartition("/")[2])
            files.append(Entry(name, path, *file))
        elif not href.startswith(base):
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"The share lists {href[:120]!a}, outside of {path}.")
        else:
            name = check_name(href.removeprefix(base))
            files.append(Entry(name, f"{path}/{name}", *file))
    return files


def _one(response: ElementTree.Element) -> tuple[str, tuple[int, str] | None]:
    """Where it is, as the server calls it; and the size and ETag of a file, ``None`` for a folder."""
    href = unquote(urlsplit(response.findtext("{DAV:}href", "").strip()).path)
    if response.find(".//{DAV:}resourcetype/{DAV:}collection") is not None:
        return href.rstrip("/") + "/", None
    size = response.findtext(".//{DAV:}getcontentlength", "").strip()
    if not (size.isascii() and size.isdigit()):
        raise _no_listing()
    return href, (int(size), response.findtext(".//{DAV:}getetag", "").strip())


def _xml(answer: bytes) -> ElementTree.Element:
    """The document. One that declares entities is refused: they are how a small answer fills the memory."""
    try:
        text = answer.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _no_listing()
        return ElementTree.fromstring(text)  # without a document type there is nothing to expand
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError):
        raise _no_listing() from None


def _no_listing() -> RbeeError:
    return RbeeError(ErrorCode.DOWNLOAD_FAILED, "The share did not answer with a listing.", "Look at WEBDAV_URL.")
