"""What is asked of every plugin with hooks, whatever it is for; `VendorContract` and `BackendContract` build on it."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pytest

from ..plugins.import_watch import HEAVY, MOST_MODULES
from .plugin_process import Answer, PluginProcess


class PluginContract:
    """The fixture ``plugin`` is the author's: the name of the distribution, as installed."""

    kind: ClassVar[str]
    #: Modules that loading the plugin may import, those of ``rbee_core`` not counted.
    most_modules: ClassVar[int] = MOST_MODULES
    #: Packages that it may not import as it is loaded.
    heavy: ClassVar[frozenset[str]] = HEAVY

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        """The distribution under test, such as ``rbee-vendor-shelf``."""
        raise NotImplementedError("override the fixture 'plugin'")

    @pytest.fixture(scope="class")
    @classmethod
    def use(cls) -> Answer:
        """The plugin in its ordinary use; gives the process's last answer."""
        raise NotImplementedError

    def test_importing_it_is_cheap(self, process: PluginProcess) -> None:
        """``rbee`` starts as quickly as its slowest plugin lets it."""
        modules = loaded(process)["modules"]
        heavy = sorted({name.partition(".")[0] for name in modules} & self.heavy)
        assert not heavy, f"loading it imports {', '.join(heavy)}: import them inside the hook that needs them"
        packages = Counter(name.partition(".")[0] for name in modules).most_common(8)
        most = ", ".join(f"{name} ({count})" for name, count in packages)
        assert len(modules) <= self.most_modules, f"loading it imports {len(modules)} modules; most are of: {most}"

    def test_nothing_is_printed_to_standard_output(self, use: Answer) -> None:
        """It belongs to rbee's answers; a ``Job`` carries what there is to say."""
        assert use["printed"] == "", f"it printed {use['printed']!r}: tell it with job.emit or job.log"

    def test_the_process_is_left_as_it_was(self, use: Answer) -> None:
        """Environment, current folder, signal handlers, logging, threads: they are not the plugin's."""
        assert use["changes"] == [], f"it changed: {', '.join(use['changes'])}"


def loaded(process: PluginProcess) -> Answer:
    """What loading the plugin gave.

    :raises AssertionError: it cannot be loaded.
    """
    answer = process.load()
    assert "failure" not in answer, f"{process.title} cannot be loaded: {answer['failure']}\n{answer.get('traceback')}"
    return answer


def honest(answer: Answer, codes: frozenset[str]) -> None:
    """Check that an answer is an error as a person needs it.

    :raises AssertionError: it is not.
    """
    assert "raised" not in answer, f"it raised {answer['raised']}, not RbeeError:\n{answer.get('traceback')}"
    assert "error" in answer, f"it failed to fail: {answer}"
    error = answer["error"]
    assert error["code"] in codes, f"the code is {error['code']}, not {' or '.join(sorted(codes))}: {error['message']}"
    assert error["message"].strip(), "the error has no message"
    assert error["hint"].strip(), f"the error has no hint that says what to do: {error['message']}"
    for leak in ("Traceback", "<class ", "Error(", "Exception(", " object at 0x"):
        assert leak not in error["message"] + error["hint"], f"the message shows Python's inside: {error['message']}"
