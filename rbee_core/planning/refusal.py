"""Why nothing can run a model, as one error with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ErrorCode, RbeeError, UsageError
from ..units import human_size
from .advice import Advice
from .candidates import Candidate, Request
from .subject import Subject
from .words import least_demand, named

if TYPE_CHECKING:
    from ..workers.service import Workers


def why_not(
    subject: Subject, request: Request, found: Sequence[Candidate], workers: Workers, advice: Sequence[Advice]
) -> RbeeError | UsageError:
    """The error for a plan without a choice.

    :returns: ``INSUFFICIENT_RAM`` or ``INSUFFICIENT_VRAM`` where memory is all that is lacking, with what is needed,
        what there is, and the nearest thing that fits; ``BACKEND_UNAVAILABLE`` for a device or backend that was asked
        for; ``WORKER_NOT_FOUND`` else.
    """
    if (nearest := _nearest(found)) is not None:
        return _too_large(subject, nearest, advice)
    for candidate in found:
        if candidate.cause == "context":
            return UsageError(candidate.reason, "Ask for fewer tokens.")
    listed = "".join(f"\n  {candidate.variant}{_on(candidate)}: {candidate.reason}" for candidate in found)
    todo = " ".join(item.text for item in advice)
    if not any(candidate.recipe for candidate in found):
        return RbeeError(
            ErrorCode.WORKER_NOT_FOUND,
            f"No worker is installed that could run {subject.id}.{listed}",
            todo or "Install one with: pip install rbee-worker-llm",
        )
    if request.backend is not None or request.device is not None:
        wanted = " ".join(part for part in (request.backend, request.device) if part)
        known = ", ".join(device.id for device in workers.hardware.devices) or "none"
        return RbeeError(
            ErrorCode.BACKEND_UNAVAILABLE,
            f"{subject.id} cannot be run on {wanted}; devices: {known}.{listed}",
            todo or "`rbee hardware` shows what there is.",
        )
    kind = f" ({subject.format})" if subject.format else ""
    return RbeeError(
        ErrorCode.WORKER_NOT_FOUND,
        f"No worker can run {subject.id}{kind} here.{listed}",
        todo or "`rbee workers list` shows the workers, `rbee hardware` the devices.",
    )


def _nearest(found: Sequence[Candidate]) -> Candidate | None:
    """Of those that only lack memory, the one that lacks least of it."""
    short = [candidate for candidate in found if candidate.shortage is not None]
    return min(short, key=lambda candidate: candidate.shortage.lacking if candidate.shortage else 0, default=None)


def _too_large(subject: Subject, candidate: Candidate, advice: Sequence[Advice]) -> RbeeError:
    shortage = candidate.shortage
    assert shortage is not None
    needed, available = human_size(shortage.needed), human_size(shortage.available)
    if shortage.memory == "vram":
        code, what = ErrorCode.INSUFFICIENT_VRAM, f"GPU memory on {named(shortage.site.gpus)}"
    else:
        code, what = ErrorCode.INSUFFICIENT_RAM, "memory"
    beside = f", beside {human_size(shortage.beside)} on {named(shortage.site.gpus)}" if shortage.beside else ""
    asked = (f"{needed} of {what}{beside}", least_demand(shortage))
    return RbeeError(
        code,
        f"{subject.id} needs {' '.join(part for part in asked if part)}; {available} are available.",
        " ".join(item.text for item in advice) or "`rbee plan` shows what was considered.",
    )


def _on(candidate: Candidate) -> str:
    return f" on {candidate.device}" if candidate.device else ""
