"""Whatever the environment and the tools say, there is an answer: devices that are whole, or none."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rbee_backend_cuda import smi
from rbee_backend_cuda.devices import device
from rbee_backend_cuda.found import Gpu, System, bandwidth, cuda_version, runtime_of
from rbee_backend_cuda.visible import choose

UUIDS = ["GPU-aaaa1111-0000", "GPU-aaaa2222-0000", "GPU-bbbb3333-0000"]
PARTS = [Gpu(2, "part", f"MIG-cccc{n}", mig=True) for n in range(2)]
GPUS = [Gpu(index, f"GPU {index}", uuid) for index, uuid in enumerate(UUIDS)]
GPUS[2].parts = PARTS

ITEMS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "3",
        "-1",
        "",
        " ",
        "GPU-aaaa",
        "GPU-aaaa1",
        "gpu-bbbb",
        "GPU-bbbb",
        "MIG-cccc0",
        "MIG-",
        "none",
        "00",
    ]
) | st.text(max_size=8)


@settings(deadline=None)
@given(items=st.lists(ITEMS, max_size=6))
def test_visible_devices_are_some_of_the_devices_each_once(items: list[str]) -> None:
    chosen = choose(GPUS, {"CUDA_VISIBLE_DEVICES": ",".join(items)}, lambda: GPUS)
    assert chosen is not None
    assert all(gpu in [*GPUS, *PARTS] for gpu in chosen)
    assert len({id(gpu) for gpu in chosen}) == len(chosen)
    assert len(chosen) <= ",".join(items).count(",") + 1


VALUES = st.sampled_from(
    [
        "0",
        "24564",
        "[N/A]",
        "[Not Supported]",
        "[GPU is lost]",
        "8.9",
        "550.54.14",
        "GPU-1",
        "Enabled",
        "-5",
        "1e9",
        "²",
    ]
) | st.text(max_size=12)


@settings(deadline=None)
@given(rows=st.lists(st.lists(VALUES, min_size=8, max_size=11), max_size=4), old=st.booleans())
def test_whatever_nvidia_smi_prints_becomes_whole_devices(rows: list[list[str]], old: bool) -> None:
    output = io.StringIO()
    csv.writer(output).writerows(rows)
    fields = smi.OLD if old else (*smi.OLD, *smi.NEW)
    found = smi.parse(fields, output.getvalue())
    for number, gpu in enumerate(found.gpus):
        whole = device(number, gpu, found)
        assert 0 <= whole.memory_free <= whole.memory_total
        assert whole.name
        # What cannot be used says so.
        assert whole.problem or whole.memory_total


def test_numbers_that_tell_nothing_are_not_guessed_from() -> None:
    assert (cuda_version(0), cuda_version(12040), cuda_version(13000)) == (None, (12, 4), (13, 0))
    assert (bandwidth(0, 384), bandwidth(10_501_000_000, 384)) == (None, 1_008_096_000_000)
    assert [runtime_of(text) for text in ("", "550", "999.1", "100.1", "535.183.01")] == [
        None, None, (13, 1), None, (12, 2),
    ]  # fmt: skip
    gpu = device(3, Gpu(3, "GPU"), System())
    assert gpu.problem == "The driver does not tell its memory."
    assert gpu.selector == {"CUDA_VISIBLE_DEVICES": "3"}
