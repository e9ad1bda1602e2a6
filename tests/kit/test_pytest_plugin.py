"""The pytest plugin, in projects as an author's: with the fixtures that come by themselves, and one that uses none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rbee_core import testing
from support.inner_pytest import inner_pytest

ROOT = Path(__file__).parents[2]
#: As strict as a project may be.
STRICT = "addopts = --strict-markers --strict-config\nfilterwarnings = error"

#: Fixtures asked for by the tests of an author; each test is one claim.
AUTHOR = '''
import json
import os
import sys

import pytest
from rbee_core import ModelRef, RbeeError
from rbee_core.contracts import Device
from rbee_core.testing import FAULTS, Fault, FaultMatrix
from test_documented import VENDOR

WORKER = """
[worker]
id = "{name}"
name = "A worker"
description = "Does things"
license = "MIT"
version = "1.0"

[build]
features = ["cpu"]
default_feature = "cpu"
"""
COMMAND = "import typer; app = typer.Typer(); app.command()(lambda: print('hello'))"


class TestSandbox:
    def test_what_is_installed_is_not_seen(self, rbee, plugin_sandbox):
        assert json.loads(rbee("plugins", "list", "--json").stdout) == {"plugins": []}
        done = rbee("models", "resolve", "demo:stories", "--json")
        assert json.loads(done.stderr)["error"]["code"] == "NO_VENDOR"
        assert json.loads(rbee("workers", "list", "--json").stdout) == {"workers": []}
        assert json.loads(rbee("hardware", "--json").stdout)["backends"] == []
        assert plugin_sandbox.rbee().plugins.records() == []

    def test_every_kind_can_be_put_there(self, rbee, plugin_sandbox):
        plugin_sandbox.add("vendor", "hf", VENDOR, dist="mine")  # no rival of the one that is installed
        plugin_sandbox.add("worker", "toy-worker", WORKER)
        plugin_sandbox.add("command", "toy", COMMAND)
        rows = json.loads(rbee("plugins", "list", "--json").stdout)["plugins"]
        assert [(row["kind"], row["dist"], row["status"]) for row in rows] == [
            ("vendor", "mine", "active"),
            ("worker", "rbee-worker-toy-worker", "active"),
            ("command", "rbee-command-toy", "active"),
        ]
        assert rbee("toy").stdout == "hello\\n"
        assert [row["id"] for row in json.loads(rbee("workers", "list", "--json").stdout)["workers"]] == ["toy-worker"]

    def test_it_holds_in_child_processes(self, rbee, plugin_sandbox):
        plugin_sandbox.add("vendor", "good", VENDOR)
        plugin_sandbox.add("vendor", "bad", "import nothing_of_that_name")
        done = rbee("plugins", "check", "--json")
        assert done.returncode == 1
        assert "rbee-vendor-demo" not in done.stdout + done.stderr
        rows = {row["name"]: row["status"] for row in json.loads(rbee("plugins", "list", "--json").stdout)["plugins"]}
        assert rows == {"good": "active", "bad": "error"}

    def test_it_holds_in_this_process(self, plugin_sandbox, tmp_path):
        plugin_sandbox.add("vendor", "shelf", VENDOR)
        plugins = plugin_sandbox.rbee().plugins
        assert plugins.vendor_for(ModelRef.parse("shelf:one")).record.dist == "rbee-vendor-shelf"
        with pytest.raises(RbeeError, match="demo"):
            plugins.vendor_for(ModelRef.parse("demo:stories"))
        assert "rbee_vendor_shelf" in sys.modules

    def test_nothing_of_it_is_left(self):
        assert "rbee_vendor_shelf" not in sys.modules
        assert not [name for name in os.environ if name.startswith("RBEE_")]
        assert not [entry for entry in sys.path if entry.endswith("plugins")]

    def test_who_is_let_in_is_there_and_a_typing_error_is_told(self, rbee, plugin_sandbox):
        plugin_sandbox.allow("rbee-vendor-demo", "rbee_backend_cpu")
        assert rbee("models", "resolve", "demo:stories").returncode == 0
        with pytest.raises(LookupError, match="did you mean rbee-vendor-demo"):
            plugin_sandbox.allow("rbee-vendor-dmo")


class TestFileServer:
    def test_pages_and_counts(self, file_server):
        from urllib.request import urlopen

        url = file_server.page("/a", b"12345")
        assert urlopen(file_server.redirect("/b", url)).read() == b"12345"
        assert [(one.path, one.status) for one in file_server.requests] == [("/b", 302), ("/a", 200)]
        assert file_server.bytes_sent == 5

    def test_faults_by_name_and_of_ones_own(self, file_server):
        from urllib.error import HTTPError
        from urllib.request import urlopen

        url = file_server.page("/a", bytes(200_000))
        file_server.fail("down")
        for _ in range(2):
            with pytest.raises(HTTPError, match="500"):
                urlopen(url)
        file_server.fail(Fault("wrong bytes, once", corrupt=True))
        assert urlopen(url).read() != bytes(200_000)
        assert urlopen(url).read() == bytes(200_000)
        file_server.fail(None)
        with pytest.raises(LookupError, match="stall"):
            file_server.fail("stal")

    def test_a_line_that_stays_down_is_an_error(self, rbee, plugin_sandbox, file_server):
        plugin_sandbox.allow("rbee-vendor-http")
        url = file_server.page("/m.gguf", bytes(1 << 20))
        file_server.fail(Fault("gone", times=None, status=404))
        done = rbee("models", "download", url, "--json")
        assert json.loads(done.stderr)["error"]["code"] == "MODEL_NOT_FOUND"


class TestFakeHardware:
    def test_a_machine_is_planned_for(self, rbee, plugin_sandbox, fake_hardware):
        plugin_sandbox.allow("rbee-vendor-demo", "rbee-worker-llm", "rbee-backend-cpu", "rbee-backend-cuda")
        fake_hardware("rtx4090")
        plan = json.loads(rbee("plan", "demo:stories", "--json").stdout)
        assert (plan["chosen"]["variant"], plan["chosen"]["device"]) == ("llm-worker-cuda", "GPU-0")

    def test_devices_are_given_and_the_machine_before_is_gone(self, rbee, plugin_sandbox, fake_hardware):
        plugin_sandbox.add("backend", "my-npu", "raise SystemExit('it is not asked')")
        fake_hardware("rtx4090")
        mine = Device(
            id="GPU-0", backend="my-npu", name="Mine", memory_total=2, memory_free=1, architecture="npu"
        )
        fake_hardware(mine, platform="macos/aarch64")
        found = json.loads(rbee("hardware", "--json").stdout)
        assert (found["platform"], [device["name"] for device in found["devices"]]) == ("macos", ["Mine"])
        assert "RBEE_FORCE_MY_NPU" in os.environ

    def test_a_typing_error_is_told(self, fake_hardware):
        with pytest.raises(LookupError, match="did you mean rtx4090"):
            fake_hardware("rtx409")
        with pytest.raises(TypeError, match="one machine"):
            fake_hardware("rtx4090", "v100")


class TestRun:
    def test_what_was_left_running_ends(self, rbee, plugin_sandbox, request):
        plugin_sandbox.add("command", "toy", COMMAND.replace("print('hello')", "__import__('time').sleep(600)"))
        request.config.left = rbee.start("toy")
        assert request.config.left.poll() is None

    def test_it_has_ended(self, request):
        assert request.config.left.returncode is not None
        request.config.left.communicate()

    def test_a_failed_rule_shows_its_values(self):
        from rbee_core.testing import backend_contract, command_contract, plugin_contract, vendor_contract
        from rbee_core.testing.worker_contract import life

        for module in (backend_contract, command_contract, life, plugin_contract, vendor_contract):
            assert "@pytest_ar" in vars(module)  # pytest's rewriting of asserts
'''
#: A project that has nothing to do with rbee, in an environment that does.
STRANGER = """
import os
import sys

