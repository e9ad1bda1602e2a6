"""Which worker runs a model on which device: the best that can, or the reasons why none can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts import Device, ModelEntry, WorkerRecipe, WorkerVariant
from ..errors import ErrorCode, RbeeError

if TYPE_CHECKING:
    from .service import Workers


@dataclass(frozen=True, slots=True)
class Choice:
    """A worker variant and the device it will compute on."""

    recipe: WorkerRecipe
    variant: WorkerVariant
    device: Device


def choose(
    workers: Workers,
    entry: ModelEntry,
    *,
    backend: str | None = None,
    device: str | None = None,
    paths: Sequence[str] = (),
) -> Choice:
    """The variant and device for a model: an accelerator before the CPU, a worker named by its path before others.

    :param backend: the only backend to consider.
    :param device: the id of the only device to consider.
    :raises RbeeError: ``WORKER_NOT_FOUND`` or ``BACKEND_UNAVAILABLE``, listing what was considered and why not.
    """
    found = workers.discover(paths)
    if not any(worker.recipe for worker in found):
        broken = "".join(f"\n  {worker.id}: {worker.reason}" for worker in found)
        raise RbeeError(
            ErrorCode.WORKER_NOT_FOUND,
            f"No worker is installed that could run {entry.id}.{broken}",
            "Install one with: pip install rbee-worker-llm",
        )
    reasons = [f"{worker.id}: {worker.reason}" for worker in found if worker.recipe is None]
    choices: list[Choice] = []
    for worker in found:
        for variant in worker.recipe.variants() if worker.recipe else ():
            assert worker.recipe is not None
            answer = _consider(workers, worker.recipe, variant, entry, backend, device)
            if isinstance(answer, str):
                reasons.append(f"{variant.id}: {answer}")
            else:
                choices += answer
    if not choices:
        raise _nothing(workers, entry, reasons, backend, device)
    named = [Path(path).expanduser().resolve() for path in paths]

    def rank(choice: Choice) -> tuple[bool, bool]:
        location = Path(choice.recipe.location)
        return choice.variant.feature == "cpu", not any(location.is_relative_to(path) for path in named)

    return min(choices, key=rank)


def _consider(
    workers: Workers,
    recipe: WorkerRecipe,
    variant: WorkerVariant,
    entry: ModelEntry,
    backend: str | None,
    device: str | None,
) -> list[Choice] | str:
    """The choices a variant offers, or why it offers none."""
    if backend is not None and variant.feature != backend.lower():
        return f"is for {variant.feature}, not {backend}"
    if entry.format not in recipe.capabilities.supported_formats:
        formats = ", ".join(recipe.capabilities.supported_formats) or "no format"
        return f"loads {formats}, and the model is {entry.format}"
    if entry.backends and variant.feature not in entry.backends:
        return f"the model is registered for {', '.join(entry.backends)} only"
    if (reason := workers.obstacle(recipe, variant)) is not None:
        return reason
    devices = [found for found in workers.hardware.devices if found.backend == variant.feature]
    if not devices:
        rows = {row["name"]: row["reason"] for row in workers.hardware.backends}
        return f"no {variant.feature} device: {rows.get(variant.feature) or 'none was found'}"
    if device is not None:
        devices = [found for found in devices if found.id.lower() == device.lower()]
        if not devices:
            return f"has no device {device}"
    return [Choice(recipe, variant, found) for found in devices]


def _nothing(
    workers: Workers, entry: ModelEntry, reasons: list[str], backend: str | None, device: str | None
) -> RbeeError:
    listed = "".join(f"\n  {reason}" for reason in reasons)
    if backend is not None or device is not None:
        wanted = " ".join(part for part in (backend, device) if part)
        known = ", ".join(found.id for found in workers.hardware.devices) or "none"
        return RbeeError(
            ErrorCode.BACKEND_UNAVAILABLE,
            f"{entry.id} cannot be run on {wanted}; devices: {known}.{listed}",
            "`rbee hardware` shows what there is.",
        )
    return RbeeError(
        ErrorCode.WORKER_NOT_FOUND,
        f"No worker can run {entry.id} ({entry.format}) here.{listed}",
        "`rbee workers list` shows the workers, `rbee hardware` the devices.",
    )
