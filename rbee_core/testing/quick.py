"""The command line with shorter waits between two tries: ``python -m rbee_core.testing.quick SECONDS ARGUMENT…``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from .cli import RbeeHome, clean_env

#: The first wait between two tries, in seconds, in place of the real one.
BACKOFF = 0.01


def quick_rbee(
    home: RbeeHome, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run ``rbee`` in a home, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "rbee_core.testing.quick", str(BACKOFF), *arguments],
        env=clean_env({**home.environment, **(env or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def main(backoff: float, arguments: list[str]) -> None:
    """What the process does."""
    from ..__main__ import main as rbee
    from ..transfer import retry

    retry.BACKOFF = backoff
    sys.argv[1:] = arguments
    rbee()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
