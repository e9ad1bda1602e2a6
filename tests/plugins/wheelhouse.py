"""Hand-made wheels, and environments of their own to install them into."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rbee_core.testing.cli import clean_env
from rbee_core.testing.dists import make_dist

ENTRY = {"rbee.vendors": {"toy": "toy_vendor:Vendor"}}
#: Leaves a file behind if it is ever executed.
LOUD = "import os\nopen(os.environ['TOY_MARKER'], 'w').close()\nclass Vendor: pass\n"


def make_wheel(
    house: Path,
    name: str = "rbee-vendor-toy",
    version: str = "1.0",
    entry_points: Mapping[str, Mapping[str, str]] | None = ENTRY,
    modules: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Zip a wheel (the binary distribution format 1.0) into ``house``."""
    tree = house / f".{name}-{version}"
    info = make_dist(tree, name, version, entry_points, modules or {"toy_vendor.py": LOUD}, metadata)
    (info / "INSTALLER").unlink()
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    (info / "RECORD").write_text("".join(f"{path.relative_to(tree)},,\n" for path in files))
    wheel = house / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in files:
            archive.write(path, str(path.relative_to(tree)))
    return wheel


@dataclass
class Place:
    """A virtual environment that sees this rbee, and nothing but a folder of wheels to install from."""

    path: Path
    house: Path
    home: Path

    @classmethod
    def make(cls, tool: str, folder: Path) -> Place:
        """Make one with ``uv venv``, or with ``python -m venv`` and thus with pip."""
        path = folder / "env"
        command = ["uv", "venv", "--quiet"] if tool == "uv" else [sys.executable, "-m", "venv"]
        subprocess.run([*command, str(path)], check=True)
        site = next(path.glob("lib/python*/site-packages"))
        # Not the standard library: what pip builds in hides from all that a .pth file brings.
        seen = [entry for entry in sys.path if entry and not Path(entry).is_relative_to(sys.base_prefix)]
        (site / "rbee.pth").write_text("\n".join(seen))
        (folder / "house").mkdir()
        return cls(path, folder / "house", folder / "home")

    @property
    def marker(self) -> Path:
        """What a plugin that is executed leaves behind."""
        return self.path.parent / "executed"

    @property
    def site(self) -> Path:
        """Where its distributions are."""
        return next(self.path.glob("lib/python*/site-packages"))

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """What its commands see: its own home and wheels, and nobody's settings of pip or uv."""
        inherited = {key: value for key, value in clean_env().items() if not key.startswith(("UV_", "PIP_"))}
        links = str(self.house)
        own = {"RBEE_HOME": str(self.home), "UV_FIND_LINKS": links, "PIP_FIND_LINKS": links, "RBEE_OFFLINE": "1"}
        quiet = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "TOY_MARKER": str(self.marker)}
        return {**inherited, **own, **quiet, **(env or {})}

    def python(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        return subprocess.run(
            [str(self.path / "bin" / "python"), *arguments],
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def rbee(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run its ``rbee plugins``."""
        return self.python("-m", "rbee_core", "plugins", *arguments, env=env)
