"""Installing the very files that were shown, and putting it on record: what is meant first, what came of it after."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.request import pathname2url

from packaging.requirements import Requirement

from ...errors import ErrorCode, RbeeError, UsageError
from ..first_party import DISTRIBUTIONS
from ..records import PluginRecord, normalise, scan
from .addresses import without_secrets
from .installed import Installed, installed
from .keepers import PIPX, Keeper
from .names import Wanted
from .plan import Planned
from .prepare import Prepared
from .record import INDEX, SOURCE, WHEEL, Entry, InstallRecord, finished


@dataclass(frozen=True, slots=True)
class Step:
    """One command; ``instead`` is tried when it fails, ``env`` is what it sees beyond this process's environment."""

    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    instead: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Performed:
    """What came of it: the plugins that are new, and why nothing of it is on record, if so."""

    came: list[PluginRecord]
    unrecorded: str = ""


def perform(
    prepared: Prepared,
    record: InstallRecord,
    keeper: Keeper | None = None,
    on_problem: Callable[[str], None] = lambda text: None,
) -> Performed:
    """Install it, and put it on record; the installer's output goes to standard error.

    Where the record cannot be written, it is installed all the same.

    :param keeper: who keeps this environment, if not the person.
    :param on_problem: told a sentence when something had to be done another way.
    :raises RbeeError: ``PLUGIN_ERROR``: the installer refused, as it does when a file is not the one that was shown,
        or another rbee is at it. What was on record before then is so again.
    """
    with record.working():
        meant = list(_intended(prepared, installed()))
        old: list[Entry] = []
        unrecorded = ""
        try:
            old = record.entries()
            record.put(_kept(meant, old))
        except UsageError as error:
            unrecorded = str(error)
        try:
            came = _install(prepared, keeper, on_problem)
        except BaseException:
            if not unrecorded:
                _settle(record, meant, old)
            raise
        if not unrecorded:
            unrecorded = _settle(record, meant, old)
    return Performed(came, unrecorded)


def note_present(prepared: Prepared, record: InstallRecord) -> str:
    """Put on record what is wanted and here already; why that could not be, if so."""
    here = installed()
    try:
        old = record.entries()
        record.put([finished(one) for one in _kept(_intended(prepared, here), old) if one.name])
    except UsageError as error:
        return str(error)
    return ""


def steps(prepared: Prepared, keeper: Keeper | None, present: Mapping[str, Installed]) -> list[Step]:
    """The commands that install it. pipx does it where it keeps the environment, held to the same digests."""
    tool = prepared.installer
    made = []
    pipx = keeper if keeper is not None and keeper.tool == PIPX and keeper.program else None
    if prepared.plan:
        locked = tool.install(prepared.plan)
        made += _injected(prepared, pipx, present, locked) if pipx else [Step(locked)]
    if prepared.sources:
        build = tool.build(prepared.sources)
        places = [one.requirement for one in prepared.sources]
        made.append(Step(pipx.inject(places), pipx.environment, instead=build) if pipx else Step(build))
    return made


def _injected(prepared: Prepared, pipx: Keeper, present: Mapping[str, Installed], locked: list[str]) -> list[Step]:
    """pipx skips what is in its environment: what it lists is taken out first, what it does not is not its own."""
    asked = {one.name: one for one in prepared.wanted}
    mine = [one for one in prepared.plan if normalise(one.name) in asked]
    again = [one for one in mine if normalise(one.name) in present]
    if not mine or not all(pipx.lists(one.name) for one in again):
        return [Step(locked)]
    env = {**pipx.environment, **prepared.installer.locked_environment(prepared.plan)}
    specs = [_restore(one, asked[normalise(one.name)], digest=True) for one in mine]
    leave = [Step(pipx.uninject([one.name]), pipx.environment, instead=[]) for one in again]
    return [*leave, Step(pipx.inject(specs), env, instead=locked)]


