"""A plan: what a model will run on, whether it fits, and if not, why not and what would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..contracts import Device, WorkerRecipe, WorkerVariant
from ..units import human_size
from .advice import Advice, advise
from .bars import DeviceMemory, memory_of
from .candidates import Candidate, Request, best, candidates, wish_for
from .missing import needed_plugins, not_here
from .placing import largest_context
from .refusal import why_not
from .subject import Subject, alternatives_of, find_subject

if TYPE_CHECKING:
    from ..errors import RbeeError, UsageError
    from ..jobs import Job
    from ..models import ModelProvisioner
    from ..workers.runtime import StartOptions
    from ..workers.service import Workers

#: How the table of candidates is ordered.
_ORDER = ("chosen", "fits", "partial", "refused")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found. ``candidates`` begin with the chosen one; ``problem`` is why there is none."""

    subject: Subject
    request: Request
    machine: str
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    memory: tuple[DeviceMemory, ...]
    advice: tuple[Advice, ...]
    notes: tuple[str, ...]
    problem: RbeeError | UsageError | None = None
    #: Tokens per request that there would be room for, of those that the model and the worker can; 0 if unknown.
    largest_context: int = 0

    @property
    def choice(self) -> tuple[WorkerRecipe, WorkerVariant, tuple[Device, ...]]:
        """The worker to start and the devices to start it on.

        :raises RbeeError: nothing can be started: ``INSUFFICIENT_VRAM``, ``INSUFFICIENT_RAM``, ``BACKEND_UNAVAILABLE``,
            ``WORKER_NOT_FOUND``.
        :raises UsageError: more is asked than a worker can.
        """
        if self.problem is not None:
            raise self.problem
        assert self.chosen is not None
        assert self.chosen.recipe is not None
        return self.chosen.recipe, self.chosen.recipe.variant(self.chosen.feature), self.chosen.devices

    def start_options(self, options: StartOptions) -> StartOptions:
        """How the worker is to be started, so that it is as planned."""
        recipe, _variant, devices = self.choice
        placement = self.chosen.placement if self.chosen is not None else None
        if placement is None:
            wish = wish_for(recipe, self.subject, self.request)
            return replace(options, devices=devices, context=wish.contexts()[1] or None, parallel=wish.parallels()[0])
        counted = placement.site.shape.exact  # else the engine takes all, and shares them out itself
        return replace(
            options,
            context=placement.demand.context or None,
            parallel=placement.demand.parallel,
            devices=devices,
            threads=_threads(placement.site.host.device) if placement.site.host is not None else None,
            gpu_layers=sum(placement.split) if counted and placement.site.gpus else None,
            tensor_split=placement.split if counted and len(placement.split) > 1 else (),
        )

    @property
    def unused(self) -> list[str]:
        """Why GPUs are left alone, where the CPU computes."""
        return _unused(self.candidates, self.chosen)

    def line(self) -> str:
        """The plan in one line."""
        chosen = self.chosen
        if chosen is None:
            why = self.problem.message.partition("\n")[0] if self.problem is not None else self.subject.id
            return f"It does not run here: {why}"
        counted = Counter(device.name for device in chosen.devices)
        names = " and ".join(f"{count} x {name}" if count > 1 else name for name, count in counted.items())
        return f"{chosen.variant} on {chosen.device} ({names}): {chosen.reason}."

    def wire(self) -> dict[str, Any]:
        """The shape that ``plan --json`` prints (design §6), and more."""
        shape = self.subject.shape
        return {
            "model": self.subject.id,
            "chosen": self._chosen(),
            "candidates": [_row(candidate) for candidate in self.candidates],
            "memory": [memory.wire() for memory in self.memory],
            "advice": [{"text": advice.text, "option": advice.option or None} for advice in self.advice],
            "notes": list(self.notes),
            "machine": self.machine,
            "downloaded": self.subject.downloaded,
            "download": self.subject.download,
            "shape": shape
            and {
                "format": shape.format,
                "architecture": shape.architecture,
                "quantization": shape.quantization,
                "parameters": shape.parameters if shape.exact else None,
                "layers": len(shape.layers) if shape.exact else None,
                "size": shape.size,
                "contextLength": shape.trained_context,
                "exact": shape.exact,
            },
        }

    def _chosen(self) -> dict[str, Any] | None:
        chosen = self.chosen
        if chosen is None:
            return None
        row: dict[str, Any] = {
            "variant": chosen.variant,
            "device": chosen.device,
            "devices": [device.id for device in chosen.devices],
            "backend": chosen.feature,
            **dict.fromkeys(("contextLength", "largestContext", "parallel", "kvType", "gpuLayers", "tensorSplit")),
            **dict.fromkeys(("layers", "memoryRequired", "memoryAvailable")),
        }
        if (placement := chosen.placement) is not None:
            counted = placement.site.shape.exact
            row |= {
                "contextLength": placement.demand.context or None,
                "largestContext": self.largest_context or None,
                "parallel": placement.demand.parallel,
                "kvType": placement.demand.kv_type if placement.demand.context else None,
                "gpuLayers": sum(placement.split) if counted else None,
                "tensorSplit": list(placement.split) if counted and len(placement.split) > 1 else None,
                "layers": placement.site.units if counted else None,
                "memoryRequired": placement.required,
                "memoryAvailable": placement.available,
            }
        return row


