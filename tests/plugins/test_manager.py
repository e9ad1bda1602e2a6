"""The plugin manager inside a program that is not the command line."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.config import Config
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.plugins import PluginManager
from rbee_core.plugins.records import scan
from rbee_core.refs import ModelRef
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder

Make = Callable[[], PluginManager]
REF = ModelRef.parse("toy:model")


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    """A folder of plugins on this process's path."""
    folder = PluginFolder(tmp_path / "site")
    folder.path.mkdir()
    monkeypatch.syspath_prepend(str(folder.path))
    return folder


@pytest.fixture
def manager(tmp_path: Path, folder: PluginFolder) -> Make:
    """Makes the manager, once the plugins are there."""
    config = Config(env={"RBEE_HOME": str(tmp_path / "home")})
    return lambda: PluginManager(config, installed=scan([str(folder.path)]))


def add(folder: PluginFolder, test: str, source: str) -> None:
    """A vendor in a module that no other test has imported."""
    folder.add("vendor", "toy", source, dist=f"rbee-{test}", attribute="Vendor")


def test_prints_go_to_whatever_standard_error_is(
    manager: Make, folder: PluginFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    add(folder, "prints", VENDOR.replace("return True", "print('in a hook'); return True"))
    manager().vendor_for(REF)
    sys.stdout.write("mine\n")
    assert capsys.readouterr() == ("mine\n", "in a hook\n")


def test_standard_output_comes_back_when_two_threads_leave_plugins_in_any_order(
    manager: Make, folder: PluginFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    add(folder, "threads", VENDOR.replace("return True", "ref.rest.meet(); return True"))
    vendor = manager().load(scan([str(folder.path)])[0])
    first_inside, second_inside, first_out = (threading.Event() for _ in range(3))

    class Meeting:
        """Stands for a reference: lets the first thread in, then the second, then the first out before it."""

        def __init__(self, first: bool) -> None:
            self.rest, self.first = self, first

        def meet(self) -> None:
            (first_inside if self.first else second_inside).set()
            assert (second_inside if self.first else first_out).wait(30)
            if not self.first:
                sys.stdout.write("late\n")  # a plugin's print, after another plugin's end

    answers: list[bool] = []

    def ask(first: bool) -> None:
        answers.append(vendor.supports_model(Meeting(first)))  # type: ignore[attr-defined]
        if first:
            first_out.set()

    threads = [threading.Thread(target=ask, args=(first,)) for first in (True, False)]
    threads[0].start()
    assert first_inside.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert answers == [True, True]
    sys.stdout.write("mine\n")
    assert capsys.readouterr() == ("mine\n", "late\n")


def test_what_a_plugin_raises_once_its_job_is_cancelled_is_the_cancelling(
    manager: Make, folder: PluginFolder, tmp_path: Path
) -> None:
    add(folder, "cancelled", VENDOR.replace("dest):", "dest, job):").replace("(dest /", "job.cancel(); (dest / '1' /"))
    made = manager()
    with pytest.raises(RbeeError) as caught:
        made.vendor_for(REF).download_model(REF, tmp_path, Job())
    assert caught.value.code is ErrorCode.CANCELLED
    assert [record.status for record in made.records()] == ["active"]


def test_hooks_may_take_fewer_arguments_and_leave_optional_ones_out(
    manager: Make, folder: PluginFolder, tmp_path: Path
) -> None:
    add(folder, "fewer", VENDOR)
    vendor = manager().vendor_for(REF)
    assert vendor.resolve_model(REF, Job()) is None
    assert [file.name for file in vendor.download_model(REF, tmp_path, Job()).files if file.name == "model.bin"]


def test_a_plugin_is_loaded_once(manager: Make, folder: PluginFolder) -> None:
    add(folder, "once", "made = []\n" + VENDOR + "\n    def __init__(self):\n        made.append(self)\n")
    made = manager()
    assert made.vendor_for(REF) is made.vendor_for(REF)
    assert len(sys.modules["rbee_once"].made) == 1


def test_a_plugin_cannot_change_what_ctrl_c_does(manager: Make, folder: PluginFolder) -> None:
    before = signal.getsignal(signal.SIGINT)
    add(folder, "signals", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + VENDOR)
    manager().vendor_for(REF)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_missing_backend_is_a_sentence(manager: Make) -> None:
    with pytest.raises(RbeeError) as caught:
        manager().backend("cuda")
    assert caught.value.code is ErrorCode.BACKEND_UNAVAILABLE
    assert caught.value.message == "No plugin for the backend 'cuda'. Install it with: pip install rbee-backend-cuda"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [("5", "returned 5 (int), not a list of Device"), ("[{}]", "returned a list with {} (dict), not a Device")],
)
def test_a_backend_in_this_process_is_checked_too(
    answer: str, complaint: str, manager: Make, folder: PluginFolder
) -> None:
    name = f"npu{len(answer)}"
    folder.add("backend", name, BACKEND.replace("return [", f"return {answer}\n        return ["))
    with pytest.raises(RbeeError) as caught:
        manager().backend(name).detect_hardware()
    assert caught.value.code is ErrorCode.PLUGIN_ERROR
    assert complaint in caught.value.message


def test_active_leaves_out_what_is_off_or_in_conflict_but_not_what_failed(
    manager: Make, folder: PluginFolder, tmp_path: Path
) -> None:
    from rbee_core.plugins.settings import disable

    for name, dist in {"good": "a", "bad": "b", "off": "c"}.items():
        source = "raise ImportError" if name == "bad" else BACKEND
        folder.add("backend", name, source, dist=f"rbee-active-{dist}", attribute="Backend")
    for dist in ("d", "e"):
        folder.add("backend", "two", BACKEND, dist=f"rbee-active-{dist}", attribute="Backend")
    made = manager()
    disable(made.registry.settings, made.records(), "off")
    with pytest.raises(RbeeError, match="ImportError"):
        made.backend("bad")
    with pytest.raises(RbeeError, match=r"rbee-active-d 1\.0 and by rbee-active-e 1\.0"):
        made.backend("two")
    assert [(record.name, record.status) for record in made.active("backend")] == [("bad", "error"), ("good", "active")]
