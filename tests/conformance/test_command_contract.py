"""A small command passes the contract of commands; made bad in one way, it fails that one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.dists import make_dist

GOOD = """
import json
from typing import Annotated

import typer
from rbee_core import ErrorCode, RbeeError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    \"\"\"What stands on the shelf.\"\"\"


@app.command(name="show")
def show(book: str, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    \"\"\"Show a book.\"\"\"
    if book == "nothing":
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, "There is no such book.", "See the others.")
    print(json.dumps({"book": book}) if as_json else book)
"""
TESTS = """
import pytest
from rbee_core.testing.command_contract import CommandContract


class BadGood(CommandContract):
    command = "good"
    works = ("show", "one")
    fails = ("show", "nothing")

    def __init_subclass__(cls):
        cls.command = cls.__name__.removeprefix("Bad").lower()
        if not cls.about_calls:
            cls.works = cls.fails = None

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls):
        return "rbee-command-" + cls.command
"""
IMPORT, HELP, MOUNTED = "importing_it_is_cheap", "help_is_cheap", "it_is_mounted_with_its_help"
PRINTED, STATE = "nothing_is_printed_to_standard_output", "the_process_is_left_as_it_was"
USAGE, ERRORS = "wrong_usage_is_told", "errors_are_left_to_rbee"
DATA, FAILURE = "only_data_goes_to_standard_output", "a_failure_is_told"

APP = "app = typer.Typer(no_args_is_help=True)\n"
SHOW = '@app.command(name="show")'
PRINT = "    print(json.dumps"
RAISE = '        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, "There is no such book.", "See the others.")'
CALL, PARSE = "invoke(ctx)", "parse_args(ctx, args)"


def group(body: str, method: str) -> tuple[str, str]:
    """An application with a method of its own; ``|`` is a new line."""
    lines = ["from traceback import print_exc", "from typer.core import TyperGroup", "class Own(TyperGroup):"]
    lines += [f"    def {method.replace('(', '(self, ')}:", *(f"        {line}" for line in body.split("|"))]
    return APP, "\n".join([*lines, APP.replace("(", "(cls=Own, ")])


#: The help of its command is made as it is written.
MADE = """
from typer.core import TyperCommand


class Own(TyperCommand):
    def get_help(self, ctx):
        {line}
        return super().get_help(ctx)


"""


def help_with(line: str) -> tuple[str, str]:
    return SHOW, MADE.format(line=line) + '@app.command(name="show", cls=Own)'


#: What is wrong -> the rule it breaks, what is written in the good one, and what instead.
BAD: dict[str, tuple[str, str, str]] = {
    "Heavy": (IMPORT, "import json\n", "import json\nimport psutil\n"),
    "HeavyHelp": (HELP, *help_with("import psutil")),
    "AsksAServer": (HELP, *help_with("import socket; socket.socket(type=2).connect(('127.0.0.1', 9))")),
    "PrintsAsItIsLoaded": (
        PRINTED,
        APP,
        f"import os; os.write(1, b'hello')\n{APP}",
    ),
    "Environment": (STATE, APP, f"import os; os.environ['SHELF_ORDER'] = 'size'\n{APP}"),
    "Signals": (STATE, APP, f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{APP}"),
    "Logging": (STATE, APP, f"import logging; logging.basicConfig(level=10)\n{APP}"),
    "BrokenHelp": (MOUNTED, *help_with("raise KeyError(1)")),
    "NoHelp": (MOUNTED, APP, APP.replace("(", "(context_settings={'help_option_names': []}, ")),
    "UsageIsOne": (
        USAGE,
        *group(f"try:|    return super().{PARSE}|except Exception as e:|    exit('-no' in str(e))", PARSE),
    ),
    "Swallows": (ERRORS, *group(f"try:|    return super().{CALL}|except RuntimeError:|    exit(3)", CALL)),
    "OwnTraceback": (ERRORS, *group(f"try:|    super().{CALL}|except Exception:|    print_exc()|    raise", CALL)),
    "Narrates": (DATA, PRINT, f'    print("looking")\n{PRINT}'),
    "WrongStatus": (DATA, "if as_json else book)\n", "if as_json else book)\n    raise typer.Exit(4)\n"),
    "NoFailure": (FAILURE, RAISE, "        return"),
    "OwnStatus": (FAILURE, RAISE, "        typer.echo('no such book', err=True); raise typer.Exit(9)"),
    "PlainError": (FAILURE, RAISE, "        typer.echo('no such book', err=True); raise typer.Exit(1)"),
    "NoHint": (FAILURE, '"See the others."', '""'),
}


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_each_bad_command_fails_its_rule_and_no_other(tmp_path: Path, failures: Any) -> None:
    install(tmp_path, "good", GOOD)
    classes, expected = "", {"Good": set[str]()}
    for name, (rule, good, bad) in BAD.items():
        assert GOOD.count(good) == 1, f"{name}: the good one holds {good!r} {GOOD.count(good)} times"
        install(tmp_path, name, GOOD.replace(good, bad))
        calls = rule in (DATA, FAILURE)
        classes += f"\n\nclass Bad{name}(BadGood):\n    about_calls = {calls}\n"
        expected[name] = {rule}
    found, output = failures(tmp_path, {"test_bad": TESTS + classes})
    assert found == expected, output


def install(folder: Path, name: str, source: str) -> None:
    module = f"command_{name.lower()}"
    entries = {"rbee.commands": {name.lower(): f"{module}:app"}}
    make_dist(folder, f"rbee-command-{name.lower()}", "1.0", entries, {f"{module}.py": source})
