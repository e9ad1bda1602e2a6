"""``rbee plugins install`` in environments of its own: with uv and with pip, trusted or not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.servers.web import WebServer

from .wheelhouse import Place, make_wheel


@pytest.fixture(params=["uv", "pip"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An environment that uv looks after, and one that pip does."""
    return Place.make(request.param, tmp_path)


@pytest.fixture
def uv_place(tmp_path: Path) -> Place:
    """An environment that uv looks after."""
    return Place.make("uv", tmp_path)


def test_a_stranger_is_shown_asked_about_installed_by_digest_and_upgraded(place: Place) -> None:
    wheel = make_wheel(place.house, metadata={"Author": "Ada", "Requires-Dist": "helperlib>=1"})
    make_wheel(place.house, "helperlib", "1.2", {}, {"helperlib.py": ""})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    unasked = place.rbee("install", "rbee-vendor-toy")
    assert unasked.returncode == 1
    for shown in ("Ada", "vendor toy", "toy_vendor:Vendor", "helperlib 1.2", digest, wheel.as_uri(), "nobody to ask"):
        assert shown in unasked.stderr
    assert not list(place.site.glob("rbee_vendor_toy*"))
    assert not place.marker.exists()

    done = place.rbee("install", "rbee-vendor-toy==1.0", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {one["name"]: one["version"] for one in told["plan"]} == {"rbee-vendor-toy": "1.0", "helperlib": "1.2"}
    assert [fact["sha256"] for fact in told["notFirstParty"]] == [digest]
    assert [row["name"] for row in told["plugins"]] == ["toy"]
    # As from an index: nothing ties the environment to a folder that was there for this run alone.
    assert not list(place.site.glob("rbee_vendor_toy-*/direct_url.json"))
    assert not place.marker.exists()

    make_wheel(place.house, version="1.1")
    make_wheel(place.house, version="2.0rc1")
    assert "installed already" in place.rbee("install", "rbee-vendor-toy").stderr
    assert place.rbee("install", "-U", "rbee-vendor-toy", "--dry-run").stdout == "rbee-vendor-toy==1.1\n"
    newest = place.rbee("install", "-U", "--pre", "rbee-vendor-toy", "--yes")
    assert newest.returncode == 0, newest.stderr
    assert [path.name for path in place.site.glob("rbee_vendor_toy-*")] == ["rbee_vendor_toy-2.0rc1.dist-info"]


@pytest.mark.parametrize(("answer", "status", "there"), [("n", 1, False), ("y", 0, True)])
def test_a_person_decides(answer: str, status: int, there: bool, uv_place: Place) -> None:
    make_wheel(uv_place.house)
    leader, follower = os.openpty()
    os.write(leader, f"{answer}\n".encode())
    done = subprocess.run(
        [str(uv_place.path / "bin" / "python"), "-m", "rbee_core", "plugins", "install", "rbee-vendor-toy"],
        env=uv_place.environment(),
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=follower,
        check=False,
        timeout=100,
    )
    os.close(follower)
    said = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert (done.returncode, "Install it?" in said) == (status, True), said
    assert (uv_place.site / "rbee_vendor_toy-1.0.dist-info").is_dir() == there


def test_first_party_is_not_asked_about_and_goes_by_its_short_name(place: Place) -> None:
    make_wheel(place.house, "rbee-vendor-s3", "9.9", {"rbee.vendors": {"s3": "toy_vendor:Vendor"}})
    done = place.rbee("install", "s3==9.9")
    assert done.returncode == 0, done.stderr
    assert "Installed rbee-vendor-s3 9.9" in done.stderr
    assert (place.site / "rbee_vendor_s3-9.9.dist-info").is_dir()


def test_a_wheel_by_its_path_is_shown_even_under_a_first_party_name(place: Place) -> None:
    elsewhere = place.house.parent / "down loads"
    elsewhere.mkdir()
    wheel = make_wheel(elsewhere, "rbee-vendor-s3", "9.9", {"rbee.vendors": {"s3": "toy_vendor:Vendor"}})
    refused = place.rbee("install", str(wheel), "--json")
    assert refused.returncode == 1
    assert "rbee-vendor-s3 9.9" in json.loads(refused.stderr)["error"]["message"]
    for _ in range(2):  # the second time the installer's cache knows it
        done = place.rbee("install", str(wheel), "--yes")
        assert done.returncode == 0, done.stderr
        assert (place.site / "rbee_vendor_s3-9.9.dist-info").is_dir()
        place.rbee("uninstall", "rbee-vendor-s3", "--yes")


SWAP = """
import sys, tempfile
from pathlib import Path
from rbee_core.errors import RbeeError
from rbee_core.config import Config
from rbee_core.plugins.installing.perform import perform
from rbee_core.plugins.installing.prepare import prepare
from rbee_core.plugins.installing.record import InstallRecord
from rbee_core.plugins.installing.environment import Environment, installer
from rbee_core.plugins.installing.names import wanted
from rbee_core.plugins.installing.plan import Installer
with tempfile.TemporaryDirectory() as folder:
    tool = Installer(installer(Environment.here()), Path(folder), offline=True)
    ready = prepare(wanted([sys.argv[1]]), tool, allow_source=False)
    Path(sys.argv[2]).replace(sys.argv[3])
    try:
        perform(ready, InstallRecord(Config()))
    except RbeeError as error:
        print("refused", error.code)
"""


@pytest.mark.parametrize("by", ["name", "path"])
def test_what_was_swapped_after_it_was_shown_is_not_installed(by: str, place: Place) -> None:
    wheel = make_wheel(place.house)
    (place.house.parent / "other").mkdir()
    other = make_wheel(place.house.parent / "other", modules={"toy_vendor.py": "import wicked"})
    asked = "rbee-vendor-toy" if by == "name" else str(wheel)
    done = place.python("-c", SWAP, asked, str(other), str(wheel))
    assert done.stdout == "refused PLUGIN_ERROR\n", done.stderr
    assert not list(place.site.glob("rbee_vendor_toy*"))


def test_a_plugin_that_wants_another_rbee_does_not_change_this_one(place: Place) -> None:
    make_wheel(place.house, metadata={"Requires-Dist": "rbee-core<0.0.1"})
    make_wheel(place.house, "rbee-core", "0.0.0", {}, {"other.py": ""})
    done = place.rbee("install", "rbee-vendor-toy", "--yes")
    assert done.returncode == 1
    assert "rbee-core" in done.stderr
    assert not list(place.site.glob("rbee*-info"))


BACKEND = """
import os, sys, zipfile
open(os.environ["TOY_MARKER"], "w").close()
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "rbee_vendor_toy-1.0-py3-none-any.whl"
    info = "rbee_vendor_toy-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        archive.writestr("toy_vendor.py", "class Vendor: pass")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: rbee-vendor-toy\\nVersion: 1.0\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "entry_points.txt", "[rbee.vendors]\\ntoy = toy_vendor:Vendor\\n")
        archive.writestr(info + "RECORD", "")
    return name
"""


def test_source_runs_code_so_it_is_built_only_where_that_is_allowed_and_agreed_to(place: Place) -> None:
    source = place.house.parent / "source"
    source.mkdir()
    (source / "backend.py").write_text(BACKEND)
    (source / "pyproject.toml").write_text(
        dedent("""
            [build-system]
            requires = []
            build-backend = "backend"
            backend-path = ["."]
            [project]
            name = "rbee-vendor-toy"
            version = "1.0"
            """)
    )
    refused = place.rbee("install", str(source), "--yes")
    assert (refused.returncode, "--allow-source" in refused.stderr) == (1, True)
    unasked = place.rbee("install", str(source), "--allow-source")
    assert (unasked.returncode, "runs its code" in unasked.stderr, "--yes" in unasked.stderr) == (1, True, True)
    assert not place.marker.exists()
    done = place.rbee("install", str(source), "--allow-source", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert place.marker.exists()
    assert [row["name"] for row in json.loads(done.stdout)["plugins"]] == ["toy"]


@pytest.mark.parametrize(
    "source", ["git+https://user:secret@example.invalid/toy", "https://example.invalid/toy-1.0.tar.gz"]
)
def test_source_from_elsewhere_is_refused_without_asking_anybody(source: str, rbee: RbeeHome) -> None:
    done = rbee("plugins", "install", source, "--yes")
    assert done.returncode == 1
    assert "--allow-source" in done.stderr
    assert "secret" not in done.stderr


def test_an_index_is_asked_for_the_wheel_and_for_attestations(place: Place) -> None:
    wheel = make_wheel(place.house)
    data = wheel.read_bytes()
    with WebServer() as web:
        file = {
            "filename": wheel.name,
            "url": web.page(f"/files/{wheel.name}", data),
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
            "provenance": "https://index.invalid/provenance",
        }
        page = {"meta": {"api-version": "1.3"}, "name": "rbee-vendor-toy", "versions": ["1.0"], "files": [file]}
        headers = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        web.page("/simple/rbee-vendor-toy/", json.dumps(page).encode(), headers=headers)
        env = {"RBEE_OFFLINE": "0", "UV_FIND_LINKS": "", "UV_DEFAULT_INDEX": f"{web.url}/simple", "UV_NO_CACHE": "1"}
        env |= {"PIP_FIND_LINKS": "", "PIP_INDEX_URL": f"{web.url}/simple", "PIP_NO_CACHE_DIR": "1"}
        done = place.rbee("install", "rbee-vendor-toy", "--dry-run", env=env)
    assert (done.returncode, done.stdout) == (0, "rbee-vendor-toy==1.0\n"), done.stderr
    assert "the index has some" in done.stderr
    assert file["url"] in done.stderr
