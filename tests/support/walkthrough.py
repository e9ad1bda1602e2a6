"""Doing what a page of documentation says: its files are written, its commands run, what they print is compared."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from types import TracebackType
from typing import Self

from .markdown import ROOT, Block
from .stranger import Environment

#: What pages write where a port is any; another one that is free stands for it.
PORT = "8080"
#: Something that a page leaves out: a part of a line, or any number of lines.
GAP = "…"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def excerpt_of(block: Block) -> bool:
    """Whether a block is the file that its remark names, or lines of it that follow each other."""
    lines = (ROOT / block.argument).read_text("utf-8").splitlines()
    shown = block.text.splitlines()
    count = len(shown)
    return any(
        dedent("\n".join(lines[start : start + count])).splitlines() == shown
        for start in range(len(lines) - count + 1)
        if lines[start].strip() == shown[0].strip()
    )


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    going_on = False
    for line in block.text.splitlines():
        if going_on:
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        elif line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
        going_on = line.endswith("\\") and not found[-1][1]
    return found


def prints(output: str, said: list[str]) -> bool:
    """Whether what a command printed is what a page says; nothing said is nothing promised."""
    if not said:
        return True
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == GAP else re.escape(line.rstrip()).replace(GAP, r".*?") + r"[ ]*\n"
        for line in said
    )
    lines = "\n".join(line.rstrip() for line in _ESCAPES.sub("", output).splitlines()).strip("\n")
    return re.fullmatch(pattern, f"{lines}\n") is not None


@dataclass(slots=True)
class Walkthrough:
    """Somebody at a terminal, in a folder of their own; a context manager that ends what they left running."""

    folder: Path
    environment: Environment
    env: dict[str, str] = field(default_factory=dict)
    _port: str = ""
    _groups: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder.parent / "cwd").write_text(str(self.folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def follow(self, block: Block) -> None:
        """Do what a block says.

        :raises AssertionError: a command fails, or prints something else than the page says.
        """
        if block.kind == "file":
            self._write(Path(block.argument).relative_to("docs/examples"))
        elif block.kind == "run":
            for command, said in commands(block):
                status, output = self._run(command.replace(PORT, self._port))
                output = output.replace(self._port, PORT)
                wanted = block.argument == "fails" and command == commands(block)[-1][0]
                assert (status != 0) == wanted, f"line {block.line}: `{command}` ended with {status}:\n{output}"
                assert prints(output, said), (
                    f"line {block.line}: `{command}` printed\n{output}\ninstead of\n" + "\n".join(said)
                )

    def _write(self, name: Path) -> None:
        """The whole file, of which a page may show a part."""
        target = self.folder / name
        if target.parts and (self.folder / name.parts[0]).is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / "docs/examples" / name, target)

    def _run(self, command: str) -> tuple[int, str]:
        """In a shell that begins where the last one ended: its folder and its variables."""
        state, printed = self.folder.parent / "variables", self.folder.parent / "printed"
        state.touch()
        script = f'. "{state}"; cd "$(cat ../cwd)"\n{command}\nstatus=$?\npwd > "{self.folder.parent}/cwd"\n'
        script += f'export -p > "{state}"; exit $status'
        own = {"RBEE_HOME": str(self.folder.parent / "home"), "COLUMNS": "100", "GIT_CONFIG_GLOBAL": os.devnull}
        own["PIP_NO_BUILD_ISOLATION"] = "0"  # which means yes: what builds is there already
        with printed.open("w+", encoding="utf-8") as out:
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment.variables(**own, **self.env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            status = process.wait(timeout=200)
            out.seek(0)
            return status, out.read()
