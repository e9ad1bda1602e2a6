"""Reading many files at once, but not too many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from ..transfer import Tally

T = TypeVar("T")
R = TypeVar("R")

#: More readers only make one disk jump to and fro.
MOST = 4


def readers() -> int:
    """How many files are read at once."""
    return min(MOST, os.cpu_count() or 1)


def spread(work: Callable[[T], R], items: Iterable[T], tally: Tally) -> list[R]:
    """Do ``work`` for each item, a few at a time; the results are in the items' order.

    The first one that fails, and Ctrl-C, end the others at their next check of ``tally``.
    """
    with ThreadPoolExecutor(readers(), thread_name_prefix="rbee-read") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            tally.stop()
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]
