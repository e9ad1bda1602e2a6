"""How long programs with plugins take to start, with 0, 10 and 100 of them installed (design §7). Run by hand:
``uv run python tests/benchmarks/startup.py [--rounds N]``; a minute and a quarter, and it wants an idle machine.

Each program is installed by uv from the package index into an environment of its own, so that it meets nobody else's
packages: rbee from this checkout (``rbee-core`` alone, as a wheel), llm, datasette, huggingface_hub (``hf``) and
ramalama in the versions of `PEERS`. What cannot be installed is absent from the table and said to be. The plugins are
generated: a distribution with one entry point and one small module that works, in a folder on PYTHONPATH. hf and
ramalama have no plugins: they stand here as what people are used to wait for.

Time and CPU seconds are those of the whole process, the median of the rounds; in each round every command runs once.
Each has run before, so that all have their bytecode. Modules are counted when the program ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import uv

from rbee_core.testing.dists import VENDOR, make_dist

PEERS = {
    "llm": "llm==0.36",
    "datasette": "datasette==0.65.5",
    "hf": "huggingface_hub==2.4.0",
    "ramalama": "ramalama==0.25.0",
}
COUNTS = (0, 10, 100)
CHECKOUT = Path(__file__).parents[2]
#: Entry-point group, the object it names, and a module that works as a plugin.
PLUGINS = {
    "rbee": ("rbee.vendors", ":Vendor", VENDOR),
    "llm": ("llm", "", "import llm\n\n@llm.hookimpl\ndef register_commands(cli):\n    pass\n"),
    "datasette": (
        "datasette",
        "",
        "from datasette import hookimpl\n\n@hookimpl\ndef extra_css_urls():\n    return []\n",
    ),
}
COMMANDS = {
    "rbee --version": COUNTS,
    "rbee plugins list --json": COUNTS,
    "rbee plugins list": COUNTS,
    "llm plugins": COUNTS,
    "datasette plugins": COUNTS,
    "hf version": (0,),
    "ramalama version": (0,),
}
#: Runs a console script as its interpreter would, then tells how many modules are loaded.
COUNT = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(f"\\n{len(sys.modules)}\\n"))
sys.argv = sys.argv[1:]
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__"})
"""


@dataclass
class Case:
    """One command with a number of plugins, and what it took."""

    name: str
    count: int
    command: list[str]
    env: dict[str, str]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    modules: int = 0
    trouble: str = ""


def install(program: str, what: str, folder: Path) -> Path:
    """An environment with one program in it; its folder of programs, which lacks it if it cannot be had."""
    place = folder / f"env-{program}"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "--python", sys.executable, str(place)], check=True)
    env = {**os.environ, "VIRTUAL_ENV": str(place)}
    subprocess.run([uv.find_uv_bin(), "pip", "install", "-q", what], env=env, check=False, cwd=folder)
    return place / "bin"


def generate(program: str, count: int, folder: Path) -> Path:
    """A folder with so many plugins for a program."""
    site = folder / f"plugins-{program}-{count}"
    site.mkdir()
    group, attribute, source = PLUGINS[program]
    for number in range(count):
        module = f"toy_{program}_{number}"
        name = f"toy{number}"
        make_dist(site, module, "1.0", {group: {name: module + attribute}}, {f"{module}.py": source})
    return site


def cases(folder: Path) -> Iterator[Case]:
    """Everything that is measured, in the order of the table."""
    places = {program: install(program, what, folder) for program, what in {"rbee": str(CHECKOUT), **PEERS}.items()}
    sites = {(program, count): generate(program, count, folder) for program in PLUGINS for count in COUNTS}
    home = folder / "home"
    home.mkdir()
    for name, counts in COMMANDS.items():
        program, *arguments = name.split()
        for count in counts:
            env = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
            if count:
                env["PYTHONPATH"] = str(sites[program, count])
            case = Case(name, count, [str(places[program] / program), *arguments], env)
            if not Path(case.command[0]).exists():
                case.trouble = "absent: it could not be installed"
            yield case


def warm(case: Case) -> None:
    """Run once, for the bytecode, for what it prints, and for the number of modules."""
    python = Path(case.command[0]).with_name("python")
    done = subprocess.run([str(python), "-c", COUNT, *case.command], env=case.env, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1:]
    if done.returncode or not last or not last[0].isdigit():
        case.trouble = f"failed: {' '.join(done.stderr.split())[:120]}"
        return
    case.modules = int(last[0])
    if "plugins" in case.name and case.count and done.stdout.count("toy") < case.count:
        case.trouble = f"failed: it does not see its {case.count} plugins"
    subprocess.run(case.command, env=case.env, capture_output=True, check=False)


def measure(case: Case) -> None:
    """Run once, and note the time and the CPU seconds of the process."""
    began = time.perf_counter()
    process = subprocess.Popen(
        case.command, env=case.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    case.seconds.append(time.perf_counter() - began)
    process.returncode = os.waitstatus_to_exitcode(status)
    case.cpu.append(usage.ru_utime + usage.ru_stime)


def report(found: list[Case]) -> None:
    """Print the table, in Markdown, and what the design asks for beside what came of it."""
    print("| command | plugins | s | CPU s | modules |\n|---|---|---|---|---|")
    for case in found:
        plugins = case.count if case.name.split()[0] in PLUGINS else "-"
        if case.trouble:
            print(f"| {case.name} | {plugins} | {case.trouble} | | |")
        else:
            print(f"| {case.name} | {plugins} | {median(case.seconds):.3f} | {median(case.cpu):.3f} | {case.modules} |")
    good = {(case.name, case.count): case for case in found if not case.trouble}
    print()
    for name, most in (("rbee --version", 60), ("rbee plugins list --json", 150)):
        if (case := good.get((name, 100))) is not None:
            print(f"- `{name}` with 100 plugins: {case.modules} modules (at most {most}).")
    none, hundred = (good.get(("rbee plugins list --json", count)) for count in (0, 100))
    if none and hundred:
        print(f"- 100 plugins cost {median(hundred.seconds) / median(none.seconds):.2f} times none (at most 1.5).")


def main() -> None:
    """Install, run everything once, then measure in rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        found = list(cases(Path(folder)))
        for case in found:
            if not case.trouble:
                warm(case)
        for _ in range(rounds):
            for case in found:
                if not case.trouble:
                    measure(case)
        report(found)


if __name__ == "__main__":
    main()
