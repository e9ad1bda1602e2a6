"""Parts of installing: names understood, environments recognised, hostile wheels seen through."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.errors import RbeeError, UsageError
from rbee_core.plugins.installing.addresses import without_secrets
from rbee_core.plugins.installing.environment import Environment
from rbee_core.plugins.installing.keepers import Keeper
from rbee_core.plugins.installing.names import wanted
from rbee_core.plugins.installing.trust import read_wheel

from .wheelhouse import make_wheel


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ollama", "rbee-vendor-ollama"),
        ("hf", "rbee-vendor-huggingface"),
        ("huggingface>=1", "rbee-vendor-huggingface>=1"),
        ("HTTPS", "rbee-vendor-http"),
        ("cuda==1.0", "rbee-backend-cuda==1.0"),
        ("transformers", "rbee-worker-transformers"),
        ("rbee_vendor.oci", "rbee_vendor.oci"),
        ("someone-elses[extra]~=2.0", "someone-elses[extra]~=2.0"),
    ],
)
def test_short_names_and_requirements(given: str, meant: str) -> None:
    assert [one.requirement for one in wanted([given])] == [meant]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["oci"], "rbee-vendor-oci or rbee-vendor-registry"),
        (["--index-url=https://example.invalid"], "nothing that can be installed"),
        (["toy\n--index-url https://example.invalid"], "nothing that can be installed"),
        (["./nowhere"], "There is nothing at"),
        (["https://example.invalid/wheel.whl"], "not named as a wheel"),
        (["toy @ https://example.invalid/other-1.0-py3-none-any.whl"], "is of other, not of toy"),
        (["toy==1", "toy==2"], "one distribution, twice"),
        (["rbee-core"], "rbee itself"),
        (["toy @ git+https://git.example/x --hash=sha256:" + "a" * 64], "is source, which has no digest"),
        (["toy --hash=sha256:aa"], "nothing that can be installed"),
        ([], "Nothing to install"),
    ],
)
def test_what_is_no_name_is_refused(given: list[str], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        wanted(given)
    assert why in str(caught.value)


def test_a_requirements_file_lists_names_and_cannot_lead_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "plugins.txt"
    file.write_text("# mine\nollama==1.0  # pinned\n\ntoy>=2\n")
    assert [one.requirement for one in wanted(["s3"], [file])] == [
        "rbee-vendor-s3",
        "rbee-vendor-ollama==1.0",
        "toy>=2",
    ]
    digests = [character * 64 for character in "ab"]
    file.write_text(f"toy==1  --hash=sha256:{digests[0]} --hash=sha256:{digests[1]} # two\n")
    assert [(one.requirement, one.sha256s) for one in wanted([], [file])] == [("toy==1", frozenset(digests))]
    for option in ("--index-url https://example.invalid", "-r more.txt", "toy --hash=sha256:00", "toy \\"):
        file.write_text(f"{option}\n")
        with pytest.raises(UsageError, match="line 1"):
            wanted([], [file])


def _made(path: Path, files: dict[str, str]) -> Environment:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return Environment(path, path, path / "lib")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"lib/EXTERNALLY-MANAGED": "[externally-managed]\nError=Use apt.\n To be clear.\n\n Long story.\n"},
            "PEP 668): Use apt. To be clear.",
        ),
        ({"lib/EXTERNALLY-MANAGED": "\0 not an ini"}, "PEP 668): it does not say why"),
    ],
)
def test_environments_that_others_look_after_are_explained(files: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(RbeeError) as caught:
        _made(tmp_path / "rbee-core", files).refuse_if_not_ours(["rbee-vendor-x"])
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_what_uvx_made_for_one_run_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RbeeError, match="uv's cache") as caught:
        _made(tmp_path / "archive-v0" / "x1y2", {}).refuse_if_not_ours(["rbee-vendor-x"])
    assert caught.value.hint.endswith("uv tool install rbee-core --with rbee-vendor-x")


RECEIPT = """
[tool]
requirements = [
    { name = "rbee-core", extras = ["all"] },
    { name = "one", specifier = ">=1" },
    { name = "two", extras = ["a", "b"] },
    { name = "three", git = "https://git.x" },
]
"""


@pytest.mark.parametrize(
    ("files", "tool", "keeping", "dropping"),
    [
        (
            {"uv-receipt.toml": RECEIPT},
            "uv tool",
            "uv tool install 'rbee-core[all]' --with 'one>=1' --with 'two[a,b]' --with git+https://git.x --with new",
            "uv tool install 'rbee-core[all]' --with 'two[a,b]' --with git+https://git.x",
        ),
        (
            {"uv-receipt.toml": "broken ["},
            "uv tool",
            "uv tool install rbee-core --with new",
            "uv tool install rbee-core",
        ),
        (
            {"pipx_metadata.json": '{"injected_packages": {"One": {"package_or_url": "one==1"}}}'},
            "pipx",
            "pipx inject rbee-core new",
            "pipx uninject rbee-core one",
        ),
        ({"pipx_metadata.json": "[]"}, "pipx", "pipx inject rbee-core new", "pipx uninject rbee-core one"),
    ],
)
def test_what_has_a_tool_keep_a_plugin_or_drop_it(
    files: dict[str, str], tool: str, keeping: str, dropping: str, tmp_path: Path
) -> None:
    made = _made(tmp_path / "rbee-core", files)
    made.refuse_if_not_ours(["new"])
    keeper = Keeper.of(made.prefix)
    assert keeper is not None
    assert (keeper.tool, keeper.keeping(["new"]), keeper.dropping(["ONE"])) == (tool, keeping, dropping)
    assert keeper.lists("one") == ("one" in str(files).lower())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "toy @ git+https://token@h.example/x@v1#subdirectory=a&egg=b&z=1",
            "toy @ git+https://h.example/x@v1#subdirectory=a&egg=b",
        ),
        ("git+ssh://git@h.example/x", "git+ssh://git@h.example/x"),
        ("https://me:secret@h.example/a-1.whl?signature=secret", "https://h.example/a-1.whl"),
        ("toy[extra]==1", "toy[extra]==1"),
    ],
)
def test_what_lets_one_in_is_not_written_down(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


def test_an_environment_of_its_own_is_not_the_systems(tmp_path: Path) -> None:
    system = _made(tmp_path / "usr", {"lib/EXTERNALLY-MANAGED": "", "env/pyvenv.cfg": "home = /x\nuv = 0.9\n"})
    own = Environment(system.prefix / "env", system.base, system.stdlib)
    own.refuse_if_not_ours(["x"])
    assert (own.made_by_uv, system.made_by_uv) == (True, False)


def test_what_is_worth_a_second_look_is_pointed_out(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        "rbee-vendor-olama",
        modules={"toy_vendor.py": "", "evil.pth": "import os", "fast.cpython-311.so": ""},
        metadata={"Author": "\x1b[31mred", "Summary": "x" * 5000},
    )
    facts = read_wheel(wheel, "https://user:secret@example.invalid/x", "00")
    assert (facts.resembles, facts.at_start, facts.native) == ("rbee-vendor-ollama", ["evil.pth"], 1)
    assert "\x1b" not in facts.author
    assert len(facts.summary) == 300
    assert "secret" not in facts.origin


_INFO = "rbee_vendor_toy-1.0.dist-info/"


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{_INFO}METADATA", b" " * (8 << 20), zipfile.ZIP_DEFLATED)


def _twice(archive: zipfile.ZipFile) -> None:
    for version in ("1.0", "6.6"):
        archive.writestr(f"{_INFO}METADATA", f"Metadata-Version: 2.1\nName: rbee-vendor-toy\nVersion: {version}\n")


def _other_name(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{_INFO}METADATA", "Metadata-Version: 2.1\nName: rbee-vendor-s3\nVersion: 1.0\n")


def _no_version(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{_INFO}METADATA", "Metadata-Version: 2.1\nName: rbee-vendor-toy\n")


def _climbs(archive: zipfile.ZipFile) -> None:
    archive.writestr("a/../../../etc/cron.d/x", "")


def _two_infos(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{_INFO}METADATA", "")
    archive.writestr("other-1.0.dist-info/METADATA", "")


def _bad_entries(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{_INFO}METADATA", "Metadata-Version: 2.1\nName: rbee-vendor-toy\nVersion: 1.0\n")
    archive.writestr(f"{_INFO}entry_points.txt", "no section = x\n")


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        (_bomb, "larger than"),
        (_twice, "has 2 files"),
        (_other_name, "calls itself 'rbee-vendor-s3'"),
        (_no_version, "calls itself"),
        (_climbs, "outside itself"),
        (_two_infos, "2 *.dist-info folders"),
        (_bad_entries, "no section"),
        (lambda archive: None, "0 *.dist-info folders"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_wheel_is_refused_with_the_reason(
    fill: Callable[[zipfile.ZipFile], None], why: str, tmp_path: Path
) -> None:
    wheel = tmp_path / "rbee_vendor_toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        fill(archive)
    with pytest.raises(RbeeError, match="not a wheel that can be trusted") as caught:
        read_wheel(wheel, "x", "00")
    assert why in caught.value.message


def test_what_is_no_zip_or_no_plugin_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "rbee_vendor_toy-1.0-py3-none-any.whl"
    broken.write_bytes(b"not a zip")
    with pytest.raises(RbeeError, match="not a zip file"):
        read_wheel(broken, "x", "00")
    with pytest.raises(RbeeError, match="brings no plugin"):
        read_wheel(make_wheel(tmp_path, "plain", entry_points={"console_scripts": {"x": "y:z"}}), "x", "00")
