"""Installing plugins: resolve, show, then install the very files that were shown. Nothing is executed before that."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from packaging.version import Version

from ...errors import ErrorCode, RbeeError
from ...jobs import Job, JobOptions
from ...refs.model_ref import redact
from ...transfer.http import HttpClient
from ..records import PluginRecord, normalise, scan
from .names import Wanted, wheel_file
from .plan import Installer, Planned
from .trust import WheelFacts, read_wheel

#: Bytes of a wheel that is fetched to be looked at.
_MOST_WHEEL = 64 << 20
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(slots=True)
class Prepared:
    """What is about to be installed.

    ``plan`` is every wheel that would come, ``facts`` what those are that nobody vouches for, ``sources`` what would
    be built, which runs its code.
    """

    installer: Installer
    plan: list[Planned] = field(default_factory=list)
    facts: list[WheelFacts] = field(default_factory=list)
    sources: list[Wanted] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether all of it is here already."""
        return not self.plan and not self.sources

    @property
    def strange(self) -> bool:
        """Whether something in it is not first-party, so that a person has to agree."""
        return bool(self.facts or self.sources)

    def commands(self) -> list[list[str]]:
        """The commands that install it."""
        made = [self.installer.install(self.plan)] if self.plan else []
        return [*made, *([self.installer.build(self.sources)] if self.sources else [])]


def prepare(
    wanted: Sequence[Wanted], installer: Installer, *, upgrade: bool = False, pre: bool = False, allow_source: bool
) -> Prepared:
    """Resolve what is wanted and read what it is; the environment stays as it is.

    :param allow_source: whether sources may be built later.
    :raises RbeeError: ``PLUGIN_ERROR``: a source is not allowed, it cannot be had, or it is not what it should be.
    """
    sources = [one for one in wanted if one.source]
    if sources and not allow_source:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{redact(sources[0].given)!r} is source: building it runs its code before anything can be known of it.",
            "Nothing was done. Install a wheel of it, or give --allow-source if you trust it.",
        )
    prepared = Prepared(installer, sources=sources)
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
            known = planned.sha256 or _fetch(planned.url, installer.folder / wheel_file(planned.url), job)
            prepared.plan.append(replace(planned, sha256=known))
            continue
        seen, facts = _look(planned, installer.folder, job)
        prepared.plan.append(seen)
        prepared.facts.append(facts)
    return prepared


def install(prepared: Prepared) -> list[PluginRecord]:
    """Install it; the installer's output goes to standard error.

    :returns: the plugins that came.
    :raises RbeeError: ``PLUGIN_ERROR``: the installer refused, as it does when a file is not the one that was shown.
    """
    before = {(record.key, record.version) for record in scan()}
    for command in prepared.commands():
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False).returncode
        if status != 0:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                "The installation failed; what the installer said stands above.",
                "`rbee plugins list` shows what is installed. Try again when the cause is gone.",
            )
    return [record for record in scan() if (record.key, record.version) not in before]


def _look(planned: Planned, folder: Path, job: Job) -> tuple[Planned, WheelFacts]:
    """Get a wheel into ``folder``, and read it; its digest is the one that will be installed."""
    file = folder / wheel_file(planned.url)
    sha256 = _fetch(planned.url, file, job)
    if planned.sha256 and sha256 != planned.sha256:
        raise RbeeError(
            ErrorCode.CHECKSUM_MISMATCH,
            f"{file.name} is not the file that the index lists: sha256 {sha256}, not {planned.sha256}.",
            "Nothing was installed. Try again; if it stays so, the index or the way to it is not to be trusted.",
        )
    facts = read_wheel(file, planned.url, sha256, _attestations(planned, job))
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


def _attestations(planned: Planned, job: Job) -> str:
    """What the index says of attestations (PEP 740, in PEP 691's JSON); empty where it is not known or says nothing."""
    if not planned.index.startswith(("https://", "http://")):
        return ""
    page = urljoin(planned.index.rstrip("/") + "/", f"{normalise(planned.name)}/")
    try:
        with HttpClient(job) as client:
            files = client.request("GET", page, headers={"Accept": _JSON}, what="the index").json()["files"]
        mine = next(one for one in files if one.get("hashes", {}).get("sha256") == planned.sha256)
    except (RbeeError, ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return ""
    if "provenance" not in mine:
        return ""
    return "the index has some (not verified here)" if mine["provenance"] else "none"
