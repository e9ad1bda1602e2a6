"""The command is a good citizen: its help is quick, data alone goes to standard output, failures are told."""

from __future__ import annotations

import pytest
from rbee_core.testing.command_contract import CommandContract


class TestSizes(CommandContract):
    command = "sizes"
    works = ()
    fails = ("no-such-model",)

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-command-sizes"
