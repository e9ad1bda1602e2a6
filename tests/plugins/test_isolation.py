"""One bad plugin never takes rbee down: through the command line, with real distributions that misbehave."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import VENDOR, PluginFolder
from rbee_core.testing.drive_worker import wait_until

Rows = Callable[..., dict[str, Any]]


def hook(body: str, name: str = "supports_model") -> str:
    """The healthy vendor with another body for one of its hooks."""
    healthy = {"supports_model": "return True", "download_model": '(dest / "model.bin").write_bytes(b"hello")'}
    assert healthy[name] in VENDOR
    return VENDOR.replace(healthy[name], body)


#: Name → source, words of the reason that is remembered, status.
BAD = {
    "import-error": ('raise ImportError("libfoo.so.1 is missing")', "ImportError: libfoo.so.1 is missing", "error"),
    "syntax-error": ("def", "SyntaxError", "error"),
    "system-exit": ("import sys\nsys.exit(3)", "SystemExit: 3", "error"),
    "keyboard-interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt", "error"),
    "own-base-exception": ("class Odd(BaseException): pass\nraise Odd('x')", "Odd: x", "error"),
    "no-attribute": ("Vender = 1", "Vendor", "error"),
    "constructor": ("class Vendor:\n    def __init__(self, x): pass", "TypeError", "error"),
    "not-a-plugin": ("Vendor = None", "is None", "error"),
    "function": ("def Vendor(): pass", "is a function", "error"),
    "no-hooks": ("class Vendor:\n    def supports_model(self, ref): return True", "@hookimpl", "error"),
    "misspelt": (VENDOR.replace("supports_model", "support_model"), "did you mean 'supports_model'?", "error"),
    "unknown-argument": (VENDOR.replace("self, ref):", "self, reference):"), "reference", "error"),
    "too-new": (VENDOR.replace("class Vendor:", "class Vendor:\n    rbee_api = 7"), "wants API 7", "incompatible"),
    "api-of-module": ("rbee_api = 9\nclass Vendor: pass", "wants API 9, this rbee speaks 1", "incompatible"),
    "api-nonsense": ("class Vendor:\n    rbee_api = 'two'", "rbee_api is 'two'", "error"),
    "raising-hook": (hook('raise ValueError("boom")'), "supports_model: ValueError: boom", "error"),
    "hook-exits": (hook("raise SystemExit(0)"), "supports_model: SystemExit: 0", "error"),
    "hook-interrupts": (hook("raise KeyboardInterrupt"), "supports_model: KeyboardInterrupt", "error"),
    "wrong-type": (hook('return "yes"'), "supports_model: returned 'yes' (str), not a bool", "error"),
    "wrong-none": (hook("return None"), "supports_model: returned None, not a bool", "error"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plugin_is_an_error_that_is_remembered(
    case: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    source, reason, status = BAD[case]
    folder.add("vendor", "bad", source, version="1.2")
    done = rbee("models", "resolve", "bad:x", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert error["code"] == "PLUGIN_ERROR"
    assert "'bad' (rbee-vendor-bad 1.2)" in error["message"]
    assert "Traceback" not in done.stderr

    row = rows()["bad"]
    assert row["status"] == status
    assert reason in row["reason"]
    assert "\n" not in row["reason"]


def test_other_plugins_go_on_beside_a_bad_one(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", "raise SystemExit(9)", dist="rbee-vendor-broken")
    folder.add("vendor", "toy", VENDOR, dist="rbee-vendor-well")
    done = rbee("models", "resolve", "toy:x", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dist"] == "rbee-vendor-well"
    assert "'toy' (rbee-vendor-broken 1.0) cannot be loaded: SystemExit: 9" in done.stderr


def test_verbose_shows_the_plugins_own_traceback(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "bad", hook('raise ValueError("boom")'))
    done = rbee("-v", "models", "resolve", "bad:x")
    assert done.returncode == 1
    assert "rbee_vendor_bad.py" in done.stderr
    assert "Traceback" in done.stderr


def test_strict_mode_raises_what_the_plugin_raised(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "bad", hook('raise ValueError("boom")'))
    done = rbee("models", "resolve", "bad:x", env={"RBEE_STRICT_PLUGINS": "1"})
    assert done.returncode == 1
    assert "ValueError: boom" in done.stderr
    assert "rbee_vendor_bad.py" in done.stderr
    assert rows()["bad"]["status"] == "active"  # raised, not recorded


def test_what_a_plugin_prints_never_reaches_the_data(rbee: RbeeHome, folder: PluginFolder) -> None:
    noise = dedent("""
        import os, subprocess, sys
        print("printed")
        sys.__stdout__.write("written to the kept stream")
        os.write(1, b"written to the descriptor")
        subprocess.run([sys.executable, "-c", "print('printed by a child')"])
        """)
    folder.add("vendor", "loud", noise + hook('print("in a hook"); return True'))
    done = rbee("models", "resolve", "loud:x", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["vendor"] == "loud"
    for text in ("printed\n", "kept stream", "the descriptor", "by a child", "in a hook"):
        assert text in done.stderr


@pytest.mark.parametrize("value", ["1000", "True", "-1", "'5'", "None", "[]"])
def test_a_nonsense_download_result_is_the_plugins_error(
    value: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    folder.add("vendor", "bad", VENDOR.replace("return 5", f"return {value}"))
    done = rbee("models", "download", "bad:x", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr.strip().splitlines()[-1])["error"]["code"] == "PLUGIN_ERROR"
    assert rows()["bad"]["reason"].startswith("download_model: returned ")


def test_a_number_of_bytes_is_enough_of_a_result(rbee: RbeeHome, folder: PluginFolder) -> None:
    folder.add("vendor", "toy", VENDOR.replace('"model.bin"', '"part.bin.part").touch(); (dest / "model.bin"'))
    done = rbee("models", "download", "toy:x", "--json")
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert entry["size"] == 5
    assert [file["name"] for file in entry["files"]] == ["model.bin"]


def test_a_plugins_own_no_is_not_its_failure(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    refusal = 'from rbee_core import RbeeError; raise RbeeError("AUTH_REQUIRED", "Log in first.", "toy login")'
    folder.add("vendor", "toy", hook(refusal, "download_model"))
    done = rbee("models", "download", "toy:x", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr.strip().splitlines()[-1])["error"] == {
        "code": "AUTH_REQUIRED",
        "message": "Log in first.",
        "hint": "toy login",
    }
    assert rows()["toy"]["status"] == "active"


def test_a_full_disk_is_not_the_plugins_failure(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    folder.add("vendor", "toy", hook('import errno; raise OSError(errno.ENOSPC, "No space left")', "download_model"))
    done = rbee("models", "download", "toy:x", "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr.strip().splitlines()[-1])["error"]["code"] == "INSUFFICIENT_DISK"
    assert rows()["toy"]["status"] == "active"


def test_secrets_are_kept_out_of_what_is_said_and_remembered(rbee: RbeeHome, folder: PluginFolder) -> None:
    body = 'import os; raise ValueError(os.environ["TOY_TOKEN"] + " https://me:hunter2@host/?token=abcdefgh")'
    folder.add("vendor", "bad", hook(body))
    done = rbee("models", "resolve", "bad:x", env={"TOY_TOKEN": "s3cr3t-s3cr3t"})
    remembered = (rbee.path / "state" / "plugin-failures.json").read_text()
    for text in (done.stderr, remembered):
        assert "ValueError" in text
        for secret in ("s3cr3t", "hunter2", "abcdefgh"):
            assert secret not in text


@pytest.mark.parametrize(
    "stuck",
    ["signal.pause()", "\n    try: signal.pause()\n    except KeyboardInterrupt: raise ValueError('cleaned up')"],
    ids=["passes it on", "turns it into another error"],
)
@pytest.mark.parametrize("where", ["import", "hook"])
def test_ctrl_c_in_plugin_code_is_the_persons_and_stops_rbee(
    stuck: str, where: str, rbee: RbeeHome, folder: PluginFolder, rows: Rows
) -> None:
    code = f"import signal, sys; print('stuck', file=sys.stderr, flush=True)\nif True: {stuck}"
    source = code if where == "import" else hook(code.replace("\n", "\n" + " " * 8))
    folder.add("vendor", "slow", source)
    process = rbee.start("models", "resolve", "slow:x")
    assert process.stderr is not None
    for line in process.stderr:
        if "stuck" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert rows()["slow"]["status"] == "active"


def test_a_plugin_that_ends_rbee_is_known_by_the_next_command(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    module = folder.add("vendor", "quits", "import os\nos._exit(0)")
    assert rbee("models", "resolve", "quits:x").stdout == ""  # nobody is left to tell
    row = rows()["quits"]
    assert (row["status"], row["reason"]) == ("error", "rbee ended while it was being loaded")
    again = rbee("models", "resolve", "quits:x", "--json")
    assert (again.returncode, again.stdout) == (1, "")
    error = json.loads(again.stderr)["error"]
    assert error["code"] == "PLUGIN_ERROR"
    assert "rbee plugins check quits" in error["hint"]
    module.write_text(VENDOR)
    assert rows()["quits"]["status"] == "active"
    assert rbee("models", "resolve", "quits:x").returncode == 0


def test_rbee_killed_while_a_plugin_hangs(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    hang = "import pathlib, threading\npathlib.Path('{marker}').touch()\nthreading.Event().wait()"
    folder.add("vendor", "stuck", hang)
    process = rbee.start("models", "resolve", "stuck:x")
    wait_until(folder.marker.exists)
    assert rows()["stuck"]["status"] == "active"  # it may yet be loaded
    process.kill()
    process.communicate()
    assert rows()["stuck"]["reason"] == "rbee ended while it was being loaded"
    check = rbee("plugins", "check", "stuck", "--timeout", "1")
    assert check.returncode == 1
    assert "took longer than 1 s" in rows()["stuck"]["reason"]


def test_what_interrupted_a_load_is_not_the_plugins_failure(rbee: RbeeHome, folder: PluginFolder, rows: Rows) -> None:
    hang = "import pathlib, threading\npathlib.Path('{marker}').touch()\nthreading.Event().wait()"
    folder.add("vendor", "stuck", hang)
    process = rbee.start("models", "resolve", "stuck:x")
    wait_until(folder.marker.exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert rows()["stuck"]["status"] == "active"
