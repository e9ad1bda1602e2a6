"""Plugins in environments that ``uv tool`` and ``pipx`` keep: the real tools install, upgrade and wipe them here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv

import rbee_core
from rbee_core.testing.cli import clean_env

from .wheelhouse import make_wheel

pytestmark = pytest.mark.slow
SCRIPTS = Path(sys.executable).parent


@dataclass
class Kept:
    """A tool's folders of its own, and a folder of wheels that everything comes from."""

    folder: Path
    env: dict[str, str]

    @property
    def house(self) -> Path:
        return self.folder / "house"

    @property
    def prefix(self) -> Path:
        """The environment that the tool keeps rbee in."""
        return self.folder / ("venvs" if "PIPX_HOME" in self.env else "tools") / "rbee-core"

    def run(
        self, *command: str, env: dict[str, str] | None = None, ok: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=clean_env({**self.env, **(env or {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert (done.returncode == 0) == ok, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def rbee(
        self, *arguments: str, env: dict[str, str] | None = None, ok: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run ``rbee plugins`` of the kept environment, by the script that the tool made."""
        return self.run(str(self.folder / "bin" / "rbee"), "plugins", *arguments, env=env, ok=ok)

    def toy(self) -> str | None:
        """The version of the toy that is there, if it is."""
        rows = json.loads(self.rbee("list", "--json").stdout)["plugins"]
        return next((row["version"] for row in rows if row["dist"] == "rbee-vendor-toy"), None)


def core_wheel(house: Path, version: str) -> None:
    """This rbee-core as a wheel; what it depends on is found where this Python has it."""
    package = Path(rbee_core.__file__).parent
    scripts = {"console_scripts": {"rbee": "rbee_core.__main__:main"}}
    wheel = make_wheel(house, "rbee-core", version, scripts, {"rbee_deps.pth": str(Path(uv.__file__).parents[1])})
    with zipfile.ZipFile(wheel, "a") as archive:
        for path in package.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, f"rbee_core/{path.relative_to(package)}")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Wheels of rbee-core 9.0 and of a plugin with a dependency; no index anywhere."""
    house = tmp_path / "house"
    house.mkdir()
    core_wheel(house, "9.0")
    make_wheel(house, metadata={"Requires-Dist": "helperlib>=1"})
    make_wheel(house, "helperlib", "1.2", {}, {"helperlib.py": ""})
    own = {"RBEE_HOME": str(tmp_path / "home"), "RBEE_OFFLINE": "1", "TOY_MARKER": str(tmp_path / "executed")}
    inherited = {key: "" for key in os.environ if key.startswith(("UV_", "PIP_", "PIPX_"))}
    uvs = {
        "UV_FIND_LINKS": str(house),
        "UV_NO_INDEX": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    pips = {"PIP_FIND_LINKS": str(house), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    path = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    yield Kept(tmp_path, {**inherited, **own, **uvs, **pips, **path})
    assert not (tmp_path / "executed").exists()


@pytest.fixture
def uv_tool(kept: Kept) -> Kept:
    """rbee as `uv tool install` puts it."""
    kept.env |= {"UV_TOOL_DIR": str(kept.folder / "tools"), "UV_TOOL_BIN_DIR": str(kept.folder / "bin")}
    kept.run("uv", "tool", "install", "--python", sys.executable, "rbee-core")
    return kept


@pytest.fixture
def pipx(kept: Kept) -> Kept:
    """rbee as `pipx install` puts it."""
    kept.env |= {
        "PIPX_HOME": str(kept.folder),
        "PIPX_BIN_DIR": str(kept.folder / "bin"),
        "PIPX_MAN_DIR": str(kept.folder / "man"),
        "PIPX_DEFAULT_BACKEND": "uv",
        "PIPX_DISABLE_SHARED_LIBS_AUTO_UPGRADE": "1",
    }
    kept.run("pipx", "install", "--python", sys.executable, "rbee-core")
    return kept


def test_what_an_upgrade_by_uv_tool_wipes_comes_back_with_sync(uv_tool: Kept) -> None:
    done = uv_tool.rbee("install", "rbee-vendor-toy", "--yes")
    assert "`uv tool upgrade` removes plugins" in done.stderr
    assert "uv tool install rbee-core --with rbee-vendor-toy" in done.stderr
    assert uv_tool.toy() == "1.0"

    core_wheel(uv_tool.house, "9.1")
    make_wheel(uv_tool.house, version="2.0")
    uv_tool.run("uv", "tool", "upgrade", "rbee-core")
    assert uv_tool.toy() is None
    asked = uv_tool.run(str(uv_tool.folder / "bin" / "rbee"), "models", "resolve", "toy:x", ok=False)
    assert "rbee plugins sync" in asked.stderr

    # The file that was agreed to comes back unasked, at its version; not the newest.
    back = json.loads(uv_tool.rbee("sync", "--json").stdout)
    assert [one["restore"] for one in back["restored"]] == ["rbee-vendor-toy==1.0"]
    assert uv_tool.toy() == "1.0"
    uv_tool.run("uv", "tool", "install", "--reinstall", "rbee-core")
    assert uv_tool.toy() is None
    # Another version is another file: nobody agreed to it.
    assert "nobody to ask" in uv_tool.rbee("sync", "-U", ok=False).stderr
    uv_tool.rbee("sync", "-U", "--yes")
    assert uv_tool.toy() == "2.0"


def test_what_uv_tool_keeps_itself_is_told_when_it_is_uninstalled(uv_tool: Kept) -> None:
    uv_tool.run("uv", "tool", "install", "--python", sys.executable, "rbee-core", "--with", "rbee-vendor-toy")
    done = uv_tool.rbee("uninstall", "toy", "--yes")
    assert uv_tool.toy() is None
    assert "uv tool will bring rbee-vendor-toy back when it upgrades, until: uv tool install rbee-core\n" in done.stderr


def test_pipx_takes_the_plugin_on_and_brings_it_back_itself(pipx: Kept) -> None:
    done = pipx.rbee("install", "rbee-vendor-toy", "--yes")
    assert "sync" not in done.stderr
    listed = json.loads((pipx.prefix / "pipx_metadata.json").read_bytes())["injected_packages"]
    assert {name: one["package_or_url"] for name, one in listed.items()} == {"rbee-vendor-toy": "rbee-vendor-toy==1.0"}
    pipx.run("pipx", "reinstall", "rbee-core")
    assert pipx.toy() == "1.0"

    make_wheel(pipx.house, version="2.0")
    pipx.rbee("install", "-U", "rbee-vendor-toy", "--yes")
    assert pipx.toy() == "2.0"
    pipx.rbee("uninstall", "toy", "--yes")
    assert json.loads((pipx.prefix / "pipx_metadata.json").read_bytes())["injected_packages"] == {}
    pipx.run("pipx", "reinstall", "rbee-core")
    assert pipx.toy() is None
    assert json.loads(pipx.rbee("sync", "--json").stdout)["restored"] == []


SWAP = """
import sys, tempfile
from pathlib import Path
from rbee_core.config import Config
from rbee_core.plugins.installing.environment import Environment, installer
from rbee_core.plugins.installing.keepers import Keeper
from rbee_core.plugins.installing.names import wanted
from rbee_core.plugins.installing.perform import steps
from rbee_core.plugins.installing.plan import Installer
from rbee_core.plugins.installing.prepare import prepare
import subprocess, os
with tempfile.TemporaryDirectory() as folder:
    here = Environment.here()
    tool = Installer(installer(here), Path(folder), offline=True)
    ready = prepare(wanted([sys.argv[1]]), tool, allow_source=False)
    Path(sys.argv[2]).replace(sys.argv[3])
    (step,) = steps(ready, Keeper.of(here.prefix), {})
    assert "inject" in step.command, step
    for command, env in ((step.command, step.env), (step.instead, {})):
        print(subprocess.run(command, env={**os.environ, **env}, stdout=2).returncode != 0)
"""


@pytest.mark.parametrize("by", ["name", "path"])
def test_pipx_is_held_to_the_file_that_was_shown(by: str, pipx: Kept) -> None:
    wheel = make_wheel(pipx.house)
    (pipx.folder / "other").mkdir()
    other = make_wheel(pipx.folder / "other", modules={"toy_vendor.py": "import wicked"})
    asked = "rbee-vendor-toy" if by == "name" else str(wheel)
    done = pipx.run(str(pipx.prefix / "bin" / "python"), "-c", SWAP, asked, str(other), str(wheel))
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert done.stderr.count("Expected") or done.stderr.count("hash"), done.stderr
    assert pipx.toy() is None


@pytest.mark.parametrize("why", ["no pipx on the path", "a pip that cannot be held to digests"])
def test_what_pipx_did_not_take_on_is_installed_and_comes_back_with_sync(why: str, pipx: Kept) -> None:
    env = {}
    if why == "no pipx on the path":
        (pipx.folder / "only-uv").mkdir()
        (pipx.folder / "only-uv" / "uv").symlink_to(uv.find_uv_bin())
        env["PATH"] = os.pathsep.join([str(pipx.folder / "only-uv"), "/usr/bin", "/bin"])
    else:  # the one that Python 3.11 has in it: pipx makes no newer one without an index
        pipx.env["PIPX_DEFAULT_BACKEND"] = "pip"
        pipx.run("pipx", "reinstall", "rbee-core")
    done = pipx.rbee("install", "rbee-vendor-toy", "--yes", env=env)
    if "To have pipx keep it: pipx inject rbee-core rbee-vendor-toy" not in done.stderr:
        assert why != "no pipx on the path"  # a newer Python brings a pip that can
        return
    assert pipx.toy() == "1.0"
    pipx.run("pipx", "reinstall", "rbee-core")
    assert pipx.toy() is None
    pipx.rbee("sync")
    assert pipx.toy() == "1.0"
