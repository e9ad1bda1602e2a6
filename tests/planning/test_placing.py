"""Placing: whatever the memory, a plan keeps within it, keeps to what was asked, and is never worse for having more."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core.contracts import Device
from rbee_core.planning.budget import RESERVE_LEAST, RESERVE_MOST, Budget
from rbee_core.planning.placing import FLOOR, STEP, Placement, Shortage, Site, Wish, place
from rbee_core.planning.shape import Layer, ModelShape
from rbee_core.planning.splitting import proportional

GB = 10**9


def shape(layers: int = 24, weights: int = 200_000_000, kv: int = 1024) -> ModelShape:
    """A model with layers that are alike."""
    outside = 100_000_000
    return ModelShape(
        format="gguf",
        architecture="llama",
        layers=(Layer(weights=weights, kv_k=kv, kv_v=kv),) * layers,
        embedding=outside,
        output=outside,
        other=0,
        hidden=2048,
        heads=16,
        kv_heads=8,
        head_dim=128,
        feed_forward=8192,
        vocab=32000,
        trained_context=131072,
        parameters=layers * weights,
        quantization="Q8_0",
        size=layers * weights + 2 * outside,
    )


def device(free: int, *, kind: str = "cuda", number: int = 0, unified: bool = False) -> Device:
    return Device(
        id="CPU-0" if kind == "cpu" else f"GPU-{number}",
        backend=kind,
        name=kind,
        memory_total=free + GB,
        memory_free=free,
        architecture="any",
        unified_memory=unified,
    )


def site(model: ModelShape, gpus: list[int], ram: int, *, partial: bool = True, unified: bool = False) -> Site:
    budgets = tuple(Budget(device(free, number=i, unified=unified)) for i, free in enumerate(gpus))
    host = Budget(device(ram, kind="cpu"))
    return Site("llama.cpp", "cuda" if gpus else "cpu", model, budgets, host, partial=partial)


def worth(found: Placement | Shortage) -> tuple[int, int, int]:
    """How good an outcome is: nothing; on the CPU, at the least partly; wholly on GPUs; and with how many requests."""
    if isinstance(found, Shortage):
        return (0, 0, 0)
    return (1 + found.whole, found.demand.parallel if found.whole else 0, sum(found.split) if not found.whole else 0)


memories = st.integers(0, 40).map(lambda count: count * GB // 2)
wishes = st.builds(
    Wish,
    context=st.none() | st.integers(1, 40_000),
    parallel=st.none() | st.integers(1, 9),
    kv_type=st.none() | st.sampled_from(["f16", "q8_0", "q4_0"]),
    most_context=st.integers(1, 32_768),
    most_parallel=st.integers(1, 8),
)
shapes = st.builds(
    shape, st.integers(3, 40), st.integers(1, 600).map(lambda count: count * 10**6), st.integers(0, 4096)
)
sites = st.builds(site, shapes, st.lists(memories, max_size=4), memories, partial=st.booleans(), unified=st.booleans())


@given(sites, wishes)
@settings(max_examples=150, deadline=None)
def test_a_placement_has_room_and_is_what_was_asked_for(where: Site, wish: Wish) -> None:
    found = place(where, wish)
    if isinstance(found, Shortage):
        assert found.needed > found.available
        return
    assert where.holds(found.needed)
    assert found.needed == where.estimate(found.demand, found.split)
    if wish.context is not None:
        assert found.demand.context == wish.context
    else:
        assert min(FLOOR, wish.most_context) <= found.demand.context <= wish.most_context
    if wish.parallel is not None:
        assert found.demand.parallel == wish.parallel
    assert found.demand.kv_type == (wish.kv_type or "f16")
    assert sum(found.split) <= where.units
    assert len(found.split) == len(where.gpus)
    assert all(found.split)
    if not where.partial:
        assert found.whole


@given(sites, wishes, st.integers(1, 8), st.data())
@settings(max_examples=100, deadline=None)
def test_more_memory_is_never_worse(where: Site, wish: Wish, more: int, data: st.DataObject) -> None:
    before = worth(place(where, wish))
    grown = list(where.gpus)
    host = where.host
    which = data.draw(st.integers(0, len(grown)))
    if which < len(grown):
        old = grown[which].device
        grown[which] = Budget(device(old.memory_free + more * GB, number=which, unified=bool(old.unified_memory)))
    elif host is not None:
        host = Budget(device(host.device.memory_free + more * GB, kind="cpu"))
    after = worth(place(replace(where, gpus=tuple(grown), host=host), wish))
    assert after >= before


def test_the_default_context_falls_to_its_floor_before_a_layer_leaves_the_gpu() -> None:
    model = shape(layers=24, weights=200_000_000, kv=8192)
    wish = Wish(most_context=8192)
    tight = next(
        free for free in range(4 * GB, 40 * GB, GB // 10) if worth(place(site(model, [free], 99 * GB), wish))[0] == 2
    )
    found = place(site(model, [tight], 99 * GB), wish)
    assert isinstance(found, Placement)
    assert found.whole
    assert FLOOR <= found.demand.context < FLOOR + 4 * STEP
    asked = place(site(model, [tight], 99 * GB), Wish(context=8192))
    assert isinstance(asked, Placement)
    assert not asked.whole
    assert asked.demand.context == 8192


def test_a_default_number_of_requests_falls_and_one_that_was_asked_for_stays() -> None:
    model = shape(kv=8192)
    where = site(model, [9 * GB], 4 * GB, partial=False)
    found = place(where, Wish(most_context=4096, most_parallel=8))
    assert isinstance(found, Placement)
    assert 1 <= found.demand.parallel < 8
    assert isinstance(place(where, Wish(most_context=4096, parallel=8)), Shortage)


def test_what_is_lacking_is_told_by_the_kind_of_memory() -> None:
    model = shape()
    no_room = place(site(model, [], GB), Wish())
    assert isinstance(no_room, Shortage)
    assert (no_room.memory, no_room.available) == ("ram", GB - RESERVE_LEAST)
    assert no_room.needed > model.size
    on_gpu = place(site(model, [2 * GB], 99 * GB, partial=False), Wish())
    assert isinstance(on_gpu, Shortage)
    assert on_gpu.memory == "vram"
    beside = place(site(model, [3 * GB], GB), Wish())
    assert isinstance(beside, Shortage)
    assert beside.memory == "ram"
    assert 0 < beside.beside < 3 * GB


def test_unified_memory_is_one_memory() -> None:
    model = shape()
    assert isinstance(place(site(model, [6 * GB], 9 * GB, unified=True), Wish()), Placement)
    assert isinstance(place(site(model, [6 * GB], 5 * GB, unified=True), Wish()), Shortage)
    assert isinstance(place(site(model, [6 * GB], 5 * GB), Wish()), Placement)


def test_uneven_gpus_get_uneven_shares() -> None:
    found = place(site(shape(layers=40), [4 * GB, 9 * GB], 9 * GB), Wish())
    assert isinstance(found, Placement)
    assert found.whole
    assert found.split[1] > 1.8 * found.split[0]


@given(st.integers(0, 200), st.lists(st.integers(0, 10**12), min_size=1, max_size=8))
def test_shares_add_up(count: int, room: list[int]) -> None:
    shares = proportional(count, room)
    assert sum(shares) == count
    assert len(shares) == len(room)
    assert count < len(room) or min(shares) >= 1


def test_a_reserve_is_left_in_every_device() -> None:
    for total in (1, 8, 80, 800):
        large = Budget(
            Device(
                id="GPU-0", backend="cuda", name="x", memory_total=total * GB, memory_free=total * GB, architecture="x"
            )
        )
        assert RESERVE_LEAST <= large.reserve <= RESERVE_MOST
        assert large.usable == total * GB - large.reserve
