"""Which of PyTorch's builds for CUDA runs on a GPU with a driver.

Sources: the support matrices of PyTorch's releases (its issues 165111, 172663, 178665, 190355, 190385), NVIDIA's
"CUDA Compatibility": a build runs with every driver of its own major version or a newer one.
"""

from __future__ import annotations

from collections.abc import Sequence

from packaging.requirements import Requirement

from .found import Version

#: PyTorch's release -> its builds, as of November 2026. Of a newer release the last row is assumed.
_RELEASES: dict[Version, tuple[Version, ...]] = {
    (2, 9): ((12, 6), (12, 8), (13, 0)),
    (2, 10): ((12, 6), (12, 8), (13, 0)),
    (2, 11): ((12, 6), (12, 8), (13, 0)),
    (2, 12): ((12, 6), (13, 0), (13, 2)),
    (2, 13): ((12, 6), (12, 9), (13, 0), (13, 2)),
    (2, 14): ((12, 6), (13, 0), (13, 2)),
    (2, 15): ((13, 0), (13, 2)),
}
#: The compute capabilities of a build, the oldest and the newest: of that for CUDA 12.6, and of all others.
_LEGACY, _MODERN = ((5, 0), (9, 0)), ((7, 5), (12, 1))


def build_for(requirements: Sequence[str], runtime: Version, capabilities: Sequence[Version]) -> str | None:
    """The newest build that the driver and the GPUs run, in uv's words (``cu130``); ``None`` if there is none.

    Those that are no newer than the driver come first; of newer ones, which run with the same major version all the
    same, the oldest.

    :param requirements: which PyTorch is wanted.
    :param runtime: the newest CUDA runtime that the driver supports.
    :param capabilities: of the GPUs, the best first: where no build is for all of them, it is for the first.
    """
    builds = [build for build in _RELEASES[_release(requirements)] if build[0] <= runtime[0]]
    for wanted in (capabilities, capabilities[:1]):
        fitting = [build for build in builds if all(_covers(build, capability) for capability in wanted)]
        settled = [build for build in fitting if build <= runtime]
        if fitting:
            return "cu{}{}".format(*(max(settled) if settled else min(fitting)))
    return None


def _release(requirements: Sequence[str]) -> Version:
    """The newest release that the requirements allow; a newer one than is known is like the newest that is."""
    wanted = [one.specifier for text in requirements if (one := Requirement(text)).name.lower() == "torch"]
    known = sorted(_RELEASES, reverse=True)
    for major, minor in known:
        if all(any(one.contains(f"{major}.{minor}.{patch}") for patch in range(10)) for one in wanted):
            return major, minor
    return known[0]


def _covers(build: Version, capability: Version) -> bool:
    oldest, newest = _LEGACY if build == (12, 6) else _MODERN
    return oldest <= capability <= newest
