"""A worker's description, read completely; its package is never executed."""

from __future__ import annotations

from ..plugins.guard import FaultyPluginError
from ..plugins.loading import package_folder
from ..plugins.problems import PluginProblem
from ..plugins.records import PluginRecord
from ..workers.recipe import FILE_NAME, Origin, RecipeError, read_recipe


def check_worker(record: PluginRecord) -> None:
    """A worker is a package with a ``worker.toml`` that is about the worker its entry point names.

    :raises FaultyPluginError: it is not; with every problem of the description.
    """
    folder = package_folder(record)
    if not (folder / FILE_NAME).is_file():
        raise FaultyPluginError(f"{record.entry_point} carries no {FILE_NAME}", rule="recipe")
    try:
        recipe = read_recipe(folder, Origin("package", record.dist, record.version))
    except RecipeError as error:
        problems = [PluginProblem("recipe", str(problem), where=_where(problem.key)) for problem in error.problems]
        reason = f"its {FILE_NAME} cannot be used: {error.reason}"
        raise FaultyPluginError(reason, rule="recipe", problems=problems) from None
    if recipe.id != record.name:
        reason = f"its {FILE_NAME} describes {recipe.id!r}, its entry point is called {record.name!r}"
        raise FaultyPluginError(reason, rule="recipe")


def _where(key: str) -> str:
    return f"{FILE_NAME}, {key}" if key else FILE_NAME
