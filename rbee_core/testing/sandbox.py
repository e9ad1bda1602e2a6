"""A place in which rbee sees the plugins that a test puts there, and nothing else that is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from contextlib import ExitStack, suppress
from pathlib import Path
from textwrap import dedent
from types import TracebackType
from typing import TYPE_CHECKING

from ..plugins.records import SANDBOX, normalise, scan
from .cli import RbeeHome, clean_env, kept
from .dists import PluginFolder, make_dist
from .unknown import unknown

if TYPE_CHECKING:
    from ..rbee import Rbee


class PluginSandbox(PluginFolder):
    """Plugins made by hand, and those that are let in; for this process and for the commands it starts.

    A context manager: at its end this process is as it was.

    :param path: the folder they are installed into; made.
    :param home: the rbee whose commands are to see them.
    """

    def __init__(self, path: Path, home: RbeeHome) -> None:
        super().__init__(path)
        self._home = home
        self._allowed: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> PluginSandbox:
        self.path.mkdir(parents=True, exist_ok=True)
        for env in self._environments:
            self._stack.enter_context(kept(env))
            inherited = env.get("PYTHONPATH")
            env["PYTHONPATH"] = f"{self.path}{os.pathsep}{inherited}" if inherited else str(self.path)
        sys.path.insert(0, str(self.path))
        self._publish()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        with suppress(ValueError):
            sys.path.remove(str(self.path))
        self._forget()

    def add(
        self, kind: str, name: str, source: str, *, dist: str | None = None, version: str = "1.0", attribute: str = ""
    ) -> Path:
        """Install a distribution with one entry point, of a kind: ``vendor``, ``backend``, ``worker``, ``command``.

        :param name: the entry point's: a scheme, a backend, a worker's id, a command.
        :param source: its module; of a worker its ``worker.toml``. ``{name}`` in it is filled in.
        :param dist: the distribution's name; ``rbee-KIND-NAME`` if not given.
        :param attribute: what the entry point names in the module: ``Vendor``, ``Backend`` or ``app`` if not given.
        :returns: the file that holds the source.
        """
        if kind == "command":
            attribute = attribute or "app"
        if kind != "worker":
            return super().add(kind, name, source, dist=dist, version=version, attribute=attribute)
        dist = dist or f"rbee-worker-{name}"
        package = dist.replace("-", "_")
        files = {f"{package}/__init__.py": "", f"{package}/worker.toml": dedent(source).replace("{name}", name)}
        make_dist(self.path, dist, version, {"rbee.workers": {name: package}}, files)
        return self.path / package / "worker.toml"

    def allow(self, *dists: str) -> None:
        """Let installed distributions in.

        :raises LookupError: there is none of that name which brings plugins.
        """
        installed = {normalise(record.dist) for record in scan(sys.path)}
        for dist in dists:
            if normalise(dist) not in installed:
                raise LookupError(unknown("distribution with plugins", dist, installed))
            self._allowed.append(normalise(dist))
        self._publish()

    def rbee(self) -> Rbee:
        """rbee's facade in this process, over the same home; its plugins are those that are here now."""
        from ..config import Config
        from ..rbee import Rbee

        return Rbee(Config(env=clean_env(self._home.environment)))

    def _forget(self) -> None:
        """Take what was imported from here out of this process, so that another test's module is another."""
        home = os.path.realpath(self.path) + os.sep
        for name, module in list(sys.modules.items()):
            if os.path.realpath(getattr(module, "__file__", None) or "").startswith(home):
                del sys.modules[name]

    @property
    def _environments(self) -> tuple[MutableMapping[str, str], ...]:
        return os.environ, self._home.env

    def _publish(self) -> None:
        for env in self._environments:
            env[SANDBOX] = os.pathsep.join([str(self.path), *self._allowed])
