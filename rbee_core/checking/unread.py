"""A distribution that no plugin comes from, because its entry points are in groups that nothing reads."""

from __future__ import annotations

from .rules import Finding


def unread_groups(dist: str) -> list[Finding]:
    """What is wrong with the entry points of an installed distribution; nothing where there is no such distribution."""
    import importlib_metadata

    from .files import check_groups
    from .installed import read

    try:
        found = importlib_metadata.distribution(dist)
    except (importlib_metadata.PackageNotFoundError, ValueError):
        return []
    installed = read(str(getattr(found, "_path", "")))
    return [] if installed is None else list(check_groups(installed))
