"""Which vendor is asked, which wins, and what is said when none can: through the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.config import Config
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.plugins import PluginManager
from rbee_core.refs import ModelRef
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder, make_dist

Rows = Callable[..., dict[str, Any]]

#: Says yes to references that end in the word; leaves a mark when imported.
PICKY = VENDOR.replace("return True", 'return ref.rest.endswith("{name}")')
MARKING = 'open("{marker}", "a").write("{name} ")\n' + VENDOR


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 1
    error: dict[str, str] = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    return error


def dist_for(rbee: RbeeHome, ref: str) -> str:
    done = rbee("models", "resolve", ref, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["dist"])


def test_only_the_vendors_of_the_scheme_are_imported(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "one", MARKING)
    folder.add("vendor", "two", MARKING)
    folder.add("backend", "three", 'open("{marker}", "a").write("{name} ")\n' + BACKEND)
    assert dist_for(rbee, "two:x") == "rbee-vendor-two"
    assert folder.marker.read_text() == "two "


@pytest.fixture
def rivals(folder: PluginFolder) -> PluginFolder:
    """Two distributions that both take everything under ``toy:``."""
    folder.add("vendor", "toy", VENDOR, dist="rbee-vendor-a", version="1.0")
    folder.add("vendor", "toy", VENDOR, dist="rbee-vendor-b", version="2.0")
    return folder


def test_two_yeses_are_a_conflict_naming_both_and_the_way_out(rbee: RbeeHome, rivals: PluginFolder, rows: Rows) -> None:
    assert rows(by="dist")["rbee-vendor-a"]["status"] == "active"
    error = error_of(rbee("models", "resolve", "toy:x", "--json"))
    assert error["code"] == "PLUGIN_CONFLICT"
    assert "rbee-vendor-a 1.0" in error["message"]
    assert "rbee-vendor-b 2.0" in error["message"]
    assert "rbee plugins prefer toy rbee-vendor-a" in error["hint"]

    listed = rows(by="dist")
    for own, other in (("a", "b 2.0"), ("b", "a 1.0")):
        row = listed[f"rbee-vendor-{own}"]
        assert row["status"] == "conflict"
        assert f"rbee-vendor-{other}" in row["reason"]
        assert "rbee plugins prefer toy" in row["reason"]


@pytest.mark.parametrize("choice", ["rbee-vendor-a", "RBEE_Vendor.B"])
def test_a_preference_decides_whatever_the_order_on_the_path(
    choice: str, rbee: RbeeHome, rows: Rows, tmp_path: Any
) -> None:
    folders = [PluginFolder(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        folder.add("vendor", "toy", VENDOR, dist=f"rbee-vendor-{folder.path.name}")
    rbee.env["PYTHONPATH"] = f"{folders[0].path}:{folders[1].path}"
    assert rbee("models", "resolve", "toy:x").returncode == 1
    assert rbee("plugins", "prefer", "toy", choice).returncode == 0
    chosen = "rbee-vendor-a" if choice.endswith("-a") else "rbee-vendor-b"
    assert dist_for(rbee, "toy:x") == chosen
    rbee.env["PYTHONPATH"] = f"{folders[1].path}:{folders[0].path}"
    assert dist_for(rbee, "toy:x") == chosen
    assert {row["status"] for row in rows(by="dist").values() if row["name"] == "toy"} == {"active"}

    assert rbee("plugins", "prefer", "toy", "--clear").returncode == 0
    assert error_of(rbee("models", "resolve", "toy:x", "--json"))["code"] == "PLUGIN_CONFLICT"


def test_a_conflict_ends_when_a_rival_is_turned_off(rbee: RbeeHome, rivals: PluginFolder, rows: Rows) -> None:
    rbee("models", "resolve", "toy:x")
    assert rbee("plugins", "disable", "rbee-vendor-b").returncode == 0
    assert rows(by="dist")["rbee-vendor-a"]["status"] == "active"
    assert dist_for(rbee, "toy:x") == "rbee-vendor-a"


def test_one_scheme_may_be_shared_by_vendors_that_tell_references_apart(
    rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    folder.add("vendor", "toy", PICKY.replace("{name}", "left"), dist="rbee-vendor-left")
    folder.add("vendor", "toy", PICKY.replace("{name}", "right"), dist="rbee-vendor-right")
    assert dist_for(rbee, "toy:left") == "rbee-vendor-left"
    assert dist_for(rbee, "toy:right") == "rbee-vendor-right"
    assert {rows(by="dist")[f"rbee-vendor-{side}"]["status"] for side in ("left", "right")} == {"active"}
    # The preferred one only decides between several yeses.
    rbee("plugins", "prefer", "toy", "rbee-vendor-left")
    assert dist_for(rbee, "toy:right") == "rbee-vendor-right"
    error = error_of(rbee("models", "resolve", "toy:neither", "--json"))
    assert error["code"] == "NO_VENDOR"
    assert "rbee-vendor-left 1.0, rbee-vendor-right 1.0" in error["message"]


def test_a_shared_backend_name_is_a_conflict_at_once(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("backend", "npu", BACKEND, dist="rbee-backend-a")
    folder.add("backend", "npu", BACKEND, dist="rbee-backend-b")
    assert {rows(by="dist")[f"rbee-backend-{side}"]["status"] for side in "ab"} == {"conflict"}
    rbee("plugins", "prefer", "npu", "rbee-backend-b")
    listed = rows(by="dist")
    assert listed["rbee-backend-b"]["status"] == "active"
    assert listed["rbee-backend-a"]["status"] == "disabled"
    assert "rbee-backend-b is preferred" in listed["rbee-backend-a"]["reason"]


@pytest.mark.parametrize(
    ("ref", "sentence"),
    [
        ("s3://bucket/key", "No plugin for 's3:'. Install it with: pip install rbee-vendor-s3"),
        ("ollama:llama3.2", "No plugin for 'ollama:'. Install it with: pip install rbee-vendor-ollama"),
        ("https://host/x", "No plugin for 'https:'. Install it with: pip install rbee-vendor-http"),
        ("docker://ai/x", "No plugin for 'docker:'. Install it with: pip install rbee-vendor-registry"),
        ("oci://ghcr.io/a/b", "No plugin for 'oci:'. Install it with: pip install rbee-vendor-registry"),
        ("oci://bucket@space/b", "No plugin for 'oci:'. Install it with: pip install rbee-vendor-oci"),
        ("nobody:x", "No plugin for 'nobody:', and none is known for it."),
    ],
)
def test_a_missing_vendor_is_a_sentence(ref: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(RbeeError) as caught:
        PluginManager(Config(env={"RBEE_HOME": str(tmp_path)}), installed=[]).vendor_for(ModelRef.parse(ref))
    assert caught.value.code is ErrorCode.NO_VENDOR
    assert caught.value.message == sentence


def test_the_sentence_reaches_the_person(rbee: RbeeHome, folder: PluginFolder) -> None:
    # As if it were not installed: an empty distribution of its name comes first on the path.
    make_dist(folder.path, "rbee-vendor-s3")
    done = rbee("models", "resolve", "s3://bucket/key")
    assert done.returncode == 1
    assert "No plugin for 's3:'. Install it with: pip install rbee-vendor-s3" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_vendor_that_is_off_is_named_with_the_way_to_turn_it_on(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", MARKING)
    rbee("plugins", "disable", "toy")
    error = error_of(rbee("models", "resolve", "toy:x", "--json"))
    assert error["code"] == "NO_VENDOR"
    assert "rbee-vendor-toy 1.0" in error["message"]
    assert "disabled" in error["message"]
    assert error["hint"] == "Enable it with: rbee plugins enable toy"
    assert not folder.marker.exists()


def test_the_signature_in_a_url_is_not_repeated(rbee: RbeeHome, folder: PluginFolder) -> None:
    make_dist(folder.path, "rbee-vendor-http")
    folder.add("vendor", "https", VENDOR.replace("return True", "return False"), dist="rbee-vendor-no")
    error = error_of(rbee("models", "resolve", "https://host/x?X-Amz-Signature=abc123", "--json"))
    assert error["code"] == "NO_VENDOR"
    assert "abc123" not in error["message"]
