"""The hook reference is made from the specifications, which say all there is to say; and rbee really asks each hook."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from rbee_core import hookspecs
from rbee_core.plugins.hook_rules import specified

from .witness import Witness

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
#: What asks each hook, from the first to the last that is asked.
COMMANDS = {
    "rbee models download": ("models", "download", "witness:stories"),
    "rbee plan": ("plan", "witness:stories"),
    "rbee run": ("run", "witness:stories", "Hello", "--backend", "witness"),
}


def _generator() -> ModuleType:
    spec = spec_from_file_location("generate_hooks", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()
PAGES = {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.md")}
HOOKS = {hook.name: hook for hook in GENERATOR.hooks()}


def test_the_pages_are_what_the_specifications_and_the_rules_say() -> None:
    assert GENERATOR.pages() == PAGES, "write them anew: python docs/reference/generate.py"


def test_every_hook_belongs_to_a_kind() -> None:
    assert sorted(HOOKS) == sorted(specified())
    assert set(HOOKS) >= hookspecs.REQUIRED


@pytest.mark.parametrize("name", sorted(specified()))
def test_a_hook_is_documented(name: str) -> None:
    hook = HOOKS[name]
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    assert "Called" in text, "say when it is called"
    described = {field.removeprefix("param ") for field in hook.fields if field.startswith("param ")}
    assert described == set(specified()[name]), "describe every argument, and no other"
    assert "returns" in hook.fields, "say what it returns"
    assert "raises RbeeError" in hook.fields or name == "supports_model", "say which errors it may raise"
    assert all(hook.fields.values())
    assert f"(hooks/{name}.md)" in PAGES["hooks.md"]
    assert GENERATOR.EXAMPLES[name]


@pytest.mark.slow
def test_each_hook_is_asked_and_in_the_order_that_the_page_draws(tmp_path: Path) -> None:
    asked: dict[str, dict[str, str]] = {}
    for command, arguments in COMMANDS.items():
        folder = tmp_path / command.replace(" ", "-")
        folder.mkdir()
        witness = Witness(folder)
        calls = witness.asked(*arguments)
        order = [hook for number, (hook, _) in enumerate(calls) if not number or calls[number - 1][0] != hook]
        assert order == GENERATOR.LIFE[command], witness.ended.stderr
        asked.update(calls)
        if command == "rbee run":  # the model is there now, and the worker built
            assert [hook for hook, _ in witness.asked(*arguments)] == ["detect_hardware"]
    assert asked.keys() == specified().keys(), "a hook that rbee never asks, or that no test does"
    for name, arguments_given in asked.items():
        assert list(arguments_given) == specified()[name]
        for argument, given in arguments_given.items():
            wanted = HOOKS[name].arguments[argument].partition("[")[0]
            assert given.removeprefix("Posix").removeprefix("Windows") == wanted


def test_the_generator_runs_as_it_says(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(FOLDER / "generate.py")], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in PAGES} == PAGES
