"""Building a worker of system ``pip``: an environment of its own, with its requirements and its own package in it.

For backend plugins: what differs between backends is which requirements, from where.
"""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Config
from ..contracts.recipe import WorkerRecipe, WorkerVariant
from ..contracts.worker import WorkerBinary
from ..errors import ErrorCode, RbeeError
from .causes import BUILD_AGAIN, find_cause
from .environment import Environment, Tools, create_environment, find_uv, install
from .machine import detected_machine
from .pip_options import MergedPip, merged_pip, torch_at_hand
from .placeholders import fill
from .prebuilt import NotPrebuiltError, take_prebuilt
from .preflight import Needs, Ready, check
from .recipe import own_files
from .recipe_checks import included_package

if TYPE_CHECKING:
    from ..contracts import Device
    from ..jobs import Job

#: The build's log, in the worker's folder.
LOG_NAME = "build.log"


def build_pip_worker(
    recipe: WorkerRecipe,
    variant: WorkerVariant,
    dest: Path,
    job: Job,
    *,
    env: Mapping[str, str] | None = None,
    needs: Needs | None = None,
    torch_backend: str | None = None,
    devices: Sequence[Device] = (),
    untried: str | None = None,
) -> WorkerBinary | None:
    """Build one variant of a worker into ``dest``; what a backend's ``build_worker`` returns.

    What the recipe wants compiled here is taken prebuilt where it can be had so. Else compiling is preceded by
    `preflight.check`, which finds what lacks within a second.

    :param env: variables for the tools, on top of the recipe's.
    :param needs: what compiling for this backend needs; by default a compiler.
    :param torch_backend: what ``torch_backend = "auto"`` means on this machine.
    :param devices: what prebuilt engines have to run on; without any, the recipe's ``prebuilt`` does not count.
    :param untried: why the worker cannot be tried on this machine, if it cannot: the recipe's check is left out then.
    :returns: the binary, or ``None`` when the recipe's build system is not ``pip``.
    :raises RbeeError: ``BUILD_FAILED`` with the last lines of output and the log's path; ``CANCELLED``.
    """
    if recipe.build.system != "pip":
        return None
    own = recipe.backend.get(variant.feature)
    pip = merged_pip(recipe, variant)
    pip.torch_backend = _torch_backend(pip, torch_backend, job)
    env = {**(own.env if own else {}), **(env or {})}
    more: dict[str, Any] = {"torchBackend": pip.torch_backend} if pip.torch_backend else {}
    tools = Tools(job, dest / LOG_NAME, time.monotonic() + recipe.build.timeout_s)
    environment, why_not = None, ""
    if pip.wheels or pip.offered(devices):
        environment = create_environment(dest / "env", tools)
        taken, why_not = _prebuilt(environment, pip, devices, tools, env)
        more |= taken
    if pip.from_source:
        ready = _ready_to_compile(needs, dest, env, job, why_not)
        env = {**env, **ready.env}
        more |= {"compiled": pip.from_source, "toolchain": ready.found}
    environment = environment or create_environment(dest / "env", tools)
    install_pip(environment, pip, tools, env)
    _copy_packages(recipe, pip, environment, tools)
    more |= {"installed": environment.versions(tools), "environment": env}
    if untried:
        more |= {"untried": untried}
        job.emit("worker_build_untried", f"{variant.id} is built, but not tried: {untried}.", worker=variant.id)
    else:
        _check(recipe, environment, tools, prebuilt="prebuilt" in more)
    return _binary(recipe, variant, environment, {"system": "pip", "requirements": pip.requirements, **more})


def check_pip_build(
    recipe: WorkerRecipe,
    variant: WorkerVariant,
    dest: Path,
    *,
    env: Mapping[str, str] | None = None,
    needs: Needs | None = None,
    torch_backend: str | None = None,
    devices: Sequence[Device] = (),
    untried: str | None = None,
) -> None:
    """See whether `build_pip_worker`, given the same, could begin; what a backend's ``check_build`` does.

    Whether an index really has what it may have is not asked here: a build finds out before it compiles anything.

    :raises RbeeError: ``BUILD_FAILED``: what is to be compiled lacks something to compile it with.
    """
    pip = merged_pip(recipe, variant)
    if recipe.build.system != "pip" or not pip.from_source or pip.wheels:
        return
    if Config()["offline"] or not pip.offered(devices):
        own = recipe.backend.get(variant.feature)
        check(needs or Needs(), dest, {**(own.env if own else {}), **(env or {})})


