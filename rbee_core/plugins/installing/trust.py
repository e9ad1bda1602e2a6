"""What a wheel is, read from the file itself and nothing of it executed; everything in it is hostile until checked."""

from __future__ import annotations

import configparser
import difflib
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.metadata import parse_email
from packaging.utils import parse_wheel_filename
from packaging.version import InvalidVersion, Version

from ...errors import ErrorCode, RbeeError
from ...refs.model_ref import redact
from ..missing import FIRST_PARTY
from ..records import GROUPS, normalise

#: Bytes that a file that is read may have; members that a wheel may have.
_MOST_METADATA, _MOST_ENTRIES, _MOST_MEMBERS = 1 << 20, 256 << 10, 100_000
_NATIVE = (".so", ".pyd", ".dylib", ".dll", ".exe")


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """What can be known of a wheel before it is installed.

    ``entry_points`` is group -> name -> value; ``at_start`` the ``.pth`` files, whose lines run whenever Python
    starts; ``native`` how many files of machine code it has; ``attestations`` what the index says of them (PEP 740).
    """

    name: str
    version: str
    origin: str
    sha256: str
    size: int
    summary: str = ""
    author: str = ""
    licence: str = ""
    entry_points: dict[str, dict[str, str]] = field(default_factory=dict)
    requires: list[str] = field(default_factory=list)
    at_start: list[str] = field(default_factory=list)
    native: int = 0
    resembles: str = ""
    attestations: str = "unknown: the index was not asked, or does not say"

    @property
    def plugins(self) -> list[str]:
        """The rbee plugins that it brings: ``vendor toy``."""
        return [f"{kind} {name}" for group, kind in GROUPS.items() for name in self.entry_points.get(group, {})]

    def as_json(self) -> dict[str, Any]:
        """As ``rbee plugins install --json`` shows it."""
        return {
            "name": self.name,
            "version": self.version,
            "origin": self.origin,
            "sha256": self.sha256,
            "size": self.size,
            "summary": self.summary,
            "author": self.author,
            "licence": self.licence,
            "plugins": self.plugins,
            "entryPoints": self.entry_points,
            "requires": self.requires,
            "runsAtStart": self.at_start,
            "nativeFiles": self.native,
            "resembles": self.resembles or None,
            "attestations": self.attestations,
        }


def read_wheel(file: Path, origin: str, sha256: str, attestations: str = "") -> WheelFacts:
    """What a wheel says of itself, and what it would bring.

    :param origin: where it is from, shown without a password.
    :param attestations: what the index says of them, if anything.
    :raises RbeeError: ``PLUGIN_ERROR``: it is no wheel, contradicts itself, or brings no plugin.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            facts = _facts(archive, file, redact(origin), sha256)
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        ValueError,
        configparser.Error,
    ) as e:
        raise _bad(file, str(e) or type(e).__name__) from e
    if not facts.plugins:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{facts.name} {facts.version} brings no plugin for rbee: it has no entry point in {', '.join(GROUPS)}.",
            "Nothing was installed. What is no plugin is installed with pip or uv.",
        )
    return replace(facts, attestations=attestations) if attestations else facts


def _facts(archive: zipfile.ZipFile, file: Path, origin: str, sha256: str) -> WheelFacts:
    members = archive.namelist()
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members)} members")
    unsafe = next((name for name in members if name.startswith(("/", "\\")) or ".." in name.split("/")), None)
    if unsafe is not None:
        raise ValueError(f"it has a member outside itself: {unsafe[:100]!a}")
    folders = {name.split("/")[0] for name in members if name.split("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        raise ValueError(f"it has {len(folders)} *.dist-info folders; a wheel has one")
    info = folders.pop()
    raw, _ = parse_email(_read(archive, f"{info}/METADATA", _MOST_METADATA))
    name, version = str(raw.get("name", "")), str(raw.get("version", ""))
    stated, of_version, _, _ = parse_wheel_filename(file.name)
    try:
        same = normalise(name) == stated and Version(version) == of_version
    except InvalidVersion:
        same = False
    if not same or normalise(info.split("-")[0]) != stated:
        raise ValueError(f"inside it calls itself {name[:80]!a} {version[:40]!a}")
    entries = f"{info}/entry_points.txt"
    return WheelFacts(
        name,
        version,
        origin,
        sha256,
        file.stat().st_size,
        summary=_line(raw.get("summary", "")),
        author=_line(raw.get("author") or raw.get("author_email") or raw.get("maintainer") or ""),
        licence=_line(raw.get("license_expression") or raw.get("license") or ""),
        entry_points=_entry_points(_read(archive, entries, _MOST_ENTRIES)) if entries in members else {},
        requires=[_line(one) for one in raw.get("requires_dist", [])],
        at_start=[_line(member) for member in members if member.endswith(".pth")],
        native=sum(member.lower().endswith(_NATIVE) or ".so." in member for member in members),
        resembles=resembled(str(stated)),
    )


def _read(archive: zipfile.ZipFile, member: str, most: int) -> bytes:
    """One member, of no more than ``most`` bytes whatever its header claims; two of one name are a trick."""
    if archive.namelist().count(member) != 1:
        raise ValueError(f"it has {archive.namelist().count(member)} files {member[:100]!a}")
    with archive.open(member) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{member[:100]!a} is larger than {most} bytes")
    return data


def _entry_points(data: bytes) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(data.decode("utf-8"))
    return {_line(group): {_line(k): _line(v) for k, v in parser[group].items()} for group in parser.sections()}


def _line(text: str) -> str:
    """What a stranger wrote, as one short line without control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:300]


def resembled(name: str) -> str:
    """A first-party name that this one could be taken for, or nothing."""
    return "" if name in FIRST_PARTY else next(iter(difflib.get_close_matches(name, FIRST_PARTY, 1, 0.92)), "")


def _bad(file: Path, why: str) -> RbeeError:
    return RbeeError(
        ErrorCode.PLUGIN_ERROR,
        f"{file.name[:120]!a} is not a wheel that can be trusted: {why}.",
        "Nothing was installed. Ask its publisher, or the one who gave it to you.",
    )
