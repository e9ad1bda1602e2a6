"""Reading ``worker.toml``: everything that is wrong with one is said at once, by key, with what is allowed."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..contracts.recipe import WorkerRecipe
from ..errors import ErrorCode, RbeeError
from .recipe_checks import Problem, check_meaning, check_shape, included_package
from .recipe_version import find_version

#: The file's name in a worker's folder.
FILE_NAME = "worker.toml"
#: Bytes a description may have.
MAX_SIZE = 1 << 20

Source = Literal["local", "package", "remote", "community"]


class RecipeError(RbeeError):
    """A ``worker.toml`` that cannot be used, with every problem that was found."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        listed = "; ".join(str(problem) for problem in problems)
        super().__init__(ErrorCode.PLUGIN_ERROR, f"{path} is not a usable worker description: {listed}")

    @property
    def reason(self) -> str:
        """All problems in one line."""
        return "; ".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.problems)


@dataclass(frozen=True, slots=True)
class Origin:
    """How a description was found. ``dist`` and ``version`` are those of the distribution that carries it."""

    source: Source = "local"
    dist: str | None = None
    version: str | None = None


def read_recipe(folder: Path, origin: Origin = Origin()) -> WorkerRecipe:
    """The worker that a folder's ``worker.toml`` describes.

    :raises RecipeError: it is missing, malformed, or says something that is not allowed.
    """
    path = folder / FILE_NAME
    raw = _read(path)
    table = _parse(path, raw)
    problems = check_shape(table)
    version, version_problems = find_version(table, folder, origin.dist, origin.version)
    problems += version_problems
    recipe = None
    if not problems:
        recipe, problems = _build(table, version, folder, origin, raw)
    if recipe is None:
        raise RecipeError(path, problems)
    return recipe


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise RecipeError(path, [Problem("", error.strerror or str(error))]) from None
    if len(raw) > MAX_SIZE:
        raise RecipeError(path, [Problem("", f"is larger than {MAX_SIZE} bytes")])
    return raw


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(path, [Problem("", f"is not TOML: {error}")]) from None


def _build(
    table: dict[str, Any], version: str, folder: Path, origin: Origin, raw: bytes
) -> tuple[WorkerRecipe | None, list[Problem]]:
    worker = {key: value for key, value in table["worker"].items() if key not in ("version", "version_from")}
    recipe = WorkerRecipe.model_validate(
        {
            **worker,
            **{key: table[key] for key in ("build", "run", "backend", "capabilities", "platforms") if key in table},
            "version": version,
            "source": origin.source,
            "location": str(folder),
            "dist": origin.dist,
            "digest": recipe_digest(raw, folder, table),
        }
    )
    problems = check_meaning(recipe, folder)
    return (None if problems else recipe), problems


def recipe_digest(raw: bytes, folder: Path, table: dict[str, Any]) -> str:
    """What a build depends on: the description, and the files of the packages that are copied in with it."""
    hasher = hashlib.sha256(raw)
    tables = [section.get("pip", {}) for section in (table.get("build", {}), *table.get("backend", {}).values())]
    folders = [folder] if any(pip.get("include_self") for pip in tables) else []
    named = sorted({name for pip in tables for name in pip.get("include_packages", [])})
    folders += [found for name in named if (found := included_package(name)) is not None]
    for package in folders:
        for path in own_files(package):
            name = path.relative_to(package).as_posix() if package == folder else path.relative_to(package.parent)
            hasher.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{hasher.hexdigest()}"


def own_files(folder: Path) -> list[Path]:
    """The files of the package that carries a description, as they are copied into an environment."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts)
    ]