def _prebuilt(
    environment: Environment, pip: MergedPip, devices: Sequence[Device], tools: Tools, env: Mapping[str, str]
) -> tuple[dict[str, Any], str]:
    """Take the engine prebuilt, which leaves nothing to compile: where it came from; else nothing, and why not."""
    try:
        taken = take_prebuilt(environment, pip, devices, tools, env)
    except NotPrebuiltError as error:
        engine = ", ".join(pip.from_source)
        tools.job.emit("worker_build_compiled", f"{engine} is compiled: {error.message}.", reason=error.message)
        return {}, error.message
    pip.from_source = []
    return taken, ""


def _ready_to_compile(needs: Needs | None, dest: Path, env: Mapping[str, str], job: Job, why_not: str) -> Ready:
    """`preflight.check`, told in the log; its error also tells why nothing prebuilt was taken."""
    try:
        ready = check(needs or Needs(), dest, env)
    except RbeeError as error:
        if why_not:
            error.message += f"\nNor was it found prebuilt: {why_not}."
        raise
    job.log("; ".join(f"{name}: {what}" for name, what in ready.found.items()))
    return ready


def _binary(
    recipe: WorkerRecipe, variant: WorkerVariant, environment: Environment, provenance: dict[str, Any]
) -> WorkerBinary:
    """What is registered."""
    return WorkerBinary(
        id=variant.id,
        worker_type=variant.feature,
        platform=detected_machine().platform,
        path=str(environment.folder),
        size=folder_size(environment.folder.parent),
        version=recipe.version,
        supported_formats=recipe.capabilities.supported_formats,
        max_context_length=recipe.capabilities.max_context_length,
        supports_streaming=recipe.capabilities.supports_streaming,
        supports_batching=recipe.capabilities.supports_batching,
        provenance={
            **provenance,
            "installer": "uv" if find_uv() else "pip",
            "interpreter": sys.executable,
            "python": platform.python_version(),
        },
    )


def _torch_backend(pip: MergedPip, auto: str | None, job: Job) -> str | None:
    """Which of PyTorch's builds uv is to find; ``None`` where the user's own wheel does, or nothing is asked for."""
    backend = auto if pip.torch_backend == "auto" else pip.torch_backend
    if backend is None:
        return None
    if wheel := torch_at_hand(pip.requirements, backend):
        job.log(f"PyTorch comes from {wheel}.")
        return None
    if find_uv() is None:
        raise RbeeError(
            ErrorCode.BUILD_FAILED,
            f"PyTorch for {backend} is found by uv, and there is no uv.",
            "Install it: pip install uv. Or set PIP_FIND_LINKS to a folder that has the wheel of PyTorch.",
        )
    return backend


def install_pip(environment: Environment, pip: MergedPip, tools: Tools, env: Mapping[str, str]) -> None:
    """Install what a recipe requires: what is prebuilt first, then what is compiled here.

    In two steps, since compiled wheels are not to come from a cache: those of uv and pip do not know with which
    variables, for which GPU, a wheel was compiled.

    :raises RbeeError: ``BUILD_FAILED``, ``CANCELLED``.
    """
    ready, here = pip.compiled()
    install(environment, ready, tools, index_url=pip.index_url, env=env, torch_backend=pip.torch_backend)
    if here:
        scratch = tools.log.parent / "scratch"  # goes with a build that is killed, unlike the system's folder
        scratch.mkdir(exist_ok=True)
        env = {**env, "TMPDIR": str(scratch)}
        install(environment, here, tools, index_url=pip.index_url, env=env, compile_them=True)
        shutil.rmtree(scratch, ignore_errors=True)


def _copy_packages(recipe: WorkerRecipe, pip: MergedPip, environment: Environment, tools: Tools) -> None:
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


def _check(recipe: WorkerRecipe, environment: Environment, tools: Tools, *, prebuilt: bool) -> None:
    """Run the recipe's own check, so that what is registered is known to start."""
    if recipe.run is None or recipe.run.check is None:
        return
    argv = fill(recipe.run.check, {"python": environment.python, "prefix": environment.folder})
    try:
        tools.run(argv, "start the worker's own check")
    except RbeeError as error:
        if error.code is ErrorCode.BUILD_FAILED:
            _explain(error, prebuilt=prebuilt)
        raise


def _explain(error: RbeeError, *, prebuilt: bool) -> None:
    """Add to a failed check's error the cause, where its last lines give it away, and what helps."""
    cause = find_cause(error.message.splitlines())
    if cause is not None:
        error.message += f"\nThe cause: {cause.what}."
    if cause is not None and cause.advice != BUILD_AGAIN:
        error.hint = f"{cause.advice}\n{error.hint}"
    if prebuilt:
        error.hint += "\nThe engine came prebuilt. To have it compiled here: RBEE_ENGINE_WHEELS=off"


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
