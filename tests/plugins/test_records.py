"""What is read from metadata: an order that depends on nothing, duplicates, and metadata that is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbee_core import hookspecs
from rbee_core.config import Config
from rbee_core.errors import RbeeError
from rbee_core.plugins import PluginManager, PluginRecord
from rbee_core.plugins.records import scan
from rbee_core.refs import ModelRef
from rbee_core.testing.dists import VENDOR, make_dist

VENDORS = {"rbee.vendors": {"toy": "toys:Vendor"}}


def found(*folders: Path) -> list[tuple[str, str, str, str]]:
    return [(record.kind, record.name, record.dist, record.version) for record in scan(map(str, folders))]


def test_one_record_for_each_entry_point_of_a_group_of_ours(tmp_path: Path) -> None:
    entries = {
        "rbee.commands": {"tool": "toys.cli:app"},
        "rbee.backends": {"npu": "toys:Npu"},
        "rbee.vendors": {"toy": "toys:Vendor", "alt": "toys:Vendor"},
        "console_scripts": {"toys": "toys:main"},
    }
    info = make_dist(tmp_path, "Rbee.Toys", "2.0rc1", entries)
    assert found(tmp_path) == [
        ("vendor", "alt", "Rbee.Toys", "2.0rc1"),
        ("vendor", "toy", "Rbee.Toys", "2.0rc1"),
        ("backend", "npu", "Rbee.Toys", "2.0rc1"),
        ("command", "tool", "Rbee.Toys", "2.0rc1"),
    ]
    assert scan([str(tmp_path)])[1] == PluginRecord(
        "toy", "vendor", "Rbee.Toys", "2.0rc1", "toys:Vendor", location=str(info)
    )


def test_the_first_distribution_of_a_name_on_the_path_shadows_the_others(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make_dist(first, "rbee-toys", "1.0", VENDORS)
    make_dist(second, "Rbee_Toys", "2.0", {"rbee.vendors": {"other": "toys:Vendor"}})
    assert found(first, second) == [("vendor", "toy", "rbee-toys", "1.0")]
    assert found(second, first, second) == [("vendor", "other", "Rbee_Toys", "2.0")]


def test_the_order_on_the_path_does_not_change_the_listing(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, name in zip(folders, ("zeta", "eta", "theta"), strict=True):
        make_dist(folder, f"rbee-{name}", "1.0", VENDORS)
    assert found(*folders) == found(*reversed(folders))
    assert [row[2] for row in found(*folders)] == ["rbee-eta", "rbee-theta", "rbee-zeta"]


def test_of_several_versions_in_one_folder_the_newest_is_meant(tmp_path: Path) -> None:
    versions = ["0.2", "0.10", "0.1", "0.9.9"]
    (tmp_path / "site").mkdir()
    for number in range(6):  # whatever the order in which the file system lists them
        for version in versions[number % 4 :] + versions[: number % 4]:
            info = make_dist(tmp_path / version, f"rbee-toys{number}", version, {"rbee.vendors": {f"toy{number}": "t"}})
            info.rename(tmp_path / "site" / info.name)
    assert [row[3] for row in found(tmp_path / "site")] == ["0.10"] * 6


def test_broken_metadata_hurts_no_other_distribution(tmp_path: Path) -> None:
    good = ("vendor", "toy", "rbee-good", "1.0")
    make_dist(tmp_path, "rbee-good", "1.0", VENDORS)
    unreadable = make_dist(tmp_path, "rbee-unreadable", "1.0", VENDORS)
    (unreadable / "entry_points.txt").write_bytes(b"[rbee.vendors]\n\xff\xfe = x\n")
    (tmp_path / "rbee_empty-1.0.dist-info").mkdir()
    (tmp_path / "rbee_file-1.0.dist-info").write_text("not a folder")
    assert found(tmp_path, tmp_path / "missing") == [good]

    nameless = make_dist(tmp_path, "rbee-nameless", "3.0", VENDORS)
    (nameless / "METADATA").write_bytes(b"garbage without a header\n")
    assert found(tmp_path) == [good, ("vendor", "toy", "rbee-nameless", "3.0")]


@pytest.mark.parametrize(("core", "accepted"), [(1, {0, 1}), (5, {4, 5})])
def test_this_api_and_the_one_before_are_accepted(
    core: int, accepted: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hookspecs, "API_VERSION", core)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = Config(env={"RBEE_HOME": str(tmp_path / "home")})
    asked = range(-1, core + 3)
    for wanted in asked:
        name = f"api{core}x{wanted + 1}"
        source = VENDOR.replace("class Vendor:", f"class Vendor:\n    rbee_api = {wanted}")
        make_dist(tmp_path, f"rbee-{name}", "1.0", {"rbee.vendors": {name: f"{name}:Vendor"}}, {f"{name}.py": source})
    manager = PluginManager(config, installed=scan([str(tmp_path)]))
    loaded = set()
    for wanted in asked:
        try:
            manager.vendor_for(ModelRef.parse(f"api{core}x{wanted + 1}:model"))
        except RbeeError as error:
            assert f"wants API {wanted}" in error.message
        else:
            loaded.add(wanted)
    assert loaded == accepted
    assert {record.status for record in manager.records()} == {"active", "incompatible"}


@pytest.mark.parametrize("value", ["toys:Vendor", "toys:vendor", "toys", "toys:inner.vendor"])
def test_an_entry_point_names_a_class_an_instance_or_a_module(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"toys_{abs(hash(value))}"
    source = VENDOR + (
        "\nvendor = Vendor()\nclass inner:\n    vendor = vendor\n"
        "\n@hookimpl\ndef supports_model(ref):\n    return True\n"
        "\n@hookimpl\ndef download_model(ref):\n    return 0\n"
    )
    entries = {"rbee.vendors": {"toy": value.replace("toys", module)}}
    make_dist(tmp_path, "rbee-toys", "1.0", entries, {f"{module}.py": source})
    monkeypatch.syspath_prepend(str(tmp_path))
    manager = PluginManager(Config(env={"RBEE_HOME": str(tmp_path / "home")}), installed=scan([str(tmp_path)]))
    vendor = manager.vendor_for(ModelRef.parse("toy:model"))
    assert vendor.hooks == ["download_model", "supports_model"]
