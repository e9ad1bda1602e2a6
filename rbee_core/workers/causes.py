"""Why a worker ended, read from the last lines it wrote and from how its process ended."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that is known, in a few words, and what to do about it."""

    what: str
    advice: str


_LESS = "Give it less: a smaller --context, fewer --parallel, --kv-type q8_0, or a smaller model; see: rbee plan MODEL"
_FREE = "Stop what else uses it (rbee ps, nvidia-smi), or give the worker less: --context, --parallel, --kv-type q8_0."
_PORT = "Choose another --port, or leave it out: a free one is taken."
_BROKEN = "Check the file: rbee models verify ID; get it again: rbee models download REF --force"
BUILD_AGAIN = (
    "Build it again for this machine: rbee workers build ID --force; with RBEE_ENGINE_WHEELS=off if it came prebuilt"
)
_DRIVER = "Update the GPU's driver, or run on another device: --backend cpu"
_NO_GPU = "See what is there: rbee hardware. Build it again (rbee workers build ID --force), or run with --backend cpu"
_NO_DRIVER = "Install NVIDIA's driver, give the container the GPU (--gpus all), or run on another device: --backend cpu"
_NO_ROCM = "Install ROCm, of the version that it was built with, or run on another device: --backend cpu"


def _cause(what: str, advice: str, *patterns: str) -> tuple[re.Pattern[str], Cause]:
    return re.compile("|".join(patterns), re.IGNORECASE), Cause(what, advice)


#: The first that is found counts: those that say most come first. The texts are those of the CUDA and HIP runtimes,
#: Vulkan, Metal, ggml, llama.cpp, PyTorch, safetensors, the dynamic loaders and the operating systems.
_KNOWN = (
    _cause(
        "the device's memory is full",
        _FREE,
        r"(cuda|hip|musa|mps|xpu|vulkan)\w*[^\n]{0,200}out of memory",
        r"OutOfDeviceMemory|(cuda|hip)ErrorOutOfMemory|ErrorMemoryAllocation",
        r"kIOGPUCommandBufferCallbackErrorOutOfMemory|torch\.OutOfMemoryError",
    ),
    _cause(
        "the machine's memory is full",
        _LESS,
        r"std::bad_alloc|\bMemoryError\b|cannot allocate memory|can't allocate memory",
        r"ggml_aligned_malloc: insufficient memory|failed to allocate (cpu )?buffer|ErrorOutOfHostMemory",
        r"unable to allocate cpu|mlock.{0,40}failed",
    ),
    _cause(
        "the GPU's driver is too old for this build",
        _DRIVER,
        r"driver version is insufficient|CUDA_ERROR_UNSUPPORTED_PTX_VERSION|unsupported toolchain",
        r"driver on your system is too old",
    ),
    _cause(
        "it was not built for this GPU",
        BUILD_AGAIN,
        r"no kernel image is available|hipErrorNoBinaryForGpu|invalid device function|no compatible devices? found",
    ),
    _cause("the engine sees no GPU", _NO_GPU, r"the engine sees no GPU|no CUDA-capable device is detected"),
    _cause("there is no NVIDIA driver here", _NO_DRIVER, r"libcuda\.so[.\d]*: cannot open|nvcuda\.dll"),
    _cause(
        "ROCm, or a library of it, is missing here",
        _NO_ROCM,
        r"lib(amdhip64|hsa-runtime64|hipblas|rocblas|rocsolver)\S*: cannot open",
    ),
    _cause(
        "a library it needs is missing",
        BUILD_AGAIN,
        r"cannot open shared object file|error while loading shared libraries|DLL load failed|image not found",
        r"library not loaded|ModuleNotFoundError",
    ),
    _cause(
        "the port is taken", _PORT, r"address already in use|WinError 10048|EADDRINUSE|only one usage of each socket"
    ),
    _cause(
        "the worker does not know this kind of model",
        "A newer worker may: update it, or use another model.",
        r"unknown (pre-tokenizer type|model architecture)|unsupported model architecture",
        r"does not recognize this architecture",
    ),
    _cause(
        "the model's file is damaged or not complete",
        _BROKEN,
        r"invalid magic|not within the file bounds|corrupted or incomplete|failed to read (magic|tensor|key-value)",
        r"HeaderTooLarge|HeaderTooSmall|InvalidHeader|MetadataIncompleteBuffer|SafetensorError",
        r"is not a GGUF file|gguf_init_from_file|unexpectedly reached end of file",
    ),
    _cause("it may not read a file", "Make it readable for you.", r"permission denied"),
)

#: What a worker writes that ends because it was told to, or has had nothing to do for as long as it may.
_ORDERLY = re.compile(r"stopping: |no request for [\d.]+ s")

#: How a process ended, where its log says nothing.
_SIGNALS = {
    "SIGKILL": Cause("it was killed, as the system does when memory runs out", _LESS),
    "SIGILL": Cause("it uses instructions that this processor lacks", BUILD_AGAIN),
}

#: Lines of a log in which a cause is looked for: a traceback may follow what tells it.
LOOKED_AT = 200


def find_cause(lines: Iterable[str], status: int | None = None) -> Cause | None:
    """The cause of a worker's end, if it is one that is known.

    :param lines: the last lines of its log; of several causes in them the most telling one counts.
    :param status: its exit status; negative for a signal, ``None`` when nobody knows it.
    """
    text = "\n".join(lines)
    for pattern, cause in _KNOWN:
        if pattern.search(text):
            return cause
    if status is not None and status < 0:
        return _SIGNALS.get(signal.Signals(-status).name)
    # What a shell, or a front whose child was killed, makes of signal 9.
    return _SIGNALS["SIGKILL"] if status == 137 or "SIGKILL" in text else None


def ended_orderly(lines: Iterable[str]) -> bool:
    """Whether a log's last lines tell of an end that was meant."""
    return any(_ORDERLY.search(line) for line in lines)
