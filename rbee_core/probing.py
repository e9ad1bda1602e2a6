"""What hardware detection looks at: the kernel's small text files, and what tools print. For backend plugins.

Whatever is odd about one of them, the answer is ``None`` and never an exception: it is not there, it is binary, it is
endless, it hangs.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .process_groups import kill_group, new_group

_LARGEST = 1 << 22
#: More processors than any kernel manages: a larger number in a list is a mistake in it.
_MOST_PROCESSORS = 1 << 16


def read_text(path: Path) -> str | None:
    """The file's text, or ``None`` when it is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def read_count(path: Path) -> int | None:
    """The whole number, zero or more, that a file holds; ``None`` for anything else, such as ``max``."""
    return to_count(read_text(path))


def to_count(text: str | None) -> int | None:
    """A text's whole number, zero or more."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 30 else None


def read_table(path: Path, separator: str | None = None) -> dict[str, str]:
    """A file of ``key value`` lines; of a key that comes twice the first."""
    table: dict[str, str] = {}
    for line in (read_text(path) or "").splitlines():
        key, _, value = line.partition(separator or " ")
        if key.strip():
            table.setdefault(key.strip(), value.strip())
    return table


def read_kibibytes(path: Path, key: str) -> int | None:
    """Bytes, out of a file of lines such as ``MemTotal:  16384 kB``."""
    count = to_count(read_table(path, ":").get(key, "").removesuffix("kB"))
    return None if count is None else count * 1024


def cpu_list(text: str | None) -> list[int]:
    """The processors that a list such as ``0-3,8`` names, in its order; empty when it is malformed."""
    found: list[int] = []
    for part in (text or "").strip().split(","):
        first, dash, last = part.partition("-")
        low = to_count(first)
        high = to_count(last) if dash else low
        if low is None or high is None or not low <= high < _MOST_PROCESSORS or len(found) > _MOST_PROCESSORS:
            return []
        found += range(low, high + 1)
    return found


def tidy(name: str | None, longest: int = 200) -> str:
    """A name as something else wrote it, fit for one line: no control characters, no double spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in name or "").split())[:longest]


def run_tool(argv: Sequence[str], limit: float = 2.0, env: Mapping[str, str] | None = None) -> str | None:
    """What a tool prints to standard output; ``None`` when it is not there, fails or takes longer than ``limit``.

    A tool that hangs is ended with all it started.

    :param limit: seconds.
    :param env: its variables, if not this process's own.
    """
    status, output = ask_tool(argv, limit, env, errors=False)
    return output if status == 0 else None


def ask_tool(
    argv: Sequence[str], limit: float = 2.0, env: Mapping[str, str] | None = None, *, errors: bool = True
) -> tuple[int | None, str]:
    """As `run_tool`, for a tool whose failures tell something: its exit status and what it printed.

    :param errors: what it prints to standard error counts too.
    :returns: the status is ``None`` when it took longer than ``limit``, and 127 when it cannot be started.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
            env=None if env is None else dict(env),
            **new_group(),
        )
    except (OSError, ValueError):
        return 127, ""
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=1)
        return None, ""
    return process.returncode, output[:_LARGEST].decode("utf-8", "replace")


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


#: What systems call an architecture → what recipes call it.
ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "armv8l": "aarch64"}


def machine_architecture() -> str:
    """This machine's, as recipes spell it: ``x86_64``, ``aarch64``."""
    name = platform.machine().lower()
    return ARCHITECTURES.get(name, name) or "unknown"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine to look at: this one, unless told otherwise, as tests do.

    ``root`` is where ``/sys``, ``/proc``, ``/dev`` and ``/opt`` are looked for, ``system`` is ``sys.platform``, and
    ``tool`` gives what a tool prints or ``None``; ``may_use`` says whether this process may read and write a file.
    """

    root: Path = Path("/")
    system: str = sys.platform
    architecture: str = field(default_factory=machine_architecture)
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    tool: Callable[[Sequence[str]], str | None] = run_tool
    may_use: Callable[[Path], bool] = _may_use


def sysctl(host: Host, *names: str) -> dict[str, str]:
    """What macOS' ``sysctl`` tells: of a name (``hw.memsize``), or of all below one (``hw``); nothing it refuses."""
    values: dict[str, str] = {}
    for name in names:  # one by one: of an unknown name it tells nothing, and fails
        pairs = (line.partition(":") for line in (host.tool(["sysctl", name]) or "").splitlines())
        values |= {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
    return values


def mac_memory_free(host: Host) -> int | None:
    """Bytes that a new process could have under macOS: free or reclaimable, as ``vm_stat`` counts them."""
    lines = (host.tool(["vm_stat"]) or "").splitlines()
    size = next((to_count(word) for word in (lines[0].split() if lines else ()) if word.isdigit()), None)
    pairs = (line.partition(":") for line in lines)
    pages = {key.strip(): to_count(value.strip().rstrip(".")) for key, _, value in pairs}
    found = [pages.get(f"Pages {kind}") for kind in ("free", "inactive", "speculative")]
    return None if size is None or found[0] is None else size * sum(count or 0 for count in found)
