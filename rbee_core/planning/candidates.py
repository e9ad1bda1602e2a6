"""Every way to run a model here, installed or not, each with its verdict and the reason for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts import Device, WorkerRecipe, WorkerVariant
from .budget import Budget
from .placing import Placement, Shortage, Site, Wish, place
from .requirements import unmet
from .words import placed, short

if TYPE_CHECKING:
    from ..workers.discovery import Found
    from ..workers.service import Workers
    from .subject import Subject

#: More GPUs are never split over: engines have limits of their own, and this many serve any model.
MOST_GPUS = 16
#: Tokens a request may use if nothing else is said, and the model and its worker allow for so many.
DEFAULT_CONTEXT = 8192
#: The engine whose rules hold where a recipe names none, by the model's format.
ENGINES = {"gguf": "llama.cpp", "safetensors": "pytorch"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for; a ``None`` may be chosen.

    :param device: the id of the only device to use, or several with commas between.
    :param default_parallel: requests at once if nothing is asked and there is room.
    :param paths: folders with further workers, which go before others.
    :param advice: look for better ways even where there is one; where there is none they are looked for anyhow. For a
        model that is here its source may be asked for that.
    """

    backend: str | None = None
    device: str | None = None
    context: int | None = None
    parallel: int | None = None
    kv_type: str | None = None
    default_parallel: int = 1
    paths: tuple[str, ...] = ()
    advice: bool = True

    @property
    def devices(self) -> list[str]:
        """The ids of the devices asked for; empty for any."""
        return [part.strip().lower() for part in (self.device or "").split(",") if part.strip()]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant on a device, or on several, or on none that there is.

    ``verdict``: ``chosen``, ``fits``, ``partial`` (some layers on the CPU) or ``refused``. ``cause`` says which kind of
    reason a refusal has: ``worker``, ``backend``, ``device``, ``format``, ``architecture``, ``platform``, ``option``,
    ``context``, ``memory``.
    """

    variant: str
    devices: tuple[Device, ...]
    verdict: str
    reason: str
    cause: str = ""
    recipe: WorkerRecipe | None = None
    feature: str = ""
    placement: Placement | None = None
    shortage: Shortage | None = None

    @property
    def device(self) -> str | None:
        """The devices' ids, with commas between."""
        return ",".join(device.id for device in self.devices) or None


def candidates(workers: Workers, subject: Subject, request: Request) -> list[Candidate]:
    """All of them, in the order of the workers; none is chosen yet."""
    found: list[Candidate] = []
    for worker in workers.discover(request.paths):
        if worker.recipe is None:
            found.append(_broken(worker))
            continue
        for variant in worker.recipe.variants():
            found += _Considering(workers, subject, request, worker.recipe, variant).run()
    return found


def _broken(worker: Found) -> Candidate:
    return Candidate(worker.id, (), "refused", worker.reason or "its worker.toml cannot be read", "worker")


