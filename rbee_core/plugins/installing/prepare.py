"""Before installing: resolve what is wanted, and read what it is. Nothing is executed, nothing is changed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from packaging.version import Version

from ...errors import ErrorCode, RbeeError
from ...jobs import Job, JobOptions
from ...transfer.http import HttpClient
from ..records import normalise
from .addresses import without_secrets
from .names import Wanted, wheel_file
from .plan import Installer, Planned
from .trust import WheelFacts, read_wheel

#: Bytes of a wheel that is fetched to be looked at.
_MOST_WHEEL = 64 << 20
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(slots=True)
class Prepared:
    """What is about to be installed.

    ``wanted`` is what was asked for, ``plan`` every wheel that would come, ``facts`` what those are that nobody vouches
    for, ``sources`` what would be built, which runs its code. ``known`` is what a person agreed to at another time:
    digests of wheels, and repositories at one commit.
    """

    installer: Installer
    wanted: list[Wanted]
    plan: list[Planned] = field(default_factory=list)
    facts: list[WheelFacts] = field(default_factory=list)
    sources: list[Wanted] = field(default_factory=list)
    known: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        """Whether all of it is here already."""
        return not self.plan and not self.sources

    @property
    def strangers(self) -> list[str]:
        """What is in it that is not first-party and that nobody agreed to yet, as messages name it."""
        wheels = [f"{one.name} {one.version}" for one in self.facts if one.sha256 not in self.known]
        return wheels + [without_secrets(one.given) for one in self.sources if one.requirement not in self.known]


def prepare(
    wanted: Sequence[Wanted],
    installer: Installer,
    *,
    upgrade: bool = False,
    pre: bool = False,
    allow_source: bool,
    known: frozenset[str] = frozenset(),
) -> Prepared:
    """Resolve what is wanted and read what it is; the environment stays as it is.

    :param allow_source: whether sources may be built later.
    :param known: digests of wheels, and repositories at one commit, that a person agreed to before.
    :raises RbeeError: ``PLUGIN_ERROR``: a source is not allowed, it cannot be had, or it is not what it should be;
        ``CHECKSUM_MISMATCH``: a wheel is not the one that the index lists, or not one that was asked for.
    """
    sources = [one for one in wanted if one.source]
    if sources and not allow_source:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{without_secrets(sources[0].given)!r} is source: building it runs its code before anything can be known "
            "of it.",
            "Nothing was done. Install a wheel of it, or give --allow-source if you trust it.",
        )
    prepared = Prepared(installer, list(wanted), sources=sources, known=known)
    files = [one for one in wanted if not one.source]
    if not files:
        return prepared
    asked = {one.name: one for one in files}
    job = Job(options=JobOptions(offline=installer.offline))
    try:
        plan = installer.plan(files, upgrade=upgrade, pre=pre)
    except OSError as error:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"The installer could not be asked: {error}",
            f"Nothing was changed. Look whether {installer.folder.parent} may be written to and has room.",
        ) from error
    for planned in plan:
        one = asked.get(normalise(planned.name))
        if one is None or one.trusted:
            digest = planned.sha256 or _fetch(planned.url, installer.folder / wheel_file(planned.url), job)
            seen = replace(planned, sha256=digest)
        else:
            seen, facts = _look(planned, installer, job)
            prepared.facts.append(facts)
        if one is not None and one.sha256s and seen.sha256 not in one.sha256s:
            raise RbeeError(
                ErrorCode.CHECKSUM_MISMATCH,
                f"The wheel of {seen.name} {seen.version} has sha256 {seen.sha256}, which is none of those asked for.",
                "Nothing was installed. Another system may take another wheel; else somebody changed it.",
            )
        prepared.plan.append(seen)
    return prepared


def _look(planned: Planned, installer: Installer, job: Job) -> tuple[Planned, WheelFacts]:
    """Get a wheel, and read it; its digest is the one that will be installed."""
    file = installer.folder / wheel_file(planned.url)
    sha256 = _fetch(planned.url, file, job)
    if planned.sha256 and sha256 != planned.sha256:
        raise RbeeError(
            ErrorCode.CHECKSUM_MISMATCH,
            f"{file.name} is not the file that the index lists: sha256 {sha256}, not {planned.sha256}.",
            "Nothing was installed. Try again; if it stays so, the index or the way to it is not to be trusted.",
        )
    facts = read_wheel(file, planned.url, sha256, _attestations(planned, installer, job))
    if normalise(facts.name) != normalise(planned.name) or Version(facts.version) != Version(planned.version):
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{file.name} is {facts.name} {facts.version}, not {planned.name} {planned.version}.",
            "Nothing was installed.",
        )
    return replace(planned, sha256=sha256), facts


def _fetch(url: str, file: Path, job: Job) -> str:
    split = urlsplit(url)
    if split.scheme == "file":
        local = Path(url2pathname(split.path))
        try:
            if local.stat().st_size > _MOST_WHEEL:
                raise _too_large(file)
            shutil.copyfile(local, file)
        except OSError as error:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"{local} cannot be looked at: {error.strerror}",
                "Nothing was installed. Look whether it is there, may be read, and the disk has room for a copy.",
            ) from error
    else:
        with HttpClient(job) as client:
            body = client.request("GET", url, what=file.name, limit=_MOST_WHEEL).body
        try:
            file.write_bytes(body)
        except OSError as error:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"{file} cannot be written: {error.strerror}",
                "Nothing was installed. Look whether that disk has room.",
            ) from error
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _too_large(file: Path) -> RbeeError:
    return RbeeError(
        ErrorCode.PLUGIN_ERROR,
        f"{file.name} has more than {_MOST_WHEEL >> 20} MiB, too much for a plugin to be looked at.",
        "Nothing was installed. A plugin's large parts belong into what it depends on.",
    )


def _attestations(planned: Planned, installer: Installer, job: Job) -> str:
    """What the index says of attestations (PEP 740, in PEP 691's JSON); empty where it is not known or says nothing."""
    web = ("https://", "http://")
    index = planned.index
    if not index and installer.uv is None and not planned.direct and planned.url.startswith(web):
        index = installer.pip_index
    if not index.startswith(web):
        return ""
    page = urljoin(index.rstrip("/") + "/", f"{normalise(planned.name)}/")
    try:
        with HttpClient(job) as client:
            files = client.request("GET", page, headers={"Accept": _JSON}, what="the index").json()["files"]
        mine = next(one for one in files if one.get("hashes", {}).get("sha256") == planned.sha256)
    except (RbeeError, ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return ""
    if "provenance" not in mine:
        return ""
    return "the index has some (not verified here)" if mine["provenance"] else "none"
