"""Options of the commands that choose a worker, and how they become one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ErrorCode, RbeeError
from . import complete
from .options import Offline, Paths, facade

if TYPE_CHECKING:
    from ..contracts import ModelEntry, WorkerRecipe, WorkerVariant
    from ..jobs import Job
    from ..planning.candidates import Request
    from ..planning.plan import Plan
    from ..workers.runtime import StartOptions


class KvType(StrEnum):
    """How the KV cache may be stored."""

    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"
    Q5_1 = "q5_1"
    Q5_0 = "q5_0"
    Q4_1 = "q4_1"
    Q4_0 = "q4_0"
    IQ4_NL = "iq4_nl"


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A catalog id or a model reference.", autocompletion=complete.references)
]


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What a worker has to be like. Each field is an option of every command decorated with `with_worker_options`."""

    backend: Annotated[
        str | None, typer.Option(help="Run on this backend only, e.g. cpu.", autocompletion=complete.backends)
    ] = None
    device: Annotated[
        str | None,
        typer.Option(
            help="Run on this device, e.g. GPU-0; or on several: GPU-0,GPU-1.", autocompletion=complete.devices
        ),
    ] = None
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens a request may use, prompt and answer together.")
    ] = None
    parallel: Annotated[int | None, typer.Option(min=1, max=256, help="Requests computed at once.")] = None
    kv_type: Annotated[KvType | None, typer.Option(help="How the KV cache is stored.")] = None
    path: Paths = None
    allow_retired: Annotated[bool, typer.Option("--allow-retired", help="Run the model even if it is retired.")] = False
    offline: Offline = None

    def request(self, *, parallel: int = 1, advice: bool = False) -> Request:
        """What the planner is asked.

        :param parallel: requests computed at once if nothing was asked for.
        :param advice: what would be better is wanted, too.
        """
        from ..planning.candidates import Request

        return Request(
            backend=self.backend,
            device=self.device,
            context=self.context,
            parallel=self.parallel,
            kv_type=self.kv_type,
            default_parallel=parallel,
            paths=tuple(str(folder) for folder in self.path or ()),
            advice=advice,
        )


def with_worker_options(command: Callable[..., None]) -> Callable[..., None]:
    """Offer every field of :class:`WorkerOptions` as an option; the command gets them together as ``wanted``.

    Typer reads a command's signature, so the command's parameter ``wanted`` is replaced there by the fields.
    """
    fields = inspect.signature(WorkerOptions, eval_str=True).parameters

    @wraps(command)
    def called(**given: Any) -> None:
        wanted = WorkerOptions(**{name: given.pop(name) for name in fields})
        command(**given, wanted=wanted)

    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters.extend(fields.values() if parameter.name == "wanted" else (parameter,))
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return called


@dataclass(frozen=True)
class Prepared:
    """A model that is here, and how it is to be run, as it was planned."""

    entry: ModelEntry
    recipe: WorkerRecipe
    variant: WorkerVariant
    options: StartOptions


def prepare(
    model: str,
    job: Job,
    wanted: WorkerOptions,
    *,
    parallel: int = 1,
    accept: Callable[[WorkerRecipe], None] = lambda recipe: None,
    **more: Any,
) -> Prepared:
    """Plan the run, build the worker and download the model if need be, in this order.

    That a model does not fit, and that something to build a worker with lacks, is told before a long download.

    :param parallel: requests computed at once if nothing was asked for.
    :param accept: raises an error where the worker that is chosen is none for the command.
    :param more: further fields of :class:`~rbee_core.workers.runtime.StartOptions`.
    """
    from ..workers.runtime import StartOptions

    rbee = facade()
    rbee.workers.require_here()
    request = wanted.request(parallel=parallel)
    plan = rbee.plan(model, job, request)
    recipe, variant, _devices = plan.choice
    accept(recipe)
    _tell(plan, job)
    if plan.subject.exact:
        _build(plan, job)
    entry = rbee.ensure_model(model, job, allow_retired=wanted.allow_retired)
    if not plan.subject.exact and not plan.subject.downloaded:
        # Now its headers can be read for sure.
        again = rbee.plan(entry.id, job, request)
        recipe, variant, _devices = again.choice
        accept(recipe)
        if again.line() != plan.line():
            _tell(again, job)
        plan = again
        _build(plan, job)
    options = plan.start_options(StartOptions(kv_type=wanted.kv_type, **more))
    return Prepared(entry, recipe, variant, options)


def _tell(plan: Plan, job: Job) -> None:
    job.emit("plan_chosen", f"Plan: {plan.line()}", actor="planner", chosen=plan.wire()["chosen"])
    for note in plan.unused:
        job.emit("plan_unused", note, actor="planner")


def _build(plan: Plan, job: Job) -> None:
    """Build the chosen worker. Where that fails, what runs the model without it is told."""
    recipe, variant, _devices = plan.choice
    try:
        facade().workers.build(recipe, variant, job)
    except RbeeError as error:
        others = [
            c.feature for c in plan.candidates if c.verdict in ("fits", "partial") and c.feature != variant.feature
        ]
        if others and error.code is ErrorCode.BUILD_FAILED:
            error.hint = f"{error.hint}\nOr run the model without it: --backend {others[0]}"
        raise