class _Considering:
    """One variant, and everything it could run on."""

    def __init__(
        self, workers: Workers, subject: Subject, request: Request, recipe: WorkerRecipe, variant: WorkerVariant
    ) -> None:
        self._workers = workers
        self._subject = subject
        self._request = request
        self._recipe = recipe
        self._variant = variant
        self._can = recipe.capabilities
        self._wish = wish_for(recipe, subject, request)

    def run(self) -> list[Candidate]:
        """The candidates; one that is refused, where no device matters."""
        refused = self._unfit()
        if refused is not None:
            return [self._refused((), *refused)]
        devices = [device for device in self._workers.hardware.devices if device.backend == self._variant.feature]
        if not devices:
            rows = {row["name"]: row["reason"] for row in self._workers.hardware.backends}
            feature = self._variant.feature
            return [self._refused((), "device", f"no {feature} device: {rows.get(feature) or 'none was found'}")]
        if wanted := self._request.devices:
            there = {device.id.lower(): device for device in devices}
            if missing := [name.upper() for name in wanted if name not in there]:
                return [self._refused((), "device", f"has no device {', '.join(missing)}")]
            devices = [device for device in devices if device.id.lower() in wanted]
        return list(self._on(devices))

    def _unfit(self) -> tuple[str, str] | None:
        """Why no device would do."""
        feature, subject, can = self._variant.feature, self._subject, self._can
        if (backend := self._request.backend) is not None and feature != backend.lower():
            return "backend", f"is for {feature}, not {backend}"
        if subject.format and subject.format not in can.supported_formats:
            formats = ", ".join(can.supported_formats) or "no format"
            return "format", f"loads {formats}, and the model is {subject.format}"
        if lacking := [pattern for pattern in can.required_files if not subject.has_file(pattern)]:
            return "format", f"loads models with a file {', '.join(lacking)}, and this one has none"
        if subject.backends and feature not in subject.backends:
            return "backend", f"the model is registered for {', '.join(subject.backends)} only"
        architecture = subject.shape.architecture if subject.shape is not None else ""
        if can.architectures and architecture not in ("", "unknown", *can.architectures):
            return "architecture", f"does not know models of the architecture {architecture}"
        if not self._recipe.is_language and (self._request.context or self._request.kv_type):
            option = "--context" if self._request.context else "--kv-type"
            return "option", f"is of the kind {self._recipe.kind}, for which {option} means nothing"
        if (kv_type := self._request.kv_type) and can.kv_types and kv_type not in can.kv_types:
            return "option", f"stores the KV cache as {', '.join(can.kv_types)}, not as {kv_type}"
        most = can.max_context_length
        if self._request.context is not None and most is not None and self._request.context > most:
            return "context", f"--context {self._request.context} is more than {self._recipe.id} can: {most}."
        if (reason := self._workers.obstacle(self._recipe, self._variant)) is not None:
            return "platform" if reason.startswith("not for ") else "worker", reason
        return None

    # --- devices ----------------------------------------------------------------------------------------------------

    def _on(self, devices: list[Device]) -> Iterator[Candidate]:
        """Each device alone; and, where one is not enough, as few together as are."""
        wanted = self._request.devices
        usable: list[Device] = []
        for device in devices:
            if reason := device.problem or unmet(self._recipe, self._variant.feature, device):
                yield self._refused((device,), "device", reason)
            else:
                usable.append(device)
        joined = [device for device in usable if _joins(device)] if self._can.multi_device else []
        if len(wanted) > 1:
            if len(joined) == len(wanted):
                yield self._placed(tuple(joined))
            elif len(usable) == len(wanted):
                yield self._refused(tuple(usable), "device", "cannot compute on these together")
            return
        alone = [self._placed((device,)) for device in usable]
        yield from alone
        if not any(candidate.verdict == "fits" for candidate in alone):
            yield from self._together(joined)

    def _together(self, devices: list[Device]) -> Iterator[Candidate]:
        """As few devices together as have room, those with the most memory first."""
        shape = self._subject.shape
        most = min(MOST_GPUS, len(shape.layers) + 1 if shape is not None else 1)
        ordered = sorted(devices, key=lambda device: -device.memory_free)[:most]
        for count in range(2, len(ordered) + 1):
            together = self._placed(tuple(device for device in devices if device in ordered[:count]))
            yield together
            if together.verdict == "fits":
                return

    def _placed(self, devices: tuple[Device, ...]) -> Candidate:
        shape = self._subject.shape
        if shape is None:
            return self._candidate(devices, "fits", "its size is not known, so nothing says that it does not fit")
        cpus = [device for device in self._workers.hardware.devices if device.backend == "cpu"]
        on_cpu = self._variant.feature == "cpu"
        host = devices[0] if on_cpu else cpus[0] if cpus else None
        site = Site(
            engine=self._can.engine or ENGINES.get(shape.format, ""),
            backend=self._variant.feature,
            shape=shape,
            gpus=() if on_cpu else tuple(Budget(device) for device in devices),
            host=Budget(host) if host is not None else None,
            # Where layers are only guessed, none can be counted out.
            partial=self._can.partial_offload and shape.exact,
        )
        found = place(site, self._wish)
        if isinstance(found, Shortage):
            return replace(self._refused(devices, "memory", short(found)), shortage=found)
        verdict = "fits" if found.whole else "partial"
        return replace(self._candidate(devices, verdict, placed(found, self._wish)), placement=found)

    def _candidate(self, devices: tuple[Device, ...], verdict: str, reason: str) -> Candidate:
        return Candidate(self._variant.id, devices, verdict, reason, recipe=self._recipe, feature=self._variant.feature)

    def _refused(self, devices: tuple[Device, ...], cause: str, reason: str) -> Candidate:
        return replace(self._candidate(devices, "refused", reason), cause=cause)


def _joins(device: Device) -> bool:
    """Whether a device can take a part of a model beside others of its kind.

    A process sees one MIG instance at most (CUDA, "Multi-Instance GPU"); what an integrated GPU would take is the
    machine's own memory, where the CPU has it nearer.
    """
    shared = device.backend == "cpu" or device.unified_memory
    return "mig" not in device.features and not shared and Budget(device).usable > 0


def wish_for(recipe: WorkerRecipe, subject: Subject, request: Request) -> Wish:
    """What is wanted of one worker: what was asked for, else what suits the model and the worker can."""
    if not recipe.is_language:
        return Wish(parallel=request.parallel, most_context=0, most_parallel=request.default_parallel)
    trained = subject.shape.trained_context if subject.shape is not None else None
    limits = (DEFAULT_CONTEXT, recipe.capabilities.max_context_length, trained)
    return Wish(
        context=request.context,
        parallel=request.parallel,
        kv_type=request.kv_type,
        most_context=min(limit for limit in limits if limit),
        most_parallel=request.default_parallel,
    )


def best(found: Sequence[Candidate], paths: Sequence[str]) -> Candidate | None:
    """The one to take: the model whole on one GPU, then over several, then partly, then on the CPU.

    Of equals a worker that was named by its path, then fewer layers on the CPU, then a GPU with memory of its own, then
    room for more context, and then the order in which backends list their devices, the best first.
    """
    named = [Path(path).expanduser().resolve() for path in paths]

    def rank(candidate: Candidate) -> tuple[int, bool, int, bool, int]:
        placement = candidate.placement
        context = -placement.demand.context * placement.demand.parallel if placement is not None else 0
        on_cpu = placement.site.units - sum(placement.split) if placement is not None and placement.site.gpus else 0
        location = Path(candidate.recipe.location) if candidate.recipe is not None else Path()
        unified = any(device.unified_memory for device in candidate.devices)
        worker = not any(location.is_relative_to(path) for path in named)
        return _class(candidate), worker, on_cpu, unified, context

    possible = [candidate for candidate in found if candidate.verdict in ("fits", "partial")]
    return min(possible, key=rank, default=None)


def _class(candidate: Candidate) -> int:
    if candidate.feature == "cpu":
        return 3
    if candidate.verdict == "partial":
        return 2
    return 1 if len(candidate.devices) > 1 else 0
