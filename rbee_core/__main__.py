"""The ``rbee`` command."""

import sys


def main() -> None:
    """Answer the two quickest questions at once; load the command line for everything else."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from ._version import __version__

        sys.stdout.write(f"rbee {__version__}\n")
        return
    if arguments == ["plugins", "list", "--json"] and _list_plugins():
        return
    from .cli.app import main as run

    run(arguments)


def _list_plugins() -> bool:
    """Print the list without loading the command line; ``False`` leaves wording what is wrong to that."""
    from .errors import UsageError
    from .plugins.fastlist import listing

    try:
        text = listing()
    except UsageError:
        return False
    sys.stdout.write(text)
    return True


if __name__ == "__main__":
    main()
