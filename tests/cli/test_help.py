"""Help of every command and group: written from what the core knows, so that no plugin is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.dists import BACKEND, VENDOR, PluginFolder

#: Walks every command there is, asks each for its help as a person does, and tells what came of it.
WALK = """
import contextlib, io, json, sys
import typer
from rbee_core.cli import app
root = typer.main.get_command(app.app)
names = {}

def walk(command, path):
    names[" ".join(path)] = command
    for name in getattr(command, "commands", {}):
        walk(command.commands[name], [*path, name])

context = root.make_context("rbee", ["plugins"], resilient_parsing=True)
walk(root, [])
for name in app.COMMANDS:
    walk(root.get_command(context, name), [name])
answers = {}
for path in names:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            app.main([*path.split(), "--help"])
        except SystemExit as end:
            answers[path] = [end.code or 0, out.getvalue()]
json.dump({"answers": answers, "modules": sorted(sys.modules)}, sys.stdout)
"""


def test_no_help_imports_a_plugin(tmp_path: Path, rbee: RbeeHome) -> None:
    folder = PluginFolder(tmp_path / "site")
    mark = "open('{marker}', 'w').close()\n"
    folder.add("vendor", "toy", mark + VENDOR)
    folder.add("backend", "toy", mark + BACKEND)
    folder.add("worker", "toyworker", mark)
    folder.add("command", "toycommand", mark + "import typer\napp = typer.Typer()", attribute="app")
    env = clean_env({**rbee.environment, "PYTHONPATH": str(folder.path)})
    done = subprocess.run([sys.executable, "-c", WALK], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = json.loads(done.stdout)
    answers: dict[str, tuple[int, str]] = found["answers"]
    assert {"", "plugins", "plugins list", "models download", "workers build", "run", "hardware"} <= set(answers)
    assert len(answers) >= 40
    for path, (status, text) in answers.items():
        assert status == 0, path
        assert "Usage: rbee" in text, path
    assert "toycommand" in answers[""][1]
    assert not folder.marker.exists()
    loaded = {name.partition(".")[0] for name in found["modules"]}
    assert not {name for name in loaded if name.startswith(("rbee_vendor", "rbee_backend", "rbee_worker"))}
    assert rbee("toycommand", "--help", env={"PYTHONPATH": str(folder.path)}).returncode in (0, 1, 2)
    assert folder.marker.exists()  # the mark does tell