def _install(prepared: Prepared, keeper: Keeper | None, on_problem: Callable[[str], None]) -> list[PluginRecord]:
    before = {(record.key, record.version) for record in scan()}
    for step in steps(prepared, keeper, installed()):
        if _run(step.command, step.env) == 0 or step.instead == []:
            continue
        if step.instead is not None:
            on_problem("pipx could not do it, for the reason above: it is installed without pipx.")
        if step.instead is None or _run(step.instead, {}) != 0:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                "The installation failed; what the installer said stands above.",
                "`rbee plugins list` shows what is installed. Try again when the cause is gone.",
            )
    return [record for record in scan() if (record.key, record.version) not in before]


def _run(command: list[str], env: Mapping[str, str]) -> int:
    done = subprocess.run(
        command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False
    )
    return done.returncode


# --- the record -----------------------------------------------------------------------------------------------------


def _intended(prepared: Prepared, present: Mapping[str, Installed]) -> Iterator[Entry]:
    """An entry for each thing that was asked for; dependencies come with it and are none."""
    plan = {normalise(one.name): one for one in prepared.plan}
    plugins = {normalise(one.name): tuple(one.plugins) for one in prepared.facts}
    plugins |= {one.dist: tuple(f"{one.kind} {name}" for name in one.names) for one in DISTRIBUTIONS}
    for one in prepared.wanted:
        requirement = without_secrets(one.requirement)
        if one.source:
            yield Entry(requirement, requirement, SOURCE, agreed=True, unfinished=True)
        elif planned := plan.get(one.name):
            origin = WHEEL if one.url else INDEX
            yield Entry(
                requirement,
                _restore(planned, one),
                origin,
                planned.name,
                planned.version,
                planned.sha256,
                without_secrets(planned.index),
                agreed=not one.trusted,
                plugins=plugins.get(one.name, ()),
                unfinished=True,
            )
        elif here := present.get(one.name):
            yield Entry(requirement, here.restore, here.origin, here.name, here.version, plugins=here.plugins)


def _restore(planned: Planned, one: Wanted, *, digest: bool = False) -> str:
    """The requirement that this one wheel meets."""
    if one.url:
        bare = without_secrets(one.url).partition("#")[0] if not digest else one.url.partition("#")[0]
        return f"{planned.name} @ {bare}" + (f"#sha256={planned.sha256}" if digest else "")
    extras = ",".join(sorted(Requirement(one.requirement).extras))
    return f"{planned.name}{f'[{extras}]' if extras else ''}=={planned.version}"


def _kept(meant: Iterable[Entry], old: Iterable[Entry]) -> list[Entry]:
    """``meant``, where what is here already keeps the digest and the agreement that are on record for its version."""
    known = {entry.key: entry for entry in old if not entry.unfinished}
    return [
        replace(known[one.key], requirement=one.requirement)
        if not one.unfinished and one.key in known and known[one.key].version == one.version
        else one
        for one in meant
    ]


def _settle(record: InstallRecord, meant: list[Entry], old: list[Entry]) -> str:
    """Confirm what is here now, and take back what is not; why that could not be, if so."""
    now = installed()
    was = {entry.key: entry for entry in old}
    true: list[Entry] = []
    for one in meant:
        if one.name:
            here = now.get(one.key)
            came = here is not None and here.whole and here.version == one.version
            true += [finished(replace(one, plugins=here.plugins))] if came and here else []
        else:
            true += [_built(one, came) for came in now.values() if came.plugins and _is_from(came, one.requirement)]
    back = [was[one.key] for one in meant if one.key in was and one.key not in {entry.key for entry in true}]
    try:
        record.swap([one.key for one in meant], _kept([*true, *back], old))
    except UsageError as error:
        return str(error)
    return ""


def _built(one: Entry, came: Installed) -> Entry:
    """A source's entry, once its build told what it is."""
    return replace(
        one, restore=came.restore, name=came.name, version=came.version, plugins=came.plugins, unfinished=False
    )


def _is_from(came: Installed, place: str) -> bool:
    """Whether something was built from a place: a repository, an address, or a path."""
    url = without_secrets(str(came.direct.get("url", "")))
    bare = place.partition(" @ ")[2] or place
    if url.startswith("file:") and "://" not in bare:
        return url.rstrip("/") == f"file://{pathname2url(bare)}".rstrip("/")
    return bool(url) and url.removesuffix(".git") in bare
