"""Where the parts of a model go: the pure part of planning, from a shape and budgets to layers and tokens.

What is not asked for gives way in this order: the context, down to `FLOOR`; the number of requests at once; and only
then layers are computed on the CPU. What is asked for is kept, or it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .budget import Budget
from .memory import Demand, Estimate, estimate
from .shape import ModelShape
from .splitting import balanced, proportional

#: Tokens per request below which layers leave the GPU instead.
FLOOR = 4096
#: Contexts are tried in these steps: llama.cpp rounds to them.
STEP = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a worker; a ``None`` may be chosen.

    ``most_context`` and ``most_parallel``: what is chosen if there is room.
    """

    context: int | None = None
    parallel: int | None = None
    kv_type: str | None = None
    most_context: int = 8192
    most_parallel: int = 1

    def contexts(self) -> tuple[int, int]:
        """The least and the most tokens per request that will do."""
        if self.context is not None:
            return self.context, self.context
        return min(FLOOR, self.most_context), self.most_context

    def parallels(self) -> list[int]:
        """Numbers of requests at once that will do, the most first."""
        if self.parallel is not None:
            return [self.parallel]
        found = [self.most_parallel]
        while found[-1] > 1:
            found.append(found[-1] // 2)
        return found

    def demand(self, context: int, parallel: int) -> Demand:
        """What that means for the memory."""
        return Demand(context, parallel, self.kv_type or "f16")

    def least(self) -> Demand:
        """The least that will do."""
        return self.demand(self.contexts()[0], self.parallels()[-1])


@dataclass(frozen=True, slots=True)
class Site:
    """One way to run a model: an engine, the GPUs it may use (none: the CPU computes), and the machine's own memory.

    There are no more GPUs than layers, the output counted as one.

    ``host`` is ``None`` where nothing is known of it. ``partial``: the engine can keep some layers on the host.
    """

    engine: str
    backend: str
    shape: ModelShape
    gpus: tuple[Budget, ...] = ()
    host: Budget | None = None
    partial: bool = False

    @property
    def units(self) -> int:
        """Layers, the output counted as one more."""
        return len(self.shape.layers) + 1

    def estimate(self, demand: Demand, split: tuple[int, ...]) -> Estimate:
        """What it needs."""
        features = self.host.device.features if self.host is not None and not any(split) else ()
        return estimate(self.engine, self.backend, self.shape, demand, split, features)

    def gpus_hold(self, needed: Estimate) -> bool:
        """Whether every GPU has room for its part."""
        return all(part.total <= budget.usable for part, budget in zip(needed.gpus, self.gpus, strict=True))

    def on_host(self, needed: Estimate) -> int:
        """Bytes of the machine's own memory: the host's part, and those of GPUs that compute in it."""
        unified = zip(needed.gpus, self.gpus, strict=True) if needed.gpus else ()
        return needed.host.total + sum(part.total for part, budget in unified if budget.unified)

    def host_holds(self, needed: Estimate) -> bool:
        """Whether the machine's own memory has room for what lies there."""
        return self.host is None or self.on_host(needed) <= self.host.usable

    def holds(self, needed: Estimate) -> bool:
        """Whether there is room for all of it."""
        return self.gpus_hold(needed) and self.host_holds(needed)


@dataclass(frozen=True, slots=True)
class Placement:
    """A model in its place: layers on each GPU (``split``), what it can be asked for, what it needs."""

    site: Site
    demand: Demand
    split: tuple[int, ...]
    needed: Estimate

    @property
    def whole(self) -> bool:
        """Whether nothing that could be on a GPU is left to the CPU."""
        return not self.site.gpus or sum(self.split) == self.site.units

    @property
    def required(self) -> int:
        """Bytes on the devices that compute: the GPUs, with the host where it takes a share."""
        gpus = sum(part.total for part in self.needed.gpus)
        return gpus if self.site.gpus and self.whole else gpus + self.needed.host.total

    @property
    def available(self) -> int:
        """Bytes that a plan may use on those devices."""
        host = self.site.host.usable if self.site.host is not None else 0
        gpus = sum(budget.usable for budget in self.site.gpus)
        if not self.site.gpus:
            return host
        if self.whole or any(budget.unified for budget in self.site.gpus):
            return gpus if self.whole else max(gpus, host)
        return gpus + host


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a model has no place: bytes needed at the least, and available, in one kind of memory.

    ``memory``: ``vram`` or ``ram``. ``beside``: bytes that would lie on GPUs besides. ``estimate``: what was wanted,
    for the least ``demand`` that would do.
    """

    site: Site
    demand: Demand
    estimate: Estimate
    memory: str
    needed: int
    available: int
    beside: int = 0

    @property
    def lacking(self) -> int:
        """Bytes too few."""
        return self.needed - self.available


def place(site: Site, wish: Wish) -> Placement | Shortage:
    """The best place for a model at one site, or what is lacking."""
    least, most = wish.contexts()
    for parallel in wish.parallels():
        found = _whole(site, wish.demand(least, parallel))
        if found is not None:
            return _largest(found, least, most, lambda demand: _whole(site, demand))
    if site.partial and site.gpus:
        found = _partly(site, wish.least())
        if found is not None:
            count = sum(found.split)
            return _largest(found, least, most, lambda demand: _with(site, demand, count))
    return _shortage(site, wish.least())


def largest_context(found: Placement, most: int) -> int:
    """The most tokens per request that there is room for in the same place, up to ``most``."""
    least, site = found.demand.context, found.site
    if most <= least:
        return least

    def at(demand: Demand) -> Placement | None:
        return _with(site, demand, sum(found.split)) if site.gpus else _on_cpu(site, demand)

    return _largest(found, least, most, at).demand.context


def _whole(site: Site, demand: Demand) -> Placement | None:
    return _with(site, demand, site.units) if site.gpus else _on_cpu(site, demand)


def _on_cpu(site: Site, demand: Demand) -> Placement | None:
    needed = site.estimate(demand, ())
    return Placement(site, demand, (), needed) if site.host_holds(needed) else None


def _with(site: Site, demand: Demand, count: int) -> Placement | None:
    """With so many layers on the GPUs."""
    found = _split(site, demand, count)
    if found is None or not site.host_holds(found[1]):
        return None
    return Placement(site, demand, *found)


def _split(site: Site, demand: Demand, count: int) -> tuple[tuple[int, ...], Estimate] | None:
    return balanced(count, [budget.usable for budget in site.gpus], lambda split: site.estimate(demand, split))


def _partly(site: Site, demand: Demand) -> Placement | None:
    """With as many layers on the GPUs as they hold, at least one on each, and at least one left to the CPU."""
    found = _most(site, demand)
    return Placement(site, demand, *found) if found is not None and site.host_holds(found[1]) else None


def _most(site: Site, demand: Demand) -> tuple[tuple[int, ...], Estimate] | None:
    """As many layers as the GPUs hold, but not all."""
    low, high = len(site.gpus), site.units - 1
    if low > high or (found := _split(site, demand, low)) is None:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        better = _split(site, demand, middle)
        if better is not None:
            low, found = middle, better
        else:
            high = middle - 1
    return found


def _largest(found: Placement, least: int, most: int, at: Callable[[Demand], Placement | None]) -> Placement:
    """The same with the largest context that there is room for, up to ``most``."""
    if least == most:
        return found
    if (best := at(replace(found.demand, context=most))) is not None:
        return best
    low, high = 0, (most - least - 1) // STEP
    while low < high:
        middle = (low + high + 1) // 2
        better = at(replace(found.demand, context=least + middle * STEP))
        if better is not None:
            low, found = middle, better
        else:
            high = middle - 1
    return found


def _shortage(site: Site, demand: Demand) -> Shortage:
    """What is lacking for the least that will do."""
    if not site.gpus:
        return _of_host(site, demand, site.estimate(demand, ()))
    if site.partial and (found := _most(site, demand)) is not None:
        # Some layers could have stayed on the host: it is the host that lacks room.
        return _of_host(site, demand, found[1])
    usable = [budget.usable for budget in site.gpus]
    needed = site.estimate(demand, proportional(site.units, usable))
    unified = any(budget.unified for budget in site.gpus)
    if site.gpus_hold(needed) or (unified and not site.host_holds(needed)):
        return _of_host(site, demand, needed)
    pairs = [(part.total, room) for part, room in zip(needed.gpus, usable, strict=True)]
    total = sum(part for part, _ in pairs)
    # Where there is enough in all, it is one of them that lacks it.
    wanted, room = (total, sum(usable)) if total > sum(usable) else max(pairs, key=lambda pair: pair[0] - pair[1])
    return Shortage(site, demand, needed, "vram", wanted, room)


def _of_host(site: Site, demand: Demand, needed: Estimate) -> Shortage:
    available = site.host.usable if site.host is not None else 0
    unified = any(budget.unified for budget in site.gpus)
    beside = 0 if unified else sum(part.total for part in needed.gpus)
    return Shortage(site, demand, needed, "ram", site.on_host(needed), available, beside)
