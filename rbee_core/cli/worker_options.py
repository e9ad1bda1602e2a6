"""Options of the commands that choose a worker, and how they become one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RbeeError
from .options import Offline, Paths, facade

if TYPE_CHECKING:
    from ..contracts import ModelEntry
    from ..jobs import Job
    from ..workers.choice import Choice
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


Model = Annotated[str, typer.Argument(metavar="MODEL", help="A catalog id or a model reference.")]


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What a worker has to be like. Each field is an option of every command decorated with `with_worker_options`."""

    backend: Annotated[str | None, typer.Option(help="Run on this backend only, e.g. cpu.")] = None
    device: Annotated[str | None, typer.Option(help="Run on this device, e.g. GPU-0.")] = None
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens a request may use, prompt and answer together.")
    ] = None
    parallel: Annotated[int | None, typer.Option(min=1, max=256, help="Requests computed at once.")] = None
    kv_type: Annotated[KvType | None, typer.Option(help="How the KV cache is stored.")] = None
    path: Paths = None
    allow_retired: Annotated[bool, typer.Option("--allow-retired", help="Run the model even if it is retired.")] = False
    offline: Offline = None

    def start_options(self, *, parallel: int, **more: Any) -> StartOptions:
        """How the worker is to be started.

        :param parallel: requests computed at once if nothing was asked for.
        :param more: further fields of :class:`~rbee_core.workers.runtime.StartOptions`.
        """
        from ..workers.runtime import StartOptions

        return StartOptions(context=self.context, parallel=self.parallel or parallel, kv_type=self.kv_type, **more)


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


def prepare(model: str, job: Job, wanted: WorkerOptions) -> tuple[ModelEntry, Choice]:
    """The model, downloaded if need be, and the worker and device that suit it."""
    from ..workers.choice import choose

    rbee = facade()
    entry = rbee.ensure_model(model, job, allow_retired=wanted.allow_retired)
    folders = [str(folder) for folder in wanted.path or ()]
    choice = choose(rbee.workers, entry, backend=wanted.backend, device=wanted.device, paths=folders)
    _note_use(entry)
    return entry, choice


def _note_use(entry: ModelEntry) -> None:
    """Note when a model was last used. A catalog that cannot be written to is no reason not to run it."""
    with suppress(RbeeError, OSError):
        facade().catalog.update(entry.id, lambda e: e.model_copy(update={"last_used_at": datetime.now(UTC)}))
