"""Options that ``run`` and ``serve`` share, and how they become a worker."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RbeeError
from .options import facade

if TYPE_CHECKING:
    from ..contracts import ModelEntry
    from ..jobs import Job
    from ..workers.choice import Choice


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
Backend = Annotated[str | None, typer.Option(help="Run on this backend only, e.g. cpu.")]
DeviceId = Annotated[str | None, typer.Option("--device", help="Run on this device, e.g. GPU-0.")]
Context = Annotated[int | None, typer.Option(min=1, help="Tokens a request may use, prompt and answer together.")]
Parallel = Annotated[int | None, typer.Option(min=1, max=256, help="Requests computed at once.")]
Kv = Annotated[KvType | None, typer.Option("--kv-type", help="How the KV cache is stored.")]
Paths = Annotated[
    list[Path] | None, typer.Option("--path", help="Also look for workers in this folder; may be repeated.")
]
Retired = Annotated[bool, typer.Option("--allow-retired", help="Run the model even if it is retired.")]


def prepare(
    model: str,
    job: Job,
    *,
    backend: str | None,
    device: str | None,
    paths: list[Path] | None,
    allow_retired: bool,
) -> tuple[ModelEntry, Choice]:
    """The model, downloaded if need be, and the worker and device that suit it."""
    from ..workers.choice import choose

    rbee = facade()
    entry = rbee.ensure_model(model, job, allow_retired=allow_retired)
    choice = choose(rbee.workers, entry, backend=backend, device=device, paths=[str(path) for path in paths or ()])
    _note_use(entry)
    return entry, choice


def _note_use(entry: ModelEntry) -> None:
    """Note when a model was last used. A catalog that cannot be written to is no reason not to run it."""
    with suppress(RbeeError, OSError):
        facade().catalog.update(entry.id, lambda e: e.model_copy(update={"last_used_at": datetime.now(UTC)}))
