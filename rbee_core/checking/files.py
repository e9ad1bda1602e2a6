"""The rules on what was installed: files, requirements, entry points. They hold for a distribution as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..plugins.isolation import one_line
from ..plugins.problems import package_of
from ..plugins.records import GROUPS, PluginRecord
from .installed import Installed, changed, missing
from .rules import Finding, finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

#: Files that are named in a message.
_NAMED = 5
#: Characters of each.
_LONGEST = 100


def check_files(installed: Installed) -> Iterator[Finding]:
    """Files that are gone, and files that are not what was installed."""
    name = next(iter(installed.texts("Name")), "NAME")
    again = f"Install it again: pip install --force-reinstall --no-deps {name}"
    if gone := list(missing(installed)):
        yield finding("file-missing", f"installed, but gone: {_listed(gone)}", again)
    if other := list(changed(installed)):
        yield finding("file-changed", f"changed since it was installed: {_listed(other)}", again)


def check_recipe_file(record: PluginRecord, installed: Installed) -> Iterator[Finding]:
    """A worker's ``worker.toml`` that no wheel brought."""
    from ..plugins.guard import FaultyPluginError
    from ..plugins.loading import package_folder

    if installed.editable or not installed.files:
        return
    try:
        path = package_folder(record) / "worker.toml"
    except FaultyPluginError:
        return
    if path.is_file() and not installed.lists(path):
        hint = "Let the build put it into the wheel: whoever installs that has no worker."
        yield finding("file-unrecorded", f"{record.entry_point} has a worker.toml, but it was not installed", hint)


def check_requirements(installed: Installed) -> Iterator[Finding]:
    """What it requires and is not there, or is there in another version."""
    import importlib_metadata

    for requirement in requirements(installed):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib_metadata.version(requirement.name)
        except importlib_metadata.PackageNotFoundError:
            hint = f"Install it: pip install {requirement.name!r}"
            yield finding("dependency", f"requires {requirement}, which is not installed", hint)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            hint = f"Install one that will do: pip install {str(requirement)!r}"
            yield finding("requirement", f"requires {requirement}, but {version} is installed", hint)


def requirements(installed: Installed) -> list[Requirement]:
    """What it requires; what cannot be read as a requirement is left out."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in installed.texts("Requires-Dist"):
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            continue
    return found


def check_groups(installed: Installed) -> Iterator[Finding]:
    """Entry points in a group that is nearly one of rbee's."""
    for group, entries in installed.groups.items():
        if group in GROUPS or not group.lower().startswith("rbee"):
            continue
        near = get_close_matches(group.lower().replace("_", ".").replace("-", "."), GROUPS, n=1)
        guess = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(GROUPS)}."
        yield finding("unknown-group", f"{', '.join(entries)} is declared in {group!r}, which nothing reads", guess)


def own_folders(record: PluginRecord) -> list[Path]:
    """The folders of the top-level package that an entry point names, found without importing it."""
    try:
        spec = find_spec(package_of(record.entry_point))
    except Exception:  # noqa: BLE001 — finders are third-party code too
        return []
    return [Path(root) for root in (spec.submodule_search_locations or ())] if spec is not None else []


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(one_line(name)[:_LONGEST] for name in names[:_NAMED]) + more
