"""Reading a version 1.0 catalog (seed 002), the one the original wrote."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from ..contracts.common import ArtifactStatus
from ..contracts.model import ModelFormat
from .catalog_file import Document, stored_path, timestamp, to_document

_FORMATS = {"bin": "pytorch", "pt": "pytorch", "pth": "pytorch"} | {item.value: item.value for item in ModelFormat}
_REPLACED = {"size_gb", "downloaded"}


def migrate(found: dict[str, Any], root: Path) -> Document:
    """Turn a version 1.0 catalog into today's, losing nothing: what has no new name keeps its old one.

    :raises BrokenCatalogError: its models are not a list.
    """
    document = to_document(found)
    document.models = [_entry(raw, root, document.updated_at) for raw in document.models]
    return document


def _entry(raw: Any, root: Path, updated_at: str) -> Any:
    """One entry; what is not one stays as it is, to be reported when it is read."""
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        return raw
    entry = {key: value for key, value in raw.items() if key not in _REPLACED}
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    repo = metadata.get("repo") if metadata else None
    downloaded = raw.get("downloaded") is True
    # Known but not here yet is `Downloading`: there is no fourth status.
    status = ArtifactStatus.AVAILABLE if downloaded else ArtifactStatus.DOWNLOADING
    path = _path(raw.get("path"), root)
    entry |= {
        "name": raw.get("name") or raw["id"],
        "source": _source(repo, path, root),
        "path": path,
        "size": _size(raw.get("size_gb")),
        "format": _FORMATS.get(str(raw.get("format", "")).lower(), "other"),
        "architecture": raw.get("architecture") or "unknown",
        "status": status.value,
        "added_at": updated_at if _is_time(updated_at) else timestamp(),
    }
    if raw.get("metadata") is None:
        entry["metadata"] = {}
    if isinstance(raw.get("backends"), list):
        entry["backends"] = [name.lower() if isinstance(name, str) else name for name in raw["backends"]]
    return entry


def _source(repo: Any, path: str, root: Path) -> str:
    if isinstance(repo, str) and repo:
        return f"hf:{repo}"
    return "file:" + (Path(path) if os.path.isabs(path) else root / path).as_posix()  # noqa: PTH117


def _size(gigabytes: Any) -> int:
    if isinstance(gigabytes, bool) or not isinstance(gigabytes, int | float) or not math.isfinite(gigabytes):
        return 0
    return max(0, round(gigabytes * 10**9))


def _path(text: Any, root: Path) -> str:
    """A version 1.0 path, which was relative to the folder that the original was started in.

    That folder is the catalog's parent when the path begins with the catalog's own folder (``.test-models/tinyllama``
    in ``.test-models/catalog.json``), else the catalog's folder is taken.
    """
    if not isinstance(text, str) or not text or "\0" in text:
        return ""
    if os.path.isabs(text):  # noqa: PTH117
        return stored_path(os.path.normpath(text), root)
    beside, within = (os.path.normpath(folder / text) for folder in (root.parent, root))
    under = os.path.normpath(root) + os.sep
    if beside.startswith(under) and not (within.startswith(under) and Path(within).exists()):
        return stored_path(beside, root)
    return stored_path(within, root) if within.startswith(under) else beside


def _is_time(text: str) -> bool:
    from datetime import datetime

    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
