"""What to say when the plugin that is needed is not there, or is turned off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import ErrorCode, RbeeError, UsageError
from .first_party import DISTRIBUTIONS
from .records import PluginRecord

if TYPE_CHECKING:
    from ..config import Config
    from ..refs import ModelRef

#: First-party distributions by what they bring. Only for naming what to install: routing never reads this.
_VENDORS = {name: dist.dist for dist in DISTRIBUTIONS if dist.kind == "vendor" for name in dist.names}
_BACKENDS = {name: dist.dist for dist in DISTRIBUTIONS if dist.kind == "backend" for name in dist.names}
_COMMANDS = {"recipes": "rbee-recipes"}
#: Every first-party distribution that brings plugins.
FIRST_PARTY = frozenset({*(dist.dist for dist in DISTRIBUTIONS), *_COMMANDS.values()})
_SEARCH = "Third-party plugins are packages with 'rbee' in their names: search the Python package index for rbee"


def short_name(name: str) -> str | None:
    """The first-party distribution that a short name means: a scheme, or what follows ``rbee-KIND-``; else nothing.

    :raises UsageError: it means several.
    """
    name = name.lower()
    meant = {dist for dist in FIRST_PARTY if name == dist.split("-", 2)[-1]}
    meant |= {dist.dist for dist in DISTRIBUTIONS if name in dist.names}
    if len(meant) > 1:
        raise UsageError(f"'{name}' may mean {' or '.join(sorted(meant))}.", "Write the one that you mean in full.")
    return next(iter(meant), None)


def vendor_dist(ref: ModelRef) -> str | None:
    """The first-party distribution that fetches ``ref``, if any; ``oci:`` is two sources under one scheme."""
    if ref.scheme == "oci":
        return "rbee-vendor-registry" if ref.repo is not None else "rbee-vendor-oci"
    return _VENDORS.get(ref.scheme)


def no_vendor(ref: ModelRef) -> RbeeError:
    """Nobody declares the scheme."""
    if dist := vendor_dist(ref):
        return RbeeError(
            ErrorCode.NO_VENDOR,
            f"No plugin for '{ref.scheme}:'. Install it with: pip install {dist}",
            "`rbee plugins list` shows what is installed.",
        )
    return RbeeError(
        ErrorCode.NO_VENDOR,
        f"No plugin for '{ref.scheme}:', and none is known for it.",
        f"{_SEARCH}-vendor-{ref.scheme}",
    )


def nobody_takes(ref: ModelRef, asked: Iterable[PluginRecord]) -> RbeeError:
    """Vendors declare the scheme, and each said no."""
    asked = list(asked)
    known = vendor_dist(ref)
    hint = f"`rbee plugins show {ref.scheme}` tells more about the plugin."
    if known and known not in {record.dist for record in asked}:
        hint = f"What this looks like is fetched by another plugin: pip install {known}"
    return RbeeError(
        ErrorCode.NO_VENDOR,
        f"No plugin takes {shown(ref)!r}; asked: {', '.join(record.title for record in asked)}.",
        hint,
    )


def turned_off(what: str, code: ErrorCode, records: Iterable[PluginRecord]) -> RbeeError:
    """Everything that could do it is disabled."""
    record = next(iter(records))
    reason = record.reason or "turned off"
    return RbeeError(
        code,
        f"The plugin for {what} ({record.title}) is disabled: {reason.partition(';')[0]}.",
        how_to_enable(record),
    )


def how_to_enable(record: PluginRecord) -> str:
    """What turns a disabled plugin on again, by what turned it off."""
    reason = record.reason or ""
    if "RBEE_PLUGINS" in reason:
        return "Unset RBEE_PLUGINS, or set `plugins = true` in rbee.toml."
    if "ALLOWLIST" in reason:
        return f"Add {record.dist} to RBEE_PLUGIN_ALLOWLIST if you trust it."
    if "preferred" in reason:
        return f"Choose it instead: rbee plugins prefer {record.name} {record.dist}"
    if "`" in reason:
        return f"Enable it with: {reason.split('`')[1]}"
    return f"Take it out of {reason.removeprefix('turned off by ')}."


def no_plugin(kind: str, name: str) -> RbeeError:
    """No backend, worker or command of that name is installed."""
    dist = {"backend": _BACKENDS, "command": _COMMANDS}.get(kind, {}).get(name)
    code = {"backend": ErrorCode.BACKEND_UNAVAILABLE, "worker": ErrorCode.WORKER_NOT_FOUND}.get(
        kind, ErrorCode.PLUGIN_ERROR
    )
    if dist:
        return RbeeError(
            code,
            f"No plugin for the {kind} '{name}'. Install it with: pip install {dist}",
            "`rbee plugins list` shows what is installed.",
        )
    return RbeeError(code, f"No plugin for the {kind} '{name}'.", f"{_SEARCH}-{kind}-{name}")


def with_record(error: RbeeError, config: Config, kind: str, name: str) -> RbeeError:
    """The same, with the command that brings the plugin back if it was installed and is gone."""
    from .installing.record import brings

    if (dist := brings(config, kind, name)) is None:
        return error
    hint = f"{dist} was installed here and is gone, as after an upgrade. To bring it back: rbee plugins sync"
    return RbeeError(error.code, error.message, hint)


def say_if_recorded(config: Config, kind: str, name: str) -> None:
    """Tell of a plugin that was installed and is gone.

    :raises RbeeError: there is one.
    """
    unknown = no_plugin(kind, name)
    if (error := with_record(unknown, config, kind, name)) is not unknown:
        raise error


def shown(ref: ModelRef) -> str:
    """A reference as messages show it: a URL's query may be a signature."""
    text = str(ref)
    return text.partition("?")[0] + "?…" if "?" in text else text
