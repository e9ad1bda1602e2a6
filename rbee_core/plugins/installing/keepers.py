"""Environments that another tool keeps, ``uv tool`` or ``pipx``: what it knows of, and what its upgrades take away."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..records import normalise

UV_TOOL, PIPX = "uv tool", "pipx"


@dataclass(frozen=True)
class Keeper:
    """The tool that keeps an environment.

    :param tool: ``uv tool`` or ``pipx``.
    :param prefix: the environment.
    """

    tool: str
    prefix: Path

    @classmethod
    def of(cls, prefix: Path) -> Keeper | None:
        """Who keeps an environment; nobody, most of the time."""
        if (prefix / "uv-receipt.toml").is_file():
            return cls(UV_TOOL, prefix)
        return cls(PIPX, prefix) if (prefix / "pipx_metadata.json").is_file() else None

    @cached_property
    def listed(self) -> dict[str, str]:
        """What the tool itself puts back after an upgrade, beside rbee: normalised name → its requirement."""
        return {name: requirement for name, requirement in self._noted.items() if name != normalise(self.prefix.name)}

    def lists(self, name: str) -> bool:
        """Whether the tool puts a distribution back by itself."""
        return normalise(name) in self.listed

    @property
    def program(self) -> str | None:
        """Where ``pipx`` is, if it is."""
        return shutil.which("pipx") if self.tool == PIPX else None

    @property
    def environment(self) -> dict[str, str]:
        """What leads ``pipx`` to this environment, wherever its own settings lead it."""
        return {**os.environ, "PIPX_HOME": str(self.prefix.parent.parent)}

    def wipes(self) -> str:
        """One sentence: what will take a plugin away that the tool does not list."""
        if self.tool == UV_TOOL:
            return "`uv tool upgrade` removes plugins that were not installed with --with."
        return "`pipx reinstall` removes plugins that pipx did not inject."

    def keeping(self, requirements: Iterable[str]) -> str:
        """The command that has the tool itself keep plugins; for uv it has to name again what it kept before."""
        asked = list(requirements)
        if self.tool == PIPX:
            return shlex.join(["pipx", "inject", self.prefix.name, *asked])
        withs = [word for one in [*self.listed.values(), *asked] for word in ("--with", one)]
        return shlex.join(["uv", "tool", "install", self._rbee, *withs])

    def dropping(self, names: Iterable[str]) -> str:
        """The command that has the tool forget plugins."""
        gone = {normalise(name) for name in names}
        if self.tool == PIPX:
            return shlex.join(["pipx", "uninject", self.prefix.name, *sorted(gone)])
        kept = [requirement for name, requirement in self.listed.items() if name not in gone]
        withs = [word for one in kept for word in ("--with", one)]
        return shlex.join(["uv", "tool", "install", self._rbee, *withs])

    def inject(self, specs: Iterable[str]) -> list[str]:
        """pipx's command that adds requirements."""
        return [self.program or "pipx", "inject", self.prefix.name, *specs]

    def uninject(self, names: Iterable[str]) -> list[str]:
        """pipx's command that takes distributions away, and nothing that came with them."""
        return [self.program or "pipx", "uninject", self.prefix.name, *names, "--leave-deps"]

    @property
    def _rbee(self) -> str:
        """What the environment was made for, with the extras that belong to it."""
        return self._noted.get(normalise(self.prefix.name), self.prefix.name)

    @cached_property
    def _noted(self) -> dict[str, str]:
        """What the tool has written down; nothing of it where that cannot be read."""
        read = self._receipt if self.tool == UV_TOOL else self._metadata
        try:
            return {normalise(name): requirement for name, requirement in read().items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def _receipt(self) -> dict[str, str]:
        text = (self.prefix / "uv-receipt.toml").read_text(encoding="utf-8")
        listed = tomllib.loads(text)["tool"]["requirements"]
        return {one["name"]: _uv_requirement(one) for one in listed}

    def _metadata(self) -> dict[str, str]:
        raw = json.loads((self.prefix / "pipx_metadata.json").read_bytes())
        return {name: str(one["package_or_url"]) for name, one in raw["injected_packages"].items()}


def _uv_requirement(one: dict[str, str]) -> str:
    """A requirement of uv's receipt, as ``--with`` takes it."""
    for key, before in (("path", ""), ("directory", ""), ("url", ""), ("git", "git+")):
        if key in one:
            return f"{before}{one[key]}"
    extras = f"[{','.join(one['extras'])}]" if "extras" in one else ""
    return f"{one['name']}{extras}{one.get('specifier', '')}"
