"""What detection looks at, however odd it is: files that are endless or binary, tools that hang, lists that lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rbee_core.probing import Host, ask_tool, cpu_list, read_count, read_table, read_text, run_tool, tidy
from rbee_core.testing.trees import tools, unpack


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None
    assert read_text(Path("a\0b")) is None
    assert len(read_text(Path("/dev/zero")) or "") == 1 << 22


@pytest.mark.parametrize(
    ("text", "count"), [("12\n", 12), ("max", None), ("-1", None), ("²", None), ("9" * 40, None), ("", None)]
)
def test_a_count_is_a_plain_number(tmp_path: Path, text: str, count: int | None) -> None:
    (tmp_path / "file").write_text(text, encoding="utf-8")
    assert read_count(tmp_path / "file") == count


def test_of_a_key_that_comes_twice_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a 1\nb  2 3\na 9\nc\n\n")
    assert read_table(tmp_path / "file") == {"a": "1", "b": "2 3", "c": ""}


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("", []), ("3-1", []), ("0-", []), ("x", []), ("0-99999999", []),
     (",".join(["0-65535"] * 50), [])],
)  # fmt: skip
def test_lists_of_processors(text: str, cpus: list[int]) -> None:
    assert cpu_list(text) == cpus


def test_a_name_fits_one_line() -> None:
    assert tidy("  AMD\x1b[31m\tRadeon \n 780M\0 ") == "AMD [31m Radeon 780M"
    assert tidy(None) == ""


def test_a_tool_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert run_tool(["sh", "-c", f"sleep 1000 > {fifo} & wait"], limit=1) is None
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # nobody holds it open any more
    os.close(reader)
    assert run_tool(["sh", "-c", "echo out; echo err >&2"]) == "out\n"
    assert run_tool(["sh", "-c", "echo out; exit 3"]) is None
    assert run_tool([str(tmp_path / "missing")]) is None
    assert ask_tool(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\nerr\n")


def test_a_tree_stays_below_its_root(tmp_path: Path) -> None:
    text = "A remark.\n\n==> /a/b <==\none\ntwo\n\n==> $ tool x <==\nsaid\n\n==> c/ <==\n"
    unpack(text, tmp_path)
    assert (tmp_path / "a/b").read_text() == "one\ntwo\n"
    assert (tmp_path / "c").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    assert tools(text)(["/usr/bin/tool", "x"]) == "said\n"
    assert tools(text)(["tool", "y"]) is None
    with pytest.raises(ValueError, match="leaves the tree"):
        unpack("==> ../x <==\n", tmp_path)


def test_the_usual_host_is_this_machine() -> None:
    host = Host()
    assert (host.root, host.system) == (Path("/"), sys.platform)
    assert host.tool([sys.executable, "-c", "print(1)"]) == "1\n"
