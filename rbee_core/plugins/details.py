"""What a distribution's metadata tells about a plugin, for ``rbee plugins show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import importlib_metadata

from .records import PluginRecord


def details(record: PluginRecord, hooks: list[str] | None) -> dict[str, Any]:
    """The row of ``plugins list``, and what else the distribution states about itself.

    Fields that the distribution does not state are ``None`` or empty.

    :param hooks: what a check found it to implement; ``None`` when it was not checked as it is now.
    """
    try:
        dist = importlib_metadata.PathDistribution(Path(record.location))
        headers = dist.metadata
        fields = {key: _texts(headers, key) for key in _HEADERS}
        links = dict(_link(text) for text in fields["Project-URL"])
        editable = _editable(dist)
        installer = (dist.read_text("INSTALLER") or "").strip() or None
    except Exception:  # noqa: BLE001 — metadata is whatever somebody wrote
        fields, links, editable, installer = {key: [] for key in _HEADERS}, {}, None, None
    return {
        **record.row(),
        "summary": _first(fields["Summary"]),
        "author": _first(fields["Author"]) or _first(fields["Author-email"]),
        "license": _first(fields["License-Expression"]) or _first(fields["License"]),
        "homepage": _first(fields["Home-page"]) or links.get("homepage") or next(iter(links.values()), None),
        "requires": fields["Requires-Dist"],
        "hooks": hooks,
        "location": record.location,
        "installer": installer,
        "editable": editable,
    }


_HEADERS = (
    "Summary", "Author", "Author-email", "License-Expression", "License", "Home-page", "Project-URL", "Requires-Dist",
)  # fmt: skip


def _texts(headers: Any, key: str) -> list[str]:
    return [" ".join(str(text).split()) for text in headers.get_all(key) or []]


def _first(texts: list[str]) -> str | None:
    return next((text for text in texts if text and text != "UNKNOWN"), None)


def _link(text: str) -> tuple[str, str]:
    """``Homepage, https://…`` as label and address (core metadata, Project-URL)."""
    label, _, address = text.partition(",")
    return label.strip().lower(), address.strip()


def _editable(dist: Any) -> bool:
    """Whether it is a checkout's (PEP 610's direct_url.json)."""
    origin = dist.origin
    return bool(getattr(getattr(origin, "dir_info", None), "editable", False))
