"""What would come: resolved by pip or uv from wheels alone, so that no code runs, and locked to each wheel's digest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ...errors import ErrorCode, RbeeError
from ...refs.model_ref import redact
from ..records import normalise
from .names import Wanted, wheel_file

#: uv's plan, line by line: ``+ name==1.0``; ``+ name @ https://…`` for what is asked for by address, or, where uv's
#: cache has that already, ``+ name==1.0 (from https://…)``.
_UV_LINE = re.compile(
    r" [+~] (?P<name>[A-Za-z0-9._-]+)(?:==(?P<version>\S+)| @ (?P<url>\S+))(?: \(from (?P<from>.*)\))?"
)
_UV_COUNT = re.compile(r"Would install (\d+) packages?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9.+!_-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Planned:
    """One wheel that would be installed: its address, its digest, and the index it is from, where that is known."""

    name: str
    version: str
    url: str
    sha256: str
    index: str = ""
    direct: bool = False

    @property
    def locked(self) -> str:
        """The requirement that only this one file meets."""
        what = f"{self.name} @ {self.url}" if self.direct else f"{self.name}=={self.version}"
        return f"{what} --hash=sha256:{self.sha256}"


@dataclass
class Installer:
    """pip or uv, told to work on this environment.

    :param uv: the path of uv; pip's otherwise.
    :param folder: for its files; private to this run.
    :param offline: ask no index; folders of wheels that the installer is set up with still count.
    """

    uv: str | None
    folder: Path
    offline: bool = False

    def plan(self, wanted: Sequence[Wanted], *, upgrade: bool = False, pre: bool = False) -> list[Planned]:
        """What would be installed for ``wanted`` beside what is here already, from wheels alone. Nothing is changed.

        :raises RbeeError: ``PLUGIN_ERROR``: it cannot be had, or not as wheels.
        """
        asked = self._file("wanted.txt", [one.requirement for one in wanted])
        constraints = self.constraints()
        if self.uv is None:
            return self._pip_plan(asked, constraints, upgrade=upgrade, pre=pre)
        options = ["--prerelease", "allow"] if pre else []
        options += [word for one in wanted if upgrade for word in ("--upgrade-package", one.name)]
        said = self._run(
            self._uv_install("--dry-run", "--color", "never", "--only-binary", ":all:", *options, *constraints, asked)
        ).stderr
        return self._uv_lock(_uv_changes(said))

    def install(self, plan: Sequence[Planned]) -> list[str]:
        """The command that installs exactly these wheels, by digest."""
        locked = self._file("locked.txt", [one.locked for one in plan])
        exact = ["--no-deps", "--only-binary", ":all:", locked]
        return self._uv_install(*exact) if self.uv else self._pip_install("--require-hashes", *exact)

    @cached_property
    def pip_index(self) -> str:
        """The one index that pip asks, or nothing where it may ask several: its report does not say which it was."""
        pip = [sys.executable, "-P", "-m", "pip"]
        said = self._run([*pip, "config", "list"]).stdout + self._run([*pip, "install", "--help"]).stdout
        if re.search(r"^\S*\.(?:extra-index-url|no-index)=|^\S*\.find-links=.*https?:", said, re.MULTILINE):
            return ""
        index = re.search(r"--index-url <url>[^(]*\(default\s+([^\s)]+)\s*\)", said)
        return index[1] if index else ""

    def locked_environment(self, plan: Sequence[Planned]) -> dict[str, str]:
        """What holds another tool's call of pip or uv to exactly these wheels: their versions, and their digests."""
        # pip takes no digest of an address from a list of constraints: there the address itself has to carry it.
        pip = self._file("constraints-pip.txt", [one.locked for one in plan if not one.direct])[2:]
        uv = self._file("constraints-uv.txt", [one.locked for one in plan])[2:]
        offline = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1"} if self.offline else {}
        return {"PIP_CONSTRAINT": pip, "UV_CONSTRAINT": uv, "PIP_ONLY_BINARY": ":all:", "UV_NO_BUILD": "1", **offline}

    def build(self, sources: Sequence[Wanted]) -> list[str]:
        """The command that builds and installs sources, which runs their code."""
        places = [one.requirement for one in sources]
        command = self._uv_install if self.uv else self._pip_install
        return command(*self.constraints(), "--", *places)

    def constraints(self) -> list[str]:
        """Options that keep rbee itself at the version it has: no plugin may change it by the way."""
        import importlib_metadata

        try:
            version = importlib_metadata.version("rbee-core")
        except importlib_metadata.PackageNotFoundError:
            return []
        return ["-c", self._file("constraints.txt", [f"rbee-core=={version}"])[2:]]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _pip_plan(self, asked: str, constraints: list[str], *, upgrade: bool, pre: bool) -> list[Planned]:
        report = self.folder / "report.json"
        options = [*(["--upgrade"] if upgrade else []), *(["--pre"] if pre else [])]
        dry = ["--dry-run", "--report", str(report), "--only-binary", ":all:"]
        self._run(self._pip_install(*dry, *options, *constraints, asked))
        try:
            told = json.loads(report.read_bytes())["install"]
            return [_from_report(one) for one in told]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"pip's report of what it would install is not understood: {type(error).__name__}: {error}",
                "pip 23 or newer is needed: python -m pip install --upgrade pip",
            ) from error

    def _uv_lock(self, found: list[re.Match[str]]) -> list[Planned]:
        plan = [_from_address(one["name"], url) for one in found if (url := one["url"] or one["from"])]
        pins = [f"{one['name']}=={one['version']}" for one in found if not (one["url"] or one["from"])]
        if not pins:
            return plan
        file = self._file("pins.txt", pins)[2:]
        said = self._run(
            [*self._uv("compile"), "--quiet", "--no-deps", "--no-header", "--format", "pylock.toml", file]
        ).stdout
        try:
            packages = tomllib.loads(said)["packages"]
            locked = [_from_lock(one) for one in packages]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"uv's list of what it would install is not understood: {type(error).__name__}: {error}",
                "uv 0.7 or newer is needed: uv self update",
            ) from error
        options = ["--quiet", "--no-deps", "--no-header", "--no-annotate", "--emit-index-annotation"]
        indexes = _indexes(self._run([*self._uv("compile"), *options, file]).stdout)
        return plan + [replace(one, index=indexes.get(normalise(one.name), "")) for one in locked]

    def _uv(self, verb: str) -> list[str]:
        return [self.uv or "uv", "pip", verb, "--python", sys.executable, *self._no_index()]

    def _uv_install(self, *arguments: str) -> list[str]:
        return [*self._uv("install"), *arguments]

    def _pip_install(self, *arguments: str) -> list[str]:
        # -P: the current folder is nobody's plugin.
        return [sys.executable, "-P", "-m", "pip", "install", *self._no_index(), *arguments]

    def _no_index(self) -> list[str]:
        return ["--no-index"] if self.offline else []

    def _file(self, name: str, lines: Sequence[str]) -> str:
        """Write lines for the installer; the option that names the file."""
        file = self.folder / name
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return f"-r{file}"

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            # pip explains a conflict on its standard output, below this line.
            _, conflict, why = done.stdout.partition("The conflict is caused by:")
            text = f"{done.stderr.strip()}\n{conflict}{why}".strip()
            said = "".join(c if c.isprintable() or c == "\n" else "?" for c in redact(text))[-3000:]
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"It cannot be installed; {'uv' if self.uv else 'pip'} says:\n{said}",
                "Nothing was changed. Only wheels are taken: what exists as source alone is built with --allow-source, "
                "which runs its code.",
            )
        return done


