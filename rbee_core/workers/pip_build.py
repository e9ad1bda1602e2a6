"""Building a worker of system ``pip``: an environment of its own, with its requirements and its own package in it.

For backend plugins: what differs between backends is which requirements, from where.
"""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.recipe import PipBuild, WorkerRecipe, WorkerVariant
from ..contracts.worker import WorkerBinary
from ..errors import ErrorCode, RbeeError
from .environment import Environment, Tools, create_environment, find_uv, install
from .machine import detected_machine
from .placeholders import fill
from .recipe import own_files
from .recipe_checks import included_package

if TYPE_CHECKING:
    from ..jobs import Job

#: The build's log, in the worker's folder.
LOG_NAME = "build.log"


def build_pip_worker(
    recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, *, env: Mapping[str, str] | None = None
) -> WorkerBinary | None:
    """Build one variant of a worker into ``dest``; what a backend's ``build_worker`` returns.

    :param env: variables for the tools, on top of the recipe's.
    :returns: the binary, or ``None`` when the recipe's build system is not ``pip``.
    :raises RbeeError: ``BUILD_FAILED`` with the last lines of output and the log's path; ``CANCELLED``.
    """
    if recipe.build.system != "pip":
        return None
    own = recipe.backend.get(variant.feature)
    pip = _merged(recipe.build.pip, own.pip if own else None)
    env = {**(own.env if own else {}), **(env or {})}
    tools = Tools(job, dest / LOG_NAME, time.monotonic() + recipe.build.timeout_s)
    environment = create_environment(dest / "env", tools)
    install(environment, pip.requirements, tools, index_url=pip.index_url, env=env)
    _copy_packages(recipe, pip, environment, tools)
    versions = environment.versions(tools)
    _check(recipe, environment, tools)
    return WorkerBinary(
        id=variant.id,
        worker_type=variant.feature,
        platform=detected_machine().platform,
        path=str(environment.folder),
        size=folder_size(dest),
        version=recipe.version,
        supported_formats=recipe.capabilities.supported_formats,
        max_context_length=recipe.capabilities.max_context_length,
        supports_streaming=recipe.capabilities.supports_streaming,
        supports_batching=recipe.capabilities.supports_batching,
        provenance={
            "system": "pip",
            "requirements": pip.requirements,
            "installed": versions,
            "installer": "uv" if find_uv() else "pip",
            "interpreter": sys.executable,
            "python": platform.python_version(),
            "environment": dict(env),
        },
    )


def _merged(shared: PipBuild | None, own: PipBuild | None) -> PipBuild:
    """The build's requirements and the feature's: both lists, and the feature's index before the build's."""
    shared, own = shared or PipBuild(), own or PipBuild()
    return PipBuild(
        requirements=[*shared.requirements, *own.requirements],
        index_url=own.index_url or shared.index_url,
        include_self=own.include_self or shared.include_self,
        include_packages=[*shared.include_packages, *own.include_packages],
    )


def _copy_packages(recipe: WorkerRecipe, pip: PipBuild, environment: Environment, tools: Tools) -> None:
    """Copy the package that carries the description, with its version noted beside it, and those that it names."""
    sources = [Path(recipe.location)] if pip.include_self else []
    sources += [folder for name in pip.include_packages if (folder := included_package(name)) is not None]
    if not sources:
        return
    site_packages = environment.site_packages(tools)
    source = sources[0]
    try:
        for source in sources:
            for path in own_files(source):
                copy = site_packages / source.name / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        if pip.include_self:
            note = site_packages / Path(recipe.location).name / "VERSION"
            note.write_text(recipe.version + "\n", encoding="utf-8")
    except OSError as error:
        raise RbeeError(
            ErrorCode.BUILD_FAILED,
            f"The build could not copy the package {source}: {error}",
            f"The whole log: {tools.log}",
        ) from None


def _check(recipe: WorkerRecipe, environment: Environment, tools: Tools) -> None:
    """Run the recipe's own check, so that what is registered is known to start."""
    if recipe.run is None or recipe.run.check is None:
        return
    argv = fill(recipe.run.check, {"python": environment.python, "prefix": environment.folder})
    tools.run(argv, "start the worker's own check")


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
