"""The environment that rbee runs in, and which installer looks after it."""

from __future__ import annotations

import configparser
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ...errors import ErrorCode, RbeeError

#: Folders of uv's cache that ``uvx`` runs from.
_EPHEMERAL = ("environments-v2", "archive-v0", "builds-v0")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a Python environment is.

    :param prefix: ``sys.prefix``.
    :param base: ``sys.base_prefix``; the same outside a virtual environment.
    :param stdlib: the folder of the standard library, where ``EXTERNALLY-MANAGED`` lies (PEP 668).
    """

    prefix: Path
    base: Path
    stdlib: Path

    @classmethod
    def here(cls) -> Environment:
        """The one that this process runs in."""
        stdlib = sysconfig.get_path("stdlib", sysconfig.get_default_scheme())
        return cls(Path(sys.prefix), Path(sys.base_prefix), Path(stdlib))

    @property
    def made_by_uv(self) -> bool:
        """Whether uv made it: its ``pyvenv.cfg`` says so with a ``uv`` key."""
        try:
            lines = (self.prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        return any(line.partition("=")[0].strip() == "uv" for line in lines)

    def refuse_if_not_ours(self, wanted: Iterable[str]) -> None:
        """Explain an environment into which nothing can be installed so that it stays, and what to do instead.

        One of ``uv tool`` or ``pipx`` is not refused: see :class:`.keepers.Keeper`.

        :param wanted: the requirements, for the command.
        :raises RbeeError: ``PLUGIN_ERROR``: ``uvx`` made it for one run, or the system keeps it.
        """
        withs = shlex.join(word for one in wanted for word in ("--with", one))
        if any(part in _EPHEMERAL for part in self.prefix.parts):
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                "This rbee runs in an environment of uv's cache, and what is added there is lost.",
                f"Nothing was changed. Install rbee to stay: uv tool install rbee-core {withs}".rstrip(),
            )
        if self.prefix == self.base and (marker := self.stdlib / "EXTERNALLY-MANAGED").is_file():
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"This Python is looked after by the system, not by pip (PEP 668): {_system_says(marker)}",
                "Nothing was changed. Install rbee into an environment of its own: uv tool install rbee-core "
                f"{withs}".rstrip(),
            )


def _system_says(marker: Path) -> str:
    """The first paragraph of the system's own explanation."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(marker.read_text(encoding="utf-8")[:20_000])
        said = parser["externally-managed"]["Error"].strip().split("\n\n")[0]
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError):
        return "it does not say why."
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:500]


def installer(environment: Environment) -> str | None:
    """The path of uv where uv made the environment or pip is missing; nothing where pip is to do it.

    :raises RbeeError: ``PLUGIN_ERROR``: there is neither.
    """
    uv, pip = shutil.which("uv"), find_spec("pip") is not None
    if uv and (environment.made_by_uv or not pip):
        return uv
    if pip:
        return None
    raise RbeeError(
        ErrorCode.PLUGIN_ERROR,
        "Neither uv nor pip is here to install with.",
        f"Install uv and try again, or bring pip: {sys.executable} -m ensurepip",
    )
