"""Finding NVIDIA's GPUs: NVML first, then the CUDA driver API, and nvidia-smi last."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rbee_core.contracts import Device
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.probing import tidy

from . import driver_api, host, nvml, smi
from .devices import device
from .found import Gpu, NoAnswerError, System, Version
from .visible import choose


def detect(root: Path = Path("/")) -> list[Device]:
    """The GPUs that a process started now could use.

    Those that ``CUDA_VISIBLE_DEVICES`` names, in its order; without it all of them (of a GPU in MIG mode its
    instances), the best first: those without a problem, then by memory bandwidth, which decides how fast a language
    model answers (where it is not known of all: by compute capability), then by memory.

    :param root: where the folders of the system are looked for.
    :raises RbeeError: ``BACKEND_UNAVAILABLE``: there are none, with the reason and what to do about it.
    """
    system, chosen_already = _ask(root)
    for gpu in system.gpus:
        if gpu.unified:
            gpu.total, gpu.free = host.memory(root)
    chosen = system.gpus if chosen_already else choose(system.gpus, os.environ, lambda: _cuda_order(system.gpus, root))
    if chosen is None:
        chosen = _best_first([part for gpu in system.gpus for part in gpu.parts or [gpu]])
    if not chosen:
        raise RbeeError(ErrorCode.BACKEND_UNAVAILABLE, _nothing_left(system))
    return [device(number, gpu, system) for number, gpu in enumerate(chosen)]


def _ask(root: Path) -> tuple[System, bool]:
    """What the first that answers found, and whether ``CUDA_VISIBLE_DEVICES`` was applied to it."""
    reasons = []
    for ask in (nvml.ask, driver_api.ask, smi.ask):
        try:
            return ask(root), ask is driver_api.ask and "CUDA_VISIBLE_DEVICES" in os.environ
        except NoAnswerError as refusal:
            if refusal.final:
                raise RbeeError(ErrorCode.BACKEND_UNAVAILABLE, refusal.reason) from None
            if not refusal.missing:
                reasons.append(refusal.reason)
        except Exception as error:  # noqa: BLE001 - libraries of any age and make are asked
            reasons.append(f"{ask.__module__.rpartition('.')[2]} failed: {tidy(str(error)) or type(error).__name__}.")
    raise RbeeError(ErrorCode.BACKEND_UNAVAILABLE, reasons[0] if reasons else host.absent(root))


def _best_first(gpus: Sequence[Gpu]) -> list[Gpu]:
    measured = all(gpu.bandwidth for gpu in gpus)

    def rank(gpu: Gpu) -> tuple[bool, int, Version, int, int]:
        speed = gpu.bandwidth or 0 if measured else 0
        return (gpu.problem is None, speed, gpu.capability or (0, 0), gpu.total or 0, -gpu.index)

    return sorted(gpus, key=rank, reverse=True)


def _cuda_order(gpus: Sequence[Gpu], root: Path) -> Sequence[Gpu]:
    """The GPUs as CUDA counts them: in PCI order if told to or if all are alike, else the fastest first.

    How CUDA judges that is not documented, so it is asked; if it does not answer, our own order stands in.
    """
    if os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.name for gpu in gpus}) <= 1:
        return gpus
    value = os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    try:
        places = {uuid: place for place, uuid in enumerate(driver_api.visible(root))}
    except NoAnswerError:
        return _best_first(gpus)
    finally:
        if value is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = value
    return sorted(gpus, key=lambda gpu: places.get(gpu.uuid or "", len(places) + gpu.index))


def _nothing_left(system: System) -> str:
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if system.gpus and value is not None:
        known = ", ".join(gpu.uuid or str(gpu.index) for gpu in system.gpus)
        return f"CUDA_VISIBLE_DEVICES={value!r} hides all NVIDIA GPUs ({known}): unset it, or name one of them."
    return "NVIDIA's driver is there, but it shows no GPU: see `nvidia-smi -L` and the kernel's log (sudo dmesg)."
