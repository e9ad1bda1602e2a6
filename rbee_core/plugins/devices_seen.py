"""Which devices were found last: for shell completion, which must not wait for drivers. Nothing else believes it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .files import read_json, write_json

if TYPE_CHECKING:
    from ..config import Config


def seen(config: Config) -> dict[str, list[str]]:
    """Backend → ids of the devices it found last; nothing where that is not known."""
    try:
        known = read_json(_file(config)).get("devices")
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        str(backend): [device for device in ids if isinstance(device, str)]
        for backend, ids in known.items()
        if isinstance(ids, list)
    }


def remember(config: Config, found: dict[str, list[str]]) -> None:
    """Note what the backends found. That it cannot be written matters to nobody.

    :param found: backend → device ids.
    """
    if found != seen(config):
        with suppress(OSError):
            write_json(_file(config), {"devices": found})


def _file(config: Config) -> Path:
    return config.state_dir / "devices.json"
