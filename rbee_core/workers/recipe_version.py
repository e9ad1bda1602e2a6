"""A worker's version, read where it is kept and never typed twice."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from .recipe_checks import Problem

_MANIFESTS = {"Cargo.toml": ("package", "version"), "pyproject.toml": ("project", "version")}
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_!-]{0,63}")


def find_version(
    table: dict[str, Any], folder: Path, dist: str | None, dist_version: str | None
) -> tuple[str, list[Problem]]:
    """The version, and what is wrong with it.

    A packaged worker has its distribution's. Any other says ``version``, or ``version_from = { file = … }``, or lies
    beside a ``Cargo.toml`` or a ``pyproject.toml`` that says it.
    """
    worker = table.get("worker")
    worker = worker if isinstance(worker, dict) else {}
    written, source = worker.get("version"), worker.get("version_from")
    if dist is not None:
        if written is not None and written != dist_version:
            return "", [Problem("worker.version", f"is {written!r}, but {dist} is {dist_version}: leave it out")]
        return str(dist_version), []
    if written is not None and source is not None:
        return "", [Problem("worker.version", "and version_from are both given: keep one")]
    if source is not None:
        return _checked(_from_file(source, folder), "worker.version_from")
    if written is not None:
        return _checked(written, "worker.version")
    for name in _MANIFESTS:
        if (folder / name).is_file():
            return _checked(_from_file({"file": name}, folder), name)
    allowed = 'version = "1.0", version_from = { file = … }, or a Cargo.toml or pyproject.toml beside it'
    return "", [Problem("worker.version", f"is missing; allowed: {allowed}")]


def _checked(found: Any, key: str) -> tuple[str, list[Problem]]:
    if isinstance(found, Problem):
        return "", [found]
    if not isinstance(found, str) or not _VERSION.fullmatch(found):
        return "", [Problem(key, f"{found!r} is not a version; allowed: text such as '1.2.0'")]
    return found, []


def _from_file(source: Any, folder: Path) -> Any:
    """The version that a file says, or the problem with that."""
    key = "worker.version_from"
    if not isinstance(source, dict) or not isinstance(source.get("file"), str):
        return Problem(key, "allowed: { file = 'pyproject.toml' }, with pattern = '…' for other kinds of files")
    name = source["file"]
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        return Problem(f"{key}.file", f"{name!r} is outside the worker's folder")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Problem(f"{key}.file", f"{name!r} cannot be read: {error}")
    if "pattern" in source:
        return _by_pattern(str(source["pattern"]), text, name)
    if path.name not in _MANIFESTS:
        return Problem(f"{key}.pattern", f"is needed for {name!r}: a regular expression with one group")
    return _from_manifest(path, text)


def _by_pattern(pattern: str, text: str, name: str) -> Any:
    key = "worker.version_from.pattern"
    try:
        match = re.search(pattern, text[:100_000], re.MULTILINE)
    except re.error as error:
        return Problem(key, f"is not a regular expression: {error}")
    if match is None or not match.groups():
        return Problem(key, f"finds nothing in {name!r}; allowed: a regular expression with one group")
    return match[1]


def _from_manifest(path: Path, text: str) -> Any:
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Problem(path.name, f"is not TOML: {error}")
    for part in _MANIFESTS[path.name]:
        found = found.get(part) if isinstance(found, dict) else None
    if found == {"workspace": True}:
        found = _from_workspace(path)
    if found is None:
        return Problem(path.name, f"has no {'.'.join(_MANIFESTS[path.name])}")
    return found


def _from_workspace(manifest: Path) -> Any:
    """The version that a crate inherits (``version.workspace = true``) from the workspace it is a member of."""
    for folder in list(manifest.resolve().parent.parents)[:6]:
        try:
            table: Any = tomllib.loads((folder / manifest.name).read_text(encoding="utf-8"))
            return table["workspace"]["package"]["version"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