BEFORE = dict(os.environ)


def test_next_to_nothing_is_loaded():
    assert sorted(name for name in sys.modules if name.startswith("rbee")) == [
        "rbee_core",
        "rbee_core._version",
        "rbee_core.testing",
        "rbee_core.testing.pytest_plugin",
    ]
    assert not [name for name in ("pydantic", "typer", "pluggy.rbee", "urllib3", "filelock") if name in sys.modules]


def test_nothing_is_done_for_it(request):
    assert not [name for name in request.fixturenames if name in ("rbee", "plugin_sandbox", "file_server")]
    assert {name: value for name, value in os.environ.items() if BEFORE.get(name) != value}.keys() <= {
        "PYTEST_CURRENT_TEST"
    }


def test_a_fixture_of_the_same_name_is_the_projects_own(rbee):
    assert rbee == "mine"
"""
OWN = """
import pytest


@pytest.fixture
def rbee():
    return "mine"
"""


def documented() -> str:
    """The example in ``docs/plugins.md``."""
    section = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8").split("### Fixtures")[1]
    return next(block for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL) if "def test_" in block)


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_an_authors_tests_have_what_they_need_without_a_line_of_configuration(tmp_path: Path) -> None:
    run = inner_pytest(tmp_path, {"test_documented": documented(), "test_author": AUTHOR}, ini=STRICT)
    assert not run.failed, run.output
    assert run.status == 0, run.output
    assert len(run.cases) == 3 + 15


def test_who_does_not_use_it_does_not_notice_it(tmp_path: Path) -> None:
    run = inner_pytest(tmp_path, {"conftest": OWN, "test_stranger": STRANGER}, ini=STRICT)
    assert run.status == 0, run.output
    assert len(run.cases) == 3


def test_every_name_of_the_kit_is_there_and_told_of() -> None:
    for name in testing.__all__:
        assert getattr(testing, name)
        assert f"`{name}`" in str(testing.__doc__), name
    with pytest.raises(AttributeError, match="VendorContrat"):
        testing.VendorContrat  # noqa: B018
