"""What a worker's last words mean."""

from __future__ import annotations

import pytest

from rbee_core.workers.causes import find_cause

#: Last lines as the runtimes and engines write them, and what has to be in the cause.
TEXTS = [
    ("ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9216.00 MiB on device 0: cudaMalloc failed: out of "
     "memory", "device's memory"),
    ("CUDA error: out of memory", "device's memory"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "device's memory"),
    ("torch.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB.", "device's memory"),
    ("RuntimeError: MPS backend out of memory (MPS allocated: 9.05 GB)", "device's memory"),
    ("ggml_vulkan: Device memory allocation of size 4 failed: vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
     "device's memory"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "machine's memory"),
    ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "machine's memory"),
    ("CUDA error: CUDA driver version is insufficient for CUDA runtime version", "driver is too old"),
    ("CUDA error: no kernel image is available for execution on the device", "not built for this GPU"),
    ("ImportError: libcudart.so.12: cannot open shared object file: No such file or directory", "library"),
    ("ImportError: libcuda.so.1: cannot open shared object file: No such file or directory", "no NVIDIA driver"),
    ("ImportError: libamdhip64.so.7: cannot open shared object file: No such file or directory", "ROCm"),
    ("ValueError: the engine sees no GPU: it was not built for one, or the driver shows it none", "sees no GPU"),
    ("OSError: [Errno 98] Address already in use", "port is taken"),
    ("error loading model architecture: unknown model architecture: 'brandnew'", "does not know this kind"),
    ("llama_model_load: tensor 'blk.0.ffn_up.weight' data is not within the file bounds, model is corrupted or "
     "incomplete", "damaged"),
    ("safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge", "damaged"),
    ("PermissionError: [Errno 13] Permission denied: '/models/x.gguf'", "may not read"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "part"), TEXTS)
def test_a_known_text_has_its_cause_and_advice(line: str, part: str) -> None:
    cause = find_cause(["loading", line, "main: exiting"], 1)
    assert cause is not None
    assert part in cause.what
    assert cause.advice


def test_what_says_most_comes_first() -> None:
    lines = [
        "cudaMalloc failed: out of memory",
        "llama_model_load: error loading model: unexpectedly reached end of file",
    ]
    cause = find_cause(lines, 1)
    assert cause is not None
    assert "device's memory" in cause.what


@pytest.mark.parametrize(("status", "part"), [(-9, "killed"), (137, "killed"), (-4, "instructions")])
def test_a_signal_is_a_cause_where_the_log_is_silent(status: int, part: str) -> None:
    cause = find_cause(["loading"], status)
    assert cause is not None
    assert part in cause.what


@pytest.mark.parametrize("status", [None, 0, 1, -15])
def test_nothing_is_invented(status: int | None) -> None:
    assert find_cause(["loading the model", "all is well"], status) is None
