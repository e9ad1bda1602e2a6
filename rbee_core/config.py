"""Settings: a flag, else ``RBEE_*`` in the environment, else ``rbee.toml``, else the default; each knows its origin.

Kept light on purpose (no pydantic): the quickest commands read it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import UsageError
from .units import parse_size

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def parse_bool(text: str) -> bool:
    """``1/true/yes/on`` or ``0/false/no/off``; anything else is a ValueError."""
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("expected 1 or 0")
    return text.lower() in _TRUE


def parse_names(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_path_list(text: str) -> list[str]:
    """Folders separated as in PATH."""
    return [part for part in text.split(os.pathsep) if part]


def parse_positive(text: str) -> float:
    """A number above zero."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("expected a number above 0")
    return value


def parse_count(text: str) -> int:
    """A whole number, 1 or more."""
    value = int(text)
    if value < 1:
        raise ValueError("expected a whole number, 1 or more")
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in ``rbee.toml``, how its text is read, its default and what it does."""

    key: str
    parse: Callable[[str], Any]
    default: Any
    help: str

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return f"RBEE_{self.key.upper()}"


SETTINGS = (
    Setting("models_dir", str, None, "where models are stored"),
    Setting("models_max_size", parse_size, None, "quota of the model store, in bytes or as 200G"),
    Setting("offline", parse_bool, False, "never touch the network"),
    Setting("plugins", parse_bool, True, "load plugins at all"),
    Setting("disable_plugins", parse_names, [], "plugins that are never loaded: entry-point or distribution names"),
    Setting("plugin_allowlist", parse_names, None, "the only distributions whose plugins may load"),
    Setting("strict_plugins", parse_bool, False, "a plugin's failure is raised, not recorded (for authors and CI)"),
    Setting("workers_path", parse_path_list, [], "folders to look for workers in"),
    Setting("engine_wheels", str, None, "an index, or a folder, of prebuilt engines; off: compile always"),
    Setting("connections", parse_count, 16, "connections a download may use at once; not set: to 32 where that pays"),
    Setting("max_rate", parse_size, None, "most bytes per second a download may take"),
    Setting("stall_timeout", parse_positive, 30.0, "seconds without a byte before a connection is given up"),
    Setting("hardware_timeout", parse_positive, 5.0, "seconds a backend may take to detect its devices"),
    Setting("force_platform", str, None, "pretend to be this platform: linux/x86_64"),
)
#: Variable and default of each folder (XDG Base Directory Specification; a relative path is to be ignored).
_XDG = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "state": ("XDG_STATE_HOME", ".local/state"),
}
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from (``flag``, ``env RBEE_…``, ``file …``, ``default``)."""

    value: Any
    origin: str


class Config:
    """The settings in force.

    :param flags: what the command line set, by key; ``None`` values are not set.
    :param env: the environment, for tests.
    """

    def __init__(self, flags: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None) -> None:
        self.env = os.environ if env is None else env
        self._flags = {key: value for key, value in (flags or {}).items() if value is not None}

    # --- folders ----------------------------------------------------------------------------------------------------

    @cached_property
    def config_dir(self) -> Path:
        """Where ``rbee.toml`` and the plugin choices are."""
        return self._dir("config")

    @cached_property
    def data_dir(self) -> Path:
        """Where built workers are."""
        return self._dir("data")

    @cached_property
    def state_dir(self) -> Path:
        """Where logs, running workers and remembered plugin failures are."""
        return self._dir("state")

    @cached_property
    def models_dir(self) -> Path:
        """The store's root (design §5, seed 003)."""
        return Path(self.resolve("models_dir").value).expanduser().absolute()

    def _dir(self, kind: str) -> Path:
        if home := self.env.get("RBEE_HOME"):
            return Path(home).expanduser().absolute() / kind
        if sys.platform == "linux" and (user := Path(self.env.get("HOME", ""))).is_absolute():
            # What platformdirs would say, without its modules: the quickest commands come by here.
            variable, place = _XDG[kind]
            given = Path(self.env.get(variable, ""))
            return (given if given.is_absolute() else user / place) / "rbee"
        import platformdirs

        return Path(
            {
                "config": platformdirs.user_config_dir,
                "data": platformdirs.user_data_dir,
                "state": platformdirs.user_state_dir,
            }[kind]("rbee", appauthor=False)
        )

    def _default_models_dir(self) -> Value:
        if home := self.env.get("RBEE_HOME"):
            return Value(str(Path(home) / "models"), "env RBEE_HOME")
        if cache := self.env.get("XDG_CACHE_HOME"):
            return Value(str(Path(cache) / "models"), "env XDG_CACHE_HOME")
        return Value(str(Path("~/.cache/models").expanduser()), "default")

    # --- values -----------------------------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        """The settings file; it need not exist."""
        return self.config_dir / "rbee.toml"

    @cached_property
    def _table(self) -> dict[str, Any]:
        if not self.file.is_file():
            return {}
        import tomllib

        try:
            return tomllib.loads(self.file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise UsageError(f"{self.file} cannot be read: {error}", "Mend or remove that file.") from None

    def __getitem__(self, key: str) -> Any:
        return self.resolve(key).value

    def resolve(self, key: str) -> Value:
        """A setting's value with its origin.

        :raises UsageError: it is set to something it cannot be.
        """
        setting = _BY_KEY[key]
        if key in self._flags:
            return Value(self._flags[key], "flag")
        if setting.env in self.env:
            return Value(self._parse(setting, self.env[setting.env], setting.env), f"env {setting.env}")
        if key in self._table:
            written = self._table[key]
            return Value(self._from_toml(setting, written), f"file {self.file}")
        if key == "models_dir":
            return self._default_models_dir()
        return Value(setting.default, "default")

    def _from_toml(self, setting: Setting, written: Any) -> Any:
        if isinstance(written, list) and all(isinstance(item, str) for item in written):
            if setting.parse in (parse_names, parse_path_list):
                return written
        elif isinstance(written, bool | int | float | str):
            text = str(written).lower() if isinstance(written, bool) else str(written)
            return self._parse(setting, text, f"{setting.key} in {self.file}")
        raise UsageError(f"{setting.key} in {self.file} has the wrong type", setting.help)

    @staticmethod
    def _parse(setting: Setting, text: str, where: str) -> Any:
        try:
            return setting.parse(text)
        except ValueError as error:
            raise UsageError(f"{where}={text!r} is not valid: {error}", f"{setting.key}: {setting.help}") from None

    def explain(self) -> list[dict[str, Any]]:
        """Every setting with its value and origin, the folders in use, and keys of ``rbee.toml`` nobody reads."""
        rows = [
            {"key": s.key, "value": v.value, "origin": v.origin, "env": s.env, "help": s.help}
            for s in SETTINGS
            for v in [self.resolve(s.key)]
        ]
        for kind in ("config", "data", "state"):
            origin = "env RBEE_HOME" if self.env.get("RBEE_HOME") else "default"
            rows.append({"key": f"{kind}_dir", "value": str(self._dir(kind)), "origin": origin, "env": "RBEE_HOME"})
        for name in sorted(self.env):
            if name.startswith("RBEE_FORCE_") and name != "RBEE_FORCE_PLATFORM":
                rows.append({"key": name[5:].lower(), "value": self.env[name], "origin": f"env {name}", "env": name})
        for key in self._table:
            if key not in _BY_KEY:
                rows.append({"key": key, "value": self._table[key], "origin": f"file {self.file}", "unknown": True})
        return rows
