"""The ``rbee`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Answer the two quickest questions at once; load the command line for everything else."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from ._version import __version__

        sys.stdout.write(f"rbee {__version__}\n")
        return
    from .cli.app import main as run

    run(arguments)


if __name__ == "__main__":
    main()
