"""``rbee plugins new``: a complete distribution to begin a plugin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..plugins.records import KINDS
from . import output
from .plugins_common import AsJson, the_manager

if TYPE_CHECKING:
    from ..plugins.scaffold.authors import Author
    from ..plugins.scaffold.names import Naming

_KINDS = {
    "vendor": "models from somewhere",
    "backend": "hardware to compute on",
    "worker": "a program that runs models",
    "command": "a command of rbee",
}


def _kinds(incomplete: str) -> list[tuple[str, str]]:
    return list(_KINDS.items())


def new(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.", autocompletion=_kinds),
    ],
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The scheme, the kind of hardware, the worker's id or the command."),
    ],
    parent: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the folder is made.")] = Path(),
    author: Annotated[
        str | None,
        typer.Option(
            "--author", metavar="AUTHOR", help="'Ada Lovelace <ada@example.org>'; else as git's settings say."
        ),
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", metavar="SPDX", help="An SPDX identifier or expression.")
    ] = "Apache-2.0",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files that it would have.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a plugin to begin with: a distribution that works, with its tests, into ./rbee-KIND-NAME/."""
    from ..plugins.scaffold import authors, layout, licences, names, write
    from .app import COMMANDS

    naming = names.named(kind, name, the_manager().records(), COMMANDS)
    spdx = licences.canonical(licence)
    by = authors.author(author)
    files = layout.files(naming, by, spdx, licences.text(spdx, by))
    folder = parent.expanduser().absolute() / naming.dist
    if dry_run:
        write.refuse_taken(folder)
    else:
        write.write(folder, files)
    if as_json:
        output.print_json(_json(naming, by, spdx, folder, list(files), dry_run=dry_run))
    elif dry_run:
        for file in files:
            typer.echo(folder / file)
    else:
        typer.echo(folder)
        _tell(naming, by, spdx, folder)


def _tell(naming: Naming, by: Author, spdx: str, folder: Path) -> None:
    """What is to be done next, and what is left to be filled in."""
    from ..plugins.scaffold.licences import TEXTS
    from ..plugins.scaffold.names import resembles

    output.note("Next:\n" + "\n".join(f"  {line}" for line in _next(naming, folder)))
    gaps = ["the project's addresses (pyproject.toml)"]
    gaps += ["the author (pyproject.toml)"] if by.gap else []
    gaps += [f"the text of {spdx} (LICENSE)"] if spdx not in TEXTS else []
    output.note(f"Before it is published, fill in: {', '.join(gaps)}.")
    if other := resembles(naming):
        output.warn(f"{naming.dist} resembles {other}, which is first-party: whoever installs it is warned of that.")


def _next(naming: Naming, folder: Path) -> list[str]:
    from importlib.util import find_spec

    pip = "pip" if find_spec("pip") is not None else "uv pip"  # as the environment has it that rbee runs in
    return [
        f"cd {shlex.quote(str(folder))}",
        f'{pip} install -e ".[test]"',
        "pytest",
        "rbee plugins list",
        f"rbee plugins check {naming.name}",
    ]


def _json(naming: Naming, by: Author, spdx: str, folder: Path, files: list[str], *, dry_run: bool) -> dict[str, Any]:
    from ..plugins.scaffold.layout import entry_point

    return {
        "kind": naming.kind,
        "name": naming.name,
        "dist": naming.dist,
        "package": naming.package,
        "entryPoint": entry_point(naming),
        "folder": str(folder),
        "files": files,
        "author": {"name": by.name, "email": by.email or None, "given": not by.gap},
        "license": spdx,
        "dryRun": dry_run,
        "next": _next(naming, folder),
    }