def _threads(cpu: Device) -> int | None:
    """How many threads pay off, where the CPU's backend says so."""
    count = (cpu.model_extra or {}).get("threadsRecommended")
    return count if isinstance(count, int) and 0 < count <= 4096 else None


def _row(candidate: Candidate) -> dict[str, Any]:
    return {
        "variant": candidate.variant,
        "device": candidate.device,
        "verdict": candidate.verdict,
        "reason": candidate.reason,
        "cause": candidate.cause or None,
    }


def make_plan(models: ModelProvisioner, workers: Workers, text: str, request: Request, job: Job) -> Plan:
    """Plan a run of the model that ``text`` names. Nothing is downloaded but headers, nothing built, nothing started.

    :raises RbeeError: the model cannot be found.
    """
    subject = find_subject(models, text, job)
    found = candidates(workers, subject, request)
    found += not_here(workers, subject, found)
    chosen = best(found, request.paths)
    if (taken := chosen) is not None:
        chosen = replace(taken, verdict="chosen")
        found = [chosen if candidate is taken else candidate for candidate in found]
    advice: list[Advice] = []
    if request.advice or chosen is None:
        advice = advise(subject, request, found, chosen, lambda: alternatives_of(models, subject, job))
    if chosen is None:
        advice = [*needed_plugins(workers, subject, found), *advice]
    problem = None if chosen is not None else why_not(subject, request, found, workers, advice)
    room = _largest_context(subject, chosen)
    return Plan(
        subject=subject,
        request=request,
        machine=str(workers.machine),
        candidates=tuple(sorted(found, key=lambda candidate: _ORDER.index(candidate.verdict))),
        chosen=chosen,
        memory=tuple(memory_of(chosen, found, workers.hardware.devices)),
        advice=tuple(advice),
        notes=(*_notes(subject, found, chosen, room), *_to_build(workers, chosen)),
        problem=problem,
        largest_context=room,
    )


def _largest_context(subject: Subject, chosen: Candidate | None) -> int:
    """Tokens per request that there would be room for; 0 where nothing is known of it."""
    if chosen is None or chosen.placement is None or chosen.recipe is None or subject.shape is None:
        return 0
    if not chosen.placement.demand.context:
        return 0
    limits = (subject.shape.trained_context, chosen.recipe.capabilities.max_context_length)
    known = [limit for limit in limits if limit]
    return largest_context(chosen.placement, min(known)) if known else 0


def _notes(subject: Subject, found: Sequence[Candidate], chosen: Candidate | None, largest: int) -> list[str]:
    """What a person should know beside the verdict."""
    notes = list(subject.notes)
    placement = chosen.placement if chosen is not None else None
    if chosen is not None and placement is not None:
        notes += placement.needed.notes
        trained = placement.site.shape.trained_context
        if trained and placement.demand.context > trained:
            notes.append(f"The model was trained for {trained} tokens; what it says beyond them may make no sense.")
        if largest > placement.demand.context:
            notes.append(f"There is room for more context: up to --context {largest}.")
        if chosen.placement is not None and placement.site.gpus and not placement.whole:
            notes.append(
                "Each token waits for the layers on the CPU: expect a fraction of the speed it would have on the GPU."
            )
    notes += _unused(found, chosen)
    if not subject.downloaded and subject.download:
        notes.append(f"{human_size(subject.download)} have to be fetched first.")
    return list(dict.fromkeys(_sentence(note) for note in notes))


def _to_build(workers: Workers, chosen: Candidate | None) -> list[str]:
    """That the worker has to be built first, and whether that takes long."""
    if chosen is None or chosen.recipe is None:
        return []
    variant = chosen.recipe.variant(chosen.feature)
    if workers.built(chosen.recipe, variant) is not None:
        return []
    if (problem := workers.build_problem(chosen.recipe, variant)) is not None:
        what = "; ".join(line.strip(" -") for line in problem.message.splitlines()).replace(":;", ":")
        return [f"{chosen.variant} cannot be built: {what}. {problem.hint}"]
    from ..workers.pip_options import merged_pip

    pip, how = merged_pip(chosen.recipe, variant), ""
    if pip.wheels or pip.offered(chosen.devices):
        how = ", from a prebuilt engine if one is found, else compiled on this machine"
    elif pip.from_source:
        how = ", and is compiled on this machine"
    return [f"{chosen.variant} has to be built first{how}."]


def _unused(found: Sequence[Candidate], chosen: Candidate | None) -> list[str]:
    """Why GPUs are left alone, where the CPU computes."""
    if chosen is None or chosen.feature != "cpu":
        return []
    unused = [candidate for candidate in found if candidate.devices and candidate.feature != "cpu"]
    return [_sentence(f"{candidate.device} is not used: {candidate.reason}") for candidate in unused]


def _sentence(note: str) -> str:
    text = note[:1].upper() + note[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
