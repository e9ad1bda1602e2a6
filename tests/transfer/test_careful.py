"""Care that shows only when something is given up, exchanged under our hands, or somebody else's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import listen, open_regular
from rbee_core.transfer.copy import _may_link


def test_what_is_given_up_is_closed() -> None:
    closed = threading.Event()

    def produce() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    items = listen(produce, check=lambda: None, stall=30)
    assert next(items) == b"x"
    cast(Any, items).close()
    assert closed.wait(30)


def test_what_is_listened_to_may_fail_in_any_way() -> None:
    def produce() -> Iterator[int]:
        yield 1
        raise SystemExit(3)

    items = listen(produce, check=lambda: None, stall=30)
    assert next(items) == 1
    with pytest.raises(SystemExit):
        next(items)


@pytest.mark.timeout(20)
def test_a_pipe_put_in_a_files_place_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x")
    regular = (tmp_path / "file").stat()
    os.mkfifo(tmp_path / "pipe")
    # As if it had been exchanged between the look and the opening.
    monkeypatch.setattr(Path, "stat", lambda self, **_options: regular)
    with pytest.raises(RbeeError) as caught:
        open_regular(tmp_path / "pipe")
    assert caught.value.code is ErrorCode.UNSAFE_PATH


@pytest.mark.parametrize(
    ("source", "folder", "linked"),
    [
        ({}, {}, True),
        ({"st_mode": 0o100664}, {}, True),
        ({"st_uid": 1}, {}, False),
        ({}, {"st_uid": 1}, False),
        ({"st_mode": 0o100646}, {}, False),
        ({"st_mode": 0o100664, "st_gid": 1}, {}, False),
        ({"st_mode": 0o100644, "st_gid": 1}, {}, True),
    ],
)
def test_whose_files_are_linked(source: dict[str, int], folder: dict[str, int], linked: bool) -> None:
    mine = {"st_uid": os.geteuid(), "st_gid": os.getegid(), "st_mode": 0o100644}
    others = {"st_uid": mine["st_uid"] + 1, "st_gid": mine["st_gid"] + 1}
    given = [
        cast(Any, SimpleNamespace(**mine | {key: others.get(key, value) for key, value in changes.items()}))
        for changes in (source, folder)
    ]
    assert _may_link(*given) is linked
