"""The life of one environment, with plain pip and wheels alone: the core, vendors, everything, an upgrade, the end.

Its tests stand in the order of that life. Each asks for the stage it is about, and a stage for the one before it, so
that one test alone runs as well.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from shutil import copyfile, copytree

import pytest

from . import distributions
from .distributions import LIBRARY, Distribution
from .place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: All that comes with the core. Whoever adds to it knows: no cloud's library, no model's, no server.
CORE = {
    *("rbee-core", "annotated-doc", "annotated-types", "certifi", "filelock", "fsspec", "importlib-metadata"),
    *("markdown-it-py", "mdurl", "packaging", "platformdirs", "pluggy", "psutil", "pydantic", "pydantic-core"),
    *("pygments", "rich", "shellingham", "typer", "typing-extensions", "typing-inspection", "urllib3", "zipp"),
    *(["lazy-importer"] if sys.version_info < (3, 15) else []),  # of importlib-metadata
}
PROMPT = ("Tell me a story about a fox.", "--max-tokens", "12")


# --- the stages -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, dists: dict[str, Distribution]) -> Place:
    """Nothing is installed; the folder of wheels has all that anything will need."""
    place = Place.make(tmp_path_factory.mktemp("place"))
    place.put(dist.wheel for dist in dists.values())
    place.fetch("rbee-core[all]")
    # The worker's own environment is made from the same folder.
    worker = dists["rbee-worker-llm"]
    recipe = tomllib.loads(worker.files[f"{worker.package}/worker.toml"].decode())
    place.fetch(*recipe["build"]["pip"]["requirements"])
    return place


@pytest.fixture(scope="module")
def core(empty: Place) -> Place:
    """The core alone."""
    empty.pip("install", "rbee-core")
    return empty


@pytest.fixture(scope="module")
def vendors(core: Place) -> Place:
    """And two vendors."""
    core.pip("install", "rbee-vendor-demo", "rbee-vendor-file")
    return core


@pytest.fixture(scope="module")
def everything(vendors: Place) -> Place:
    """And every first-party plugin."""
    vendors.pip("install", "rbee-core[all]")
    return vendors


@pytest.fixture(scope="module")
def worker(everything: Place) -> Place:
    """The demo model has been asked once: the worker is built."""
    everything.json("run", "demo:stories", *PROMPT)
    return everything


@pytest.fixture(scope="module")
def next_versions(dists: dict[str, Distribution], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Distribution]:
    """The core, a vendor and what workers copy in, a version later; the last with other code, too."""
    folder = tmp_path_factory.mktemp("next")
    checkout = copytree(dists["rbee-core"].folder, folder / "checkout", copy_function=copyfile)
    for file in (
        "rbee_core/_version.py",
        "plugins/rbee-vendor-file/pyproject.toml",
        f"plugins/{LIBRARY}/pyproject.toml",
    ):
        text = (checkout / file).read_text(encoding="utf-8")
        later, count = re.subn(r'^(__version__|version) = "(\d+\.\d+)\.(\d+)"$', _later, text, flags=re.MULTILINE)
        assert count == 1, file
        (checkout / file).write_text(later, encoding="utf-8")
    with (checkout / "plugins" / LIBRARY / "rbee_worker_kit" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\n# a version later\n")
    distributions.build(checkout, folder / "built", "rbee-core", "rbee-vendor-file", LIBRARY)
    return distributions.read(checkout, folder / "built")


def _later(match: re.Match[str]) -> str:
    return f'{match[1]} = "{match[2]}.{int(match[3]) + 1}"'


# --- the core alone -------------------------------------------------------------------------------------------------


def test_the_core_alone_brings_this_and_no_more(core: Place) -> None:
    assert set(core.versions()) == CORE


def test_the_core_alone_starts_and_says_how_to_get_the_rest(core: Place) -> None:
    version = core.versions()["rbee-core"]
    assert core.rbee("--version").stdout == f"rbee {version}\n"
    assert "Any AI model" in core.rbee("--help").stdout
    assert core.json("plugins", "list") == {"plugins": []}
    assert "rbee plugins list --all" in core.rbee("plugins", "list").stderr
    assert len(core.json("plugins", "list", "--all")["available"]) > 10
    assert core.json("models", "catalog")["models"] == []
    assert core.json("hardware")["devices"] == []
    assert "pip install rbee-backend-cpu" in core.rbee("hardware").stderr
    workers = core.rbee("workers", "list")
    assert (workers.stdout, "pip install rbee-worker-llm" in workers.stderr) == ("", True)


@pytest.mark.parametrize(
    ("command", "scheme", "dist"),
    [
        (["models", "resolve", "hf:org/x"], "hf", "rbee-vendor-huggingface"),
        (["run", "demo:stories", "Hello"], "demo", "rbee-vendor-demo"),
    ],
)
def test_the_core_alone_names_the_vendor_that_lacks(core: Place, command: list[str], scheme: str, dist: str) -> None:
    error = json.loads(core.rbee(*command, "--json", status=1).stderr)["error"]
    assert error["code"] == "NO_VENDOR"
    assert error["message"] == f"No plugin for '{scheme}:'. Install it with: pip install {dist}"


# --- with vendors ---------------------------------------------------------------------------------------------------


def test_a_vendor_brings_itself_and_its_models_are_verified(vendors: Place) -> None:
    assert set(vendors.versions()) == CORE | {"rbee-vendor-demo", "rbee-vendor-file"}
    assert [row["name"] for row in vendors.json("plugins", "list")["plugins"]] == ["demo", "file"]
    story = vendors.json("models", "download", "demo:stories")
    copied = vendors.home / "mine.gguf"
    copyfile(story["path"], copied)
    mine = vendors.json("models", "download", str(copied))
    assert mine["digest"] == story["digest"]
    results = vendors.json("models", "verify")["results"]
    assert {row["id"]: row["outcome"] for row in results} == {story["id"]: "pass", mine["id"]: "pass"}


# --- with everything ------------------------------------------------------------------------------------------------


def test_everything_goes_together_and_works(everything: Place, dists: dict[str, Distribution]) -> None:
    assert set(dists) <= set(everything.versions())
    assert "No broken requirements" in everything.pip("check")
    results = everything.json("plugins", "check", "--strict")["results"]
    assert {row["outcome"] for row in results} == {"pass"}, results
    assert not [finding for row in results for finding in row["findings"]]  # nor a note for publishing
    listed = everything.json("plugins", "list")["plugins"]
    assert {row["dist"] for row in listed} == set(dists) - {"rbee-core", LIBRARY}
    assert {row["status"] for row in listed} == {"active"}, listed
    assert [row["id"] for row in everything.json("workers", "list")["workers"]] == ["llm-worker", "transformers-worker"]


@pytest.mark.parametrize(("command", "most"), [(["--version"], 60), (["plugins", "list", "--json"], 150)])
def test_with_everything_it_starts_within_its_budget(everything: Place, command: list[str], most: int) -> None:
    # By its console script: what that imports counts, too.
    told = everything.rbee(*command, PYTHONPROFILEIMPORTTIME="1").stderr.splitlines()
    assert 20 < len([line for line in told if line.startswith("import time:")]) <= most


def test_a_model_is_asked_and_its_worker_was_built_from_wheels(worker: Place) -> None:
    (built,) = worker.json("workers", "installed")["workers"]
    assert built["provenance"]["installer"] == "pip"
    names = {name.lower() for name in built["provenance"]["installed"]}
    assert "xllamacpp" in names
    assert "rbee-core" not in names
    told = worker.json("run", "demo:stories", *PROMPT, PIP_FIND_LINKS="", RBEE_OFFLINE="1")
    assert told["tokensGenerated"] == 12
    assert told["text"].split()
    assert told["worker"] == built["id"]


# --- upgraded -------------------------------------------------------------------------------------------------------


def test_an_upgrade_keeps_models_and_workers_and_forgets_the_failure_it_mends(
    worker: Place, next_versions: dict[str, Distribution]
) -> None:
    before = worker.versions()
    catalog, built = worker.json("models", "catalog")["models"], worker.json("workers", "installed")
    (vendor,) = (worker.folder / "env").glob("lib/python*/site-packages/rbee_vendor_file/__init__.py")
    vendor.write_text("raise ImportError('broken in this version')\n", encoding="utf-8")
    worker.rbee("plugins", "check", "file", status=1)
    assert _statuses(worker)["file"] == "error"

    worker.put(dist.wheel for dist in next_versions.values())
    worker.pip("install", "-U", "rbee-core", "rbee-vendor-file")
    after = worker.versions()
    assert {name for name in after if after[name] != before[name]} == {"rbee-core", "rbee-vendor-file"}
    assert "No broken requirements" in worker.pip("check")
    assert worker.rbee("--version").stdout == f"rbee {after['rbee-core']}\n"
    # The plugins were made for the older core. What failed has another version now: nothing is known against it.
    assert set(_statuses(worker).values()) == {"active"}
    checked = worker.json("plugins", "check", "file", "hf", "cpu", "llm-worker")["results"]
    assert [row["outcome"] for row in checked] == ["pass"] * 4

    assert worker.json("models", "catalog")["models"] == catalog
    # Nothing that the worker is made of has changed: it is not built again, which could not be done here.
    assert worker.json("run", "demo:stories", *PROMPT, PIP_FIND_LINKS="", RBEE_OFFLINE="1")["tokensGenerated"] == 12
    assert worker.json("workers", "installed") == built


def test_what_a_worker_is_made_of_is_upgraded_with_a_build(
    worker: Place, next_versions: dict[str, Distribution]
) -> None:
    worker.put(dist.wheel for dist in next_versions.values())
    (before,) = worker.json("workers", "installed")["workers"]
    worker.pip("install", "-U", LIBRARY)
    assert worker.json("run", "demo:stories", *PROMPT)["tokensGenerated"] == 12
    (after,) = worker.json("workers", "installed")["workers"]
    assert after["path"] != before["path"]
    (kit,) = Path(after["path"]).glob("lib/python*/site-packages/rbee_worker_kit/__init__.py")
    assert kit.read_text(encoding="utf-8").endswith("# a version later\n")


# --- uninstalled ----------------------------------------------------------------------------------------------------


def test_uninstalled_by_rbee_a_plugin_leaves_nothing(everything: Place) -> None:
    assert _traces(everything, "rbee_vendor_s3")
    everything.rbee("plugins", "uninstall", "rbee-vendor-s3", "--yes")
    assert not _traces(everything, "rbee_vendor_s3")
    assert "s3" not in _statuses(everything)
    error = json.loads(everything.rbee("models", "resolve", "s3://bucket/key", "--json", status=1).stderr)["error"]
    assert error["message"].endswith("pip install rbee-vendor-s3")


def test_uninstalled_by_pip_rbee_leaves_the_models_and_nothing_else(everything: Place) -> None:
    everything.json("models", "download", "demo:stories")
    catalog = everything.json("models", "catalog")["models"]
    everything.pip("uninstall", *(name for name in everything.versions() if name.startswith("rbee-")))
    assert not _traces(everything, "rbee")

    everything.pip("install", "rbee-core", "rbee-vendor-demo")
    assert everything.json("models", "catalog")["models"] == catalog
    assert "demo:stories" in {model["id"] for model in catalog}
    assert {row["outcome"] for row in everything.json("models", "verify", "demo:stories")["results"]} == {"pass"}


def _statuses(place: Place) -> dict[str, str]:
    return {row["name"]: row["status"] for row in place.json("plugins", "list")["plugins"]}


def _traces(place: Place, name: str) -> list[str]:
    """The files of the environment that have a name in their path."""
    return sorted(file for file in place.files() if name in file)