def _uv_changes(said: str) -> list[re.Match[str]]:
    """What uv would install, from what it prints; never less than it says."""
    found = [line for text in said.splitlines() if (line := _UV_LINE.fullmatch(text))]
    count = _UV_COUNT.search(said)
    if len(found) != (int(count[1]) if count else 0):
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"uv's plan is not understood:\n{said[-3000:]}",
            "Nothing was changed. Try another release of uv: uv self update",
        )
    return found


def _from_address(name: str, url: str) -> Planned:
    try:
        version = str(parse_wheel_filename(wheel_file(url))[1])
    except InvalidWheelFilename:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{name} would come from {redact(url)}, which is no wheel: building it runs its code.",
            "Nothing was changed. If you trust it, install it first: rbee plugins install --allow-source, or with pip.",
        ) from None
    return Planned(name, version, url, "", direct=True)


def _from_report(one: dict[str, Any]) -> Planned:
    info = one["download_info"]
    if "archive_info" not in info:
        return _from_address(one["metadata"]["name"], info["url"])
    archive = info["archive_info"]
    sha256 = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
    return _checked(
        Planned(one["metadata"]["name"], one["metadata"]["version"], info["url"], sha256, direct=one["is_direct"])
    )


def _from_lock(package: dict[str, Any]) -> Planned:
    """The wheel, of those of a release, that suits this Python best."""
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    best: tuple[int, dict[str, Any]] | None = None
    for wheel in package["wheels"]:
        try:
            tags = parse_wheel_filename(wheel.get("name") or wheel_file(_place(wheel)))[3]
        except InvalidWheelFilename:
            continue
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            best = rank, wheel
    if best is None:
        raise ValueError(f"no wheel of {package['name']} suits this Python")
    wheel = best[1]
    planned = Planned(package["name"], package["version"], _place(wheel), wheel["hashes"]["sha256"])
    return _checked(planned)


def _indexes(said: str) -> dict[str, str]:
    """Which index each distribution is from, of ``name==1.0`` and ``# from https://…`` below it."""
    found: dict[str, str] = {}
    name = ""
    for line in said.splitlines():
        if (origin := line.strip()).startswith("# from "):
            found[name] = origin.removeprefix("# from ").strip()
        else:
            name = normalise(line.partition("==")[0].strip())
    return found


def _place(wheel: dict[str, Any]) -> str:
    """A wheel's address (PEP 751: ``url``, or ``path`` from where the lock stands)."""
    return str(wheel["url"]) if "url" in wheel else Path(wheel["path"]).absolute().as_uri()


def _checked(planned: Planned) -> Planned:
    if not (
        _NAME.fullmatch(planned.name) and _VERSION.fullmatch(planned.version) and _SHA256.fullmatch(planned.sha256)
    ):
        raise ValueError(f"{planned.name!r} {planned.version!r} with digest {planned.sha256!r}")
    return planned
