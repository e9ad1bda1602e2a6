"""What ``rbee plugins new`` makes passes its own tests where there is nothing but rbee, with plain pip.

An environment for each kind, so that none leans on what another brought. Each is empty to begin with, and all that pip
sees is a folder of wheels: this checkout's, and what those and the new plugin require.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .distributions import Distribution
from .place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Kind → what it requires of rbee's, with the tests' needs: nothing else of rbee's may be there.
KINDS = {
    "vendor": {"rbee-core"},
    "backend": {"rbee-core"},
    "worker": {"rbee-core", "rbee-worker-kit", "rbee-backend-cpu", "rbee-vendor-file"},
    "command": {"rbee-core", "rbee-vendor-file"},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, dists: dict[str, Distribution]) -> Place:
    """The folder of wheels, filled for all kinds; and an rbee to make new plugins with, in a place of its own."""
    place = Place.make(tmp_path_factory.mktemp("house"))
    place.put(dists[name].wheel for name in sorted(set().union(*KINDS.values())))
    worker = dists["rbee-worker-llm"]
    recipe = tomllib.loads(worker.files[f"{worker.package}/worker.toml"].decode())
    engine = [one for one in recipe["build"]["pip"]["requirements"] if not one.startswith("xllamacpp")]
    place.fetch("rbee-core[test]", "rbee-backend-cpu", "hatchling>=1.27", "editables", *engine)
    place.pip("install", "rbee-core")
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests(kind: str, house: Place, tmp_path: Path) -> None:
    told = house.json("plugins", "new", kind, "shelfy", "--author", "Ada <ada@rbee.dev>")
    folder = Path(told["folder"])
    assert folder == house.home / f"rbee-{kind}-shelfy"

    place = Place.make(tmp_path)
    place.put(house.house.iterdir())
    place.pip("install", "-e", f"{folder}[test]")
    ours = {name for name in place.versions() if name.startswith("rbee-")}
    assert ours == KINDS[kind] | {told["dist"]}
    where = _run(place, folder, "python", "-c", "import rbee_core; print(rbee_core.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path), "not that of the checkout"

    said = _run(place, folder, "pytest", "-ra").splitlines()[-1]
    assert " passed" in said
    assert "skipped" not in said

    rows = place.json("plugins", "list")["plugins"]
    (row,) = [row for row in rows if row["dist"] == told["dist"]]
    assert (row["kind"], row["name"], row["status"]) == (kind, "shelfy", "active")
    assert row["entryPoint"] == told["entryPoint"]
    (checked,) = place.json("plugins", "check", told["dist"], "--strict")["results"]
    assert checked["outcome"] == "pass"
    assert _rules(checked) == {"placeholder"}, "only what the author has to fill in"


def _rules(checked: Mapping[str, Any]) -> set[str]:
    """The rules that are broken; none but of addresses."""
    assert all("example.com" in one["message"] for one in checked["findings"])
    return {one["rule"] for one in checked["findings"]}


def _run(place: Place, folder: Path, program: str, *arguments: str) -> str:
    """Run one of the environment's programs in the new folder: what it prints."""
    done = subprocess.run(
        [str(place.bin / program), *arguments],
        env=place.env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout
