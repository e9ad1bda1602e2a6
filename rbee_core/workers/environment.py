"""Environments for workers: made with uv where it is there, else with venv and pip. For backend plugins.

A build's tools run in a process group of their own, so that cancelling leaves no process behind; their output goes line
by line to the job and to a log file.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING

from ..errors import ErrorCode, RbeeError
from ..process_groups import end_group, new_group

if TYPE_CHECKING:
    from ..jobs import Job

#: Lines of a failed tool's output that the error repeats.
_LAST_LINES = 8


@dataclass(slots=True)
class Tools:
    """Runs a build's tools.

    :param job: gets every line, and is asked whether to stop.
    :param log: the file that gets every line too.
    :param deadline: when to give up, on the monotonic clock.
    """

    job: Job
    log: Path
    deadline: float
    _last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def run(
        self, argv: Sequence[str], what: str, env: Mapping[str, str] | None = None, *, prefix: str = ""
    ) -> list[str]:
        """Run one tool to its end.

        :param what: what it does, for messages: ``install the requirements``.
        :param env: variables on top of this process's own.
        :param prefix: what the tool puts before the lines of others, which is left out.
        :returns: the lines it wrote.
        :raises RbeeError: ``BUILD_FAILED`` with its last lines and the log's path; ``CANCELLED``.
        """
        self.job.check_cancelled()
        self._last.clear()
        lines: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(argv)}\n")
            try:
                process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=_environment(env),
                    # A project's settings, such as its constraints, are not meant for this: no project is at the root.
                    cwd=self.log.anchor,
                    **new_group(),
                )
            except OSError as error:
                raise self.failed(f"cannot {what}: {argv[0]}: {error.strerror}") from None
            try:
                for line in self._lines(process, what, prefix):
                    log.write(line + "\n")
                    log.flush()
                    lines.append(line)
                    self._last.append(line)
                    self.job.log(line)
                status = process.wait()
            finally:
                end_group(process, grace=0)
        if status != 0:
            raise self.failed(f"could not {what}: {Path(argv[0]).name} ended with status {status}")
        return lines

    def failed(self, message: str) -> RbeeError:
        """The error for a build that cannot go on, with the last lines of output."""
        shown = "".join(f"\n  {line}" for line in self._last)
        return RbeeError(ErrorCode.BUILD_FAILED, f"The build {message}{shown}", f"The whole log: {self.log}")

    def _lines(self, process: subprocess.Popen[bytes], what: str, prefix: str) -> Iterator[str]:
        """The lines as they come; looks five times a second whether to stop."""
        queue: SimpleQueue[str | None] = SimpleQueue()
        assert process.stdout is not None
        threading.Thread(target=_read_lines, args=(process.stdout, queue), daemon=True).start()
        while True:
            try:
                line = queue.get(timeout=0.2)
            except Empty:
                line = ""
            self.job.check_cancelled()
            if time.monotonic() > self.deadline:
                raise self.failed(f"took too long to {what} and was stopped")
            if line is None:
                return
            if line := line.removeprefix(prefix):
                yield line


def _read_lines(stream: IO[bytes], queue: SimpleQueue[str | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for raw in stream:
            queue.put(_CREDENTIALS.sub("://***@", raw.decode("utf-8", "replace").rstrip()))
    queue.put(None)


#: The credentials of an index, in an address that a tool repeats.
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
#: This process's own Python, which must not show through in another.
_OURS = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__", "UV_PROJECT_ENVIRONMENT"}
#: pip's index settings, and uv's names for them: uv does not read pip's.
_INDEX_SETTINGS = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX"}
#: The same for folders of wheels, of which pip has a list parted by spaces and uv one parted by commas.
_FIND_LINKS = ("PIP_FIND_LINKS", "UV_FIND_LINKS")


#: What uv puts before a compiler's lines.
_DEBUG = "DEBUG "
#: Where else wheels could come from.
_OTHER_PLACES = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
#: The files of settings that uv and pip read, where these name one.
_FILES = ("UV_CONFIG_FILE", "PIP_CONFIG_FILE")


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """This process's variables, which carry the index settings, without those of its own Python."""
    env = {name: value for name, value in os.environ.items() if name not in _OURS}
    if not any(name in env for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")):
        env |= {theirs: env[name] for name, theirs in _INDEX_SETTINGS.items() if env.get(name)}
    if env.get(_FIND_LINKS[0]) and not env.get(_FIND_LINKS[1]):
        env[_FIND_LINKS[1]] = ",".join(env[_FIND_LINKS[0]].split())
    return {**env, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **(extra or {})}


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python environment of a worker's own."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        if sys.platform == "win32":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"

    def site_packages(self, tools: Tools) -> Path:
        """Where its packages lie."""
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return Path(tools.run([str(self.python), "-c", code], "ask the environment for its folders")[-1])

    def versions(self, tools: Tools) -> dict[str, str]:
        """Every distribution installed in it, with its version, as its own interpreter sees them."""
        code = (
            "from importlib.metadata import distributions\n"
            "for d in distributions(): print(d.metadata['Name'] + '==' + d.version)"
        )
        lines = tools.run([str(self.python), "-c", code], "list what was installed")
        return dict(sorted(line.split("==", 1) for line in lines if "==" in line))


def create_environment(folder: Path, tools: Tools, *, interpreter: str = sys.executable) -> Environment:
    """Make an environment for ``interpreter``'s Python.

    :raises RbeeError: ``BUILD_FAILED``, ``CANCELLED``.
    """
    if uv := find_uv():
        tools.run([uv, "venv", "--python", interpreter, str(folder)], "make an environment")
    else:
        tools.run([interpreter, "-m", "venv", str(folder)], "make an environment")
    return Environment(folder)


def install(
    environment: Environment,
    requirements: Sequence[str],
    tools: Tools,
    *,
    index_url: str | None = None,
    env: Mapping[str, str] | None = None,
    torch_backend: str | None = None,
    compile_them: bool = False,
) -> None:
    """Install requirements. Which indexes are used is up to pip's and uv's own settings, files and variables.

    :param index_url: an index to look at besides those.
    :param torch_backend: which of PyTorch's builds to take, in uv's words. pip has no such option.
    :param compile_them: compile the named distributions, but not what they require, here and now: neither prebuilt
        wheels nor cached ones count, and the compiler's output is shown.
    :raises RbeeError: ``BUILD_FAILED``, ``CANCELLED``.
    """
    if not requirements:
        return
    offline = tools.job.options.offline
    what = "compile " + ", ".join(requirements) if compile_them else "install the requirements"
    what += " offline, from what was downloaded before" if offline else ""
    names = _names(requirements) if compile_them else []
    if uv := find_uv():
        argv = [uv, "pip", "install", "--python", str(environment.python)]
        argv += ["--index", index_url] if index_url else []
        argv += ["--torch-backend", torch_backend] if torch_backend else []
        argv += [word for name in names for word in ("--no-binary", name)]
        argv += ["--no-cache"] if compile_them else []
        argv += ["--offline"] if offline else []
        env = {"RUST_LOG": "uv_build_frontend=debug", **(env or {})} if compile_them else env  # which shows its output
    else:
        argv = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        argv += ["--extra-index-url", index_url] if index_url else []
        argv += ["--no-binary", ",".join(names), "--no-cache-dir", "--verbose"] if compile_them else []
        argv += ["--no-index"] if offline else []
    tools.run([*argv, *requirements], what, env, prefix=_DEBUG if uv and compile_them else "")


def install_wheels(
    environment: Environment, requirements: Sequence[str], tools: Tools, place: str, env: Mapping[str, str]
) -> None:
    """Install prebuilt wheels from one place and no other, without what they require.

    :param place: an index's address, or a folder.
    :raises RbeeError: ``BUILD_FAILED``: there is none that fits; ``CANCELLED``.
    """
    if not requirements:
        return
    uv = find_uv()
    argv = [uv, "pip", "install", "--python", str(environment.python)] if uv else []
    argv = argv or [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    index = place.startswith(("http://", "https://"))
    # uv's --index-url would yield to the variable UV_DEFAULT_INDEX.
    argv += ["--default-index" if uv else "--index-url", place] if index else ["--no-index", "--find-links", place]
    argv += ["--offline"] if uv and tools.job.options.offline else []
    argv += ["--no-deps", "--only-binary", ":all:"]
    # The tools' own files may name other indexes, of which uv would ask the first.
    alone = {**dict.fromkeys(_OTHER_PLACES, ""), **dict.fromkeys(_FILES, os.devnull)}
    tools.run([*argv, *requirements], f"take prebuilt wheels from {place}", {**env, **alone})


def unpack_wheel(environment: Environment, requirement: str, tools: Tools, folder: Path) -> None:
    """Put one distribution's wheel, as the person's own indexes have it, into a folder, to be looked at.

    Nothing of it is run, and what it requires is left out.

    :raises RbeeError: ``BUILD_FAILED``: there is none; ``CANCELLED``.
    """
    uv = find_uv()
    python = str(environment.python)
    argv = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install", "--no-input"]
    argv += ["--offline"] if uv and tools.job.options.offline else []
    argv += ["--target", str(folder), "--no-deps", "--only-binary", ":all:"]
    tools.run([*argv, requirement], f"look at the description of {requirement}")


def _names(requirements: Sequence[str]) -> list[str]:
    from packaging.requirements import Requirement

    return [Requirement(text).name for text in requirements]


def find_uv() -> str | None:
    """The uv program: the one on PATH, or the one installed beside this Python; ``None`` if there is none."""
    if os.environ.get("RBEE_NO_UV"):
        return None
    beside = Path(sys.executable).with_name("uv.exe" if sys.platform == "win32" else "uv")
    return shutil.which("uv") or (str(beside) if beside.is_file() else None)
