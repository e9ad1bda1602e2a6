"""Engines that come prebuilt: from the person's own place, or from an index that the engine's own description names.

Which index is for which devices stands in ``worker.toml``; its address is read from the description (``METADATA``) of
the pinned engine, which comes from where the person's installer gets everything. Whoever wrote that description wrote
the code that is run anyway; all the same it is read as a text by somebody else.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ErrorCode, RbeeError
from .environment import Environment, Tools, find_uv, install_wheels, unpack_wheel
from .pip_options import MergedPip

if TYPE_CHECKING:
    from ..contracts import Device

#: An index in a command that a description shows. A longer address is none.
_SHOWN = re.compile(r"--(?:extra-)?index-url(?:=|[ \t]+)[\"']?(https?://[^\s\"'`<>\\]{1,300})(?=[\s\"'`<>\\]|$)")
#: What uv and pip say of an index that does not answer.
_UNREACHED = re.compile(r"Failed to fetch|Request failed|connection broken|Read timed out", re.IGNORECASE)
#: The largest description that is read, in bytes.
_LARGEST = 1 << 20


class NotPrebuiltError(RbeeError):
    """``BUILD_FAILED``: nothing prebuilt was found that fits this machine; the message is why."""


def take_prebuilt(
    environment: Environment, pip: MergedPip, devices: Sequence[Device], tools: Tools, env: Mapping[str, str]
) -> dict[str, Any]:
    """Install, prebuilt, what else is compiled here.

    :param devices: what it has to run on.
    :returns: where it came from, for the provenance.
    :raises NotPrebuiltError: there is none for this machine.
    :raises RbeeError: ``CANCELLED``.
    """
    (requirement, *others) = pip.compiled()[1]
    if place := pip.wheels:
        if (reason := _install(environment, [requirement, *others], place, tools, env)) is not None:
            raise _none(f"{reason} (RBEE_ENGINE_WHEELS)")
        return {"prebuilt": pip.from_source, "wheels": place}
    if tools.job.options.offline and find_uv() is None:
        raise _none("its publisher's index cannot be asked offline")
    name, version, text = _description(environment, requirement, tools)
    reasons = []
    for wanted in dict.fromkeys(offer.index for offer in pip.offered(devices)):
        place = address(text, wanted)
        if place is None:
            reasons.append(f"the description of {name} {version} names no index {wanted}")
            continue
        what = f"{name} is looked for prebuilt on {place}, which its own description ({version}) names."
        tools.job.emit("worker_build_prebuilt", what, index=place, package=name)
        if (reason := _install(environment, [requirement], place, tools, env)) is None:
            found = {"prebuilt": pip.from_source, "wheels": place, "describedBy": f"{name} {version}"}
            return found | {"record": _record(environment, name, tools)}
        reasons.append(reason)
    raise _none("; ".join(reasons))


def address(description: str, name: str) -> str | None:
    """The address of the index of that name, out of the commands that a description shows.

    Only one over HTTPS counts (on this machine itself: HTTP), without credentials, query or anything else odd; and none
    where it shows two different ones.

    :param name: the last part of its path.
    """
    found = {one.rstrip("/") for one in _SHOWN.findall(description) if _plain(one)}
    named = [one for one in found if urlsplit(one).path.rpartition("/")[2] == name]
    return named[0] if len(named) == 1 else None


def _plain(text: str) -> bool:
    """Whether an address is only a scheme, a host and a path."""
    from ..oci.address import is_loopback

    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or not text.isascii() or not text.isprintable() or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or is_loopback(parts.netloc)


def _description(environment: Environment, requirement: str, tools: Tools) -> tuple[str, str, str]:
    """The name, version and description of the engine, as the person's installer gets it."""
    from packaging.requirements import Requirement

    name = Requirement(requirement).name
    folder = tools.log.parent / "described"
    try:
        unpack_wheel(environment, requirement, tools, folder)
        file = _info(folder, name) / "METADATA"
        if file.stat().st_size > _LARGEST:
            raise _none(f"the description of {name} is too long to be one")
        version = file.parent.name.removesuffix(".dist-info").partition("-")[2]
        return name, version, file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise _none(f"{name} has no description") from None
    except NotPrebuiltError:
        raise
    except RbeeError as error:
        if error.code is not ErrorCode.BUILD_FAILED:
            raise
        raise _none(f"the description of {requirement} is not to be had") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _info(folder: Path, name: str) -> Path:
    """A distribution's metadata folder; one that is not there if it has none."""
    from packaging.utils import canonicalize_name

    wanted = canonicalize_name(name)
    found = (path for path in folder.glob("*-*.dist-info") if canonicalize_name(path.name.split("-")[0]) == wanted)
    return next(found, folder / "none")


def _record(environment: Environment, name: str, tools: Tools) -> str | None:
    """The digest of the list of a distribution's files, which has a digest of each."""
    try:
        data = (_info(environment.site_packages(tools), name) / "RECORD").read_bytes()
    except OSError:
        return None
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _install(
    environment: Environment, requirements: list[str], place: str, tools: Tools, env: Mapping[str, str]
) -> str | None:
    """Take wheels from a place; why it could not be, or ``None``."""
    try:
        install_wheels(environment, requirements, tools, place, env)
    except RbeeError as error:
        if error.code is not ErrorCode.BUILD_FAILED:
            raise
        return f"{place} cannot be reached" if _UNREACHED.search(error.message) else f"{place} has none that fits here"
    return None


def _none(reason: str) -> NotPrebuiltError:
    return NotPrebuiltError(ErrorCode.BUILD_FAILED, reason)
