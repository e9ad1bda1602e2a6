"""What a person asks to install: short names, requirements, wheels, folders, archives and repositories, told apart."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ...errors import UsageError
from ...refs.model_ref import redact
from ..missing import FIRST_PARTY, short_name
from ..records import normalise

#: What an sdist's file name ends with (PEP 625 and the older forms).
_ARCHIVES = (".tar.gz", ".zip", ".tar.bz2", ".tgz")
#: Bytes that a requirements file may have.
_MOST = 1 << 20
_SOURCE = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*@\s*)?(?P<url>(?:git|hg|svn|bzr)\+\S+)")
_HASHES = re.compile(r"(?P<requirement>.*?)(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to install.

    ``given`` is what the person wrote; ``requirement`` what an installer is told (PEP 508, or a source's place);
    ``name`` the normalised distribution, empty where only a build would tell; ``url`` the one wheel that is meant,
    where one is; ``source`` whether it has to be built, which runs its code; ``sha256s`` the digests of which the wheel
    must have one, where a requirements file says so.
    """

    given: str
    requirement: str
    name: str = ""
    url: str = ""
    source: bool = False
    sha256s: frozenset[str] = frozenset()

    @property
    def trusted(self) -> bool:
        """Whether it is a first-party distribution from the index that the installer asks."""
        return not self.source and not self.url and self.name in FIRST_PARTY


def wanted(names: Iterable[str], files: Iterable[Path] = ()) -> list[Wanted]:
    """Understand what was asked for, each thing once, in order; what a requirements file lists comes last.

    :raises UsageError: something is neither a name, a wheel nor a source; a short name means several; nothing is named.
    """
    found: dict[str, Wanted] = {}
    for text in [*names, *(line for file in files for line in _lines(file))]:
        hashed = _HASHES.fullmatch(text.strip())
        one = _understand((hashed["requirement"] if hashed else text).strip())
        if hashed:
            if one.source:
                raise UsageError(f"{redact(one.given)!r} is source, which has no digest before it is built.")
            one = replace(one, sha256s=frozenset(re.findall(r"[0-9a-f]{64}", hashed["hashes"])))
        if one.name == "rbee-core":
            raise UsageError("rbee-core is rbee itself.", "Upgrade it the way that it was installed.")
        key = one.name or one.requirement
        if key in found and found[key].requirement != one.requirement:
            raise UsageError(f"{redact(found[key].given)!r} and {redact(one.given)!r} are one distribution, twice.")
        found[key] = one
    if not found:
        raise UsageError("Nothing to install is named.", "rbee plugins install NAME, or -r FILE")
    return list(found.values())


def _understand(text: str) -> Wanted:
    if not text or text.startswith("-") or not text.isprintable():
        raise _no_name(text)
    if source := _SOURCE.fullmatch(text):
        name = normalise(source["name"] or "")
        return Wanted(text, source["url"] if text.startswith(source["url"]) else text, name, source=True)
    if text.startswith(("https://", "http://")):
        return _from_url(text, text)
    path = Path(text).expanduser()
    if " @ " not in text and (text.endswith((".whl", *_ARCHIVES)) or _is_place(text)):
        return _from_path(text, path)
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise _no_name(text) from None
    if requirement.url:
        one = _from_url(text, requirement.url)
        if one.name and one.name != normalise(requirement.name):
            raise UsageError(f"{redact(text)!r}: that address is of {one.name}, not of {requirement.name}.")
        return replace(one, name=normalise(requirement.name))
    requirement.name = short_name(requirement.name) or requirement.name
    return Wanted(text, str(requirement), normalise(requirement.name))


def _is_place(text: str) -> bool:
    """Whether a text is meant as a place in the file system, and not as a name: a bare folder name is a name."""
    return text in (".", "..") or "/" in text or "\\" in text or text.startswith("~")


def _from_path(text: str, path: Path) -> Wanted:
    path = path.absolute()
    if not path.exists():
        raise UsageError(f"There is nothing at {path}.", "A name has no slash; a path leads to a wheel or a folder.")
    if path.suffix == ".whl":
        return _wheel(text, path.as_uri())
    if path.is_dir() or path.name.endswith(_ARCHIVES):
        return Wanted(text, str(path), source=True)
    raise UsageError(f"{path} is neither a wheel nor a folder nor an sdist.")


def _from_url(text: str, url: str) -> Wanted:
    if _SOURCE.fullmatch(url):
        return Wanted(text, text, source=True)
    if urlsplit(url).scheme == "file":
        return _from_path(text, Path(url2pathname(urlsplit(url).path)))
    if urlsplit(url).path.endswith(".whl"):
        return _wheel(text, url)
    return Wanted(text, text, source=True)


def _wheel(text: str, url: str) -> Wanted:
    file = wheel_file(url)
    try:
        name = parse_wheel_filename(file)[0]
    except InvalidWheelFilename as error:
        raise UsageError(f"{file!r} is not named as a wheel is: {error}") from None
    return Wanted(text, f"{name} @ {url}", str(name), url)


def wheel_file(url: str) -> str:
    """The file's name in a wheel's address: one part of a path, whatever was quoted in it."""
    return re.split(r"[/\\]", unquote(urlsplit(url).path))[-1]


def _lines(file: Path) -> Iterable[str]:
    """The requirements in a file (``-`` is standard input): one a line, ``#`` before a comment.

    Digests may follow (``--hash=sha256:…``), as `rbee plugins export --hashes` writes them; no other option, as those
    could lead elsewhere.
    """
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as stream:
            text = stream.read(_MOST + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(text) > _MOST:
        raise UsageError(f"{file} is longer than a list of plugins can be.")
    for number, written in enumerate(text.splitlines(), 1):
        line = re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()
        named = found["requirement"] if (found := _HASHES.fullmatch(line)) else line
        if line.startswith("-") or line.endswith("\\") or " --" in named:
            raise UsageError(
                f"{file}, line {number}: only requirements are understood here, no options but --hash=sha256:….",
                "Settings of the index belong into the configuration of pip or uv.",
            )
        if line:
            yield line


def _no_name(text: str) -> UsageError:
    return UsageError(
        f"{redact(text)!a} is nothing that can be installed.",
        "Give a short name (ollama), a distribution (rbee-vendor-x==1.0), a wheel, a folder, or git+https://…",
    )
