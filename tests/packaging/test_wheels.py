"""Every distribution builds as a wheel on its own, and together they are rbee."""

from __future__ import annotations

import json
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import uv

from rbee_core.testing.cli import clean_env

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]


def _uv(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments], env=clean_env(env), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("wheels")
    built = {}
    for folder in FOLDERS:
        name = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
        _uv("build", "-q", "--wheel", "--no-sources", "-o", str(out / name), str(folder))
        (built[name],) = (out / name).glob("*.whl")
    return built


@pytest.mark.slow
def test_a_wheel_holds_its_package_and_nothing_else(wheels: dict[str, Path]) -> None:
    for name, wheel in wheels.items():
        package = name.replace("-", "_")
        names = zipfile.ZipFile(wheel).namelist()
        assert {path.split("/")[0] for path in names} <= {package, f"{wheel.name.split('-py3')[0]}.dist-info"}
        assert f"{package}/py.typed" in names
        assert not [path for path in names if "/tests/" in path or "__pycache__" in path]


@pytest.mark.slow
def test_installed_from_wheels_the_plugins_are_there(wheels: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    _uv("venv", "-q", str(environment))
    pins = ROOT / "constraints.txt"
    files = [str(wheel) for wheel in wheels.values()]
    _uv("pip", "install", "-q", "-c", str(pins), *files, VIRTUAL_ENV=str(environment))
    rbee = next(environment.glob("*/rbee*"))
    env = clean_env({"RBEE_HOME": str(tmp_path / "home")})
    listed = subprocess.run([str(rbee), "plugins", "list", "--json"], env=env, capture_output=True, check=True)
    plugins = json.loads(listed.stdout)["plugins"]
    assert {plugin["dist"] for plugin in plugins} == set(wheels) - {"rbee-core", "rbee-worker-kit"}  # libraries
    assert {plugin["status"] for plugin in plugins} == {"active"}
    resolved = subprocess.run(
        [str(rbee), "models", "resolve", "demo:stories", "--json"], env=env, capture_output=True, check=True
    )
    assert json.loads(resolved.stdout)["dist"] == "rbee-vendor-demo"
