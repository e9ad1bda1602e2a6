"""What would fit, where a model does not, or would fit better: the nearest thing first."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..models.metadata.quant import quant_label
from ..units import human_size
from .candidates import Candidate, Request, wish_for
from .memory import Demand
from .placing import STEP, Placement, Site, Wish, place
from .shape import ModelShape
from .subject import Alternative, Subject
from .words import named

#: How the KV cache may be stored in less, the better first.
_SMALLER_KV = ("q8_0", "q4_0")
#: Bytes per parameter of a usual 4-bit model, with its KV cache and buffers: for a rule of thumb.
_BYTES_PER_PARAMETER = 0.7


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that could be done. ``option``: what to write on the command line, if that is all it takes."""

    text: str
    option: str = ""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place that is too small as things are: a site, and what was wanted of it."""

    candidate: Candidate
    site: Site
    wish: Wish


def advise(
    subject: Subject,
    request: Request,
    found: Sequence[Candidate],
    chosen: Candidate | None,
    others: Callable[[], Sequence[Alternative]],
) -> list[Advice]:
    """What would make it fit: at all, where nothing is chosen; wholly on GPUs, where a part of it is on the CPU.

    :param others: the other versions of the model; asked for only where they matter.
    """
    if subject.shape is None:
        return []
    if chosen is not None and chosen.feature != "cpu" and (chosen.placement is None or chosen.placement.whole):
        return []
    spots = _spots(subject, request, found, chosen)
    if not spots:
        return []
    whole = chosen is not None
    advice = list(_settings(request, spots, whole))
    advice += _smaller(subject.shape, others(), spots, whole, settings=bool(advice))
    if whole:
        return [*advice, _more_vram(spots)]
    return [*advice, *_memory(spots, subject.shape, any(item.option for item in advice))]


def _spots(subject: Subject, request: Request, found: Sequence[Candidate], chosen: Candidate | None) -> list[_Spot]:
    """The places to look at: all that lack memory; where something is chosen, the GPUs among them."""
    spots = []
    for candidate in found:
        site = candidate.shortage.site if candidate.shortage is not None else None
        if candidate.placement is not None and not candidate.placement.whole:
            site = candidate.placement.site
        if site is not None and candidate.recipe is not None and (chosen is None or site.gpus):
            spots.append(_Spot(candidate, site, wish_for(candidate.recipe, subject, request)))
    # Where there is most room, for the nearest miss.
    return sorted(spots, key=lambda spot: -_room(spot.site))


def _room(site: Site) -> int:
    host = site.host.usable if site.host is not None else 0
    if not site.gpus:
        return host
    gpus = sum(budget.usable for budget in site.gpus)
    return gpus + (host if site.partial and not site.gpus[0].unified else 0)


def _fits(site: Site, wish: Wish, whole: bool) -> Placement | None:
    placement = place(site, wish)
    if not isinstance(placement, Placement) or (whole and not placement.whole):
        return None
    return placement


# --- settings -------------------------------------------------------------------------------------------------------


def _settings(request: Request, spots: Sequence[_Spot], whole: bool) -> Iterator[Advice]:
    """What a smaller demand would do, one thing at a time."""
    if request.context is not None:
        most = [(_largest_context(spot, request.context, whole), spot) for spot in spots]
        fits, spot = max(most, key=lambda pair: pair[0].demand.context if pair[0] is not None else 0)
        if fits is not None:
            option = f"--context {fits.demand.context}"
            yield Advice(f"With {option} it fits {_where(spot, fits)}.", option)
    if request.parallel is not None:
        for spot in spots:
            smaller = replace(spot.wish, parallel=None, most_parallel=max(1, request.parallel // 2))
            if request.parallel > 1 and (fits := _fits(spot.site, smaller, whole)) is not None:
                option = f"--parallel {fits.demand.parallel}"
                yield Advice(f"With {option} it fits {_where(spot, fits)}.", option)
                break
    if request.kv_type is None:
        yield from _kv(spots, whole)


def _largest_context(spot: _Spot, asked: int, whole: bool) -> Placement | None:
    """The placement with the largest context that fits, less than was asked for."""
    low, high, best = 1, (asked - 1) // STEP, None
    while low <= high:
        middle = (low + high) // 2
        fits = _fits(spot.site, replace(spot.wish, context=middle * STEP), whole)
        low, high, best = (middle + 1, high, fits) if fits is not None else (low, middle - 1, best)
    return best


def _kv(spots: Sequence[_Spot], whole: bool) -> Iterator[Advice]:
    for kv_type in _SMALLER_KV:
        for spot in spots:
            recipe = spot.candidate.recipe
            if recipe is None or kv_type not in recipe.capabilities.kv_types:
                continue
            if (fits := _fits(spot.site, replace(spot.wish, kv_type=kv_type), whole)) is not None:
                option = f"--kv-type {kv_type}"
                yield Advice(f"With {option}, a KV cache stored in fewer bits, it fits {_where(spot, fits)}.", option)
                return


# --- other versions -------------------------------------------------------------------------------------------------


def _smaller(
    shape: ModelShape, others: Sequence[Alternative], spots: Sequence[_Spot], whole: bool, *, settings: bool
) -> Iterator[Advice]:
    """The largest of the smaller versions that fits; if none does, what the smallest would need.

    :param settings: whether other settings would do: then what does not fit either is of no interest.
    """
    smaller = sorted((other for other in others if other.size < shape.size), key=lambda other: other.size)

    def fitting(other: Alternative) -> tuple[_Spot, Placement] | None:
        for spot in spots:
            site = replace(spot.site, shape=scaled(shape, other.size))
            if (fits := _fits(site, spot.wish, whole)) is not None:
                return spot, fits
        return None

    # What fits is smaller than what does not.
    number = bisect_left(smaller, True, key=lambda other: fitting(other) is None)
    if number and (found := fitting(smaller[number - 1])) is not None:
        other = smaller[number - 1]
        yield Advice(f"{other.ref} ({human_size(other.size)}) fits {_where(*found)}{_cost(other)}.", other.ref)
    elif smaller and not settings:
        last = smaller[0]
        needed = human_size(_needed(replace(spots[0].site, shape=scaled(shape, last.size)), spots[0].wish.least()))
        what = "would not fit on the GPU either" if whole else "does not fit either"
        yield Advice(f"The smallest version there is, {last.ref}, {what}: it needs {needed}.")


def _cost(other: Alternative) -> str:
    """What has to be said of a version with very few bits."""
    label = other.quantization or quant_label(other.ref) or ""
    bits = re.search(r"Q([12])_", label)
    return f"; at {bits[1]} bits its answers are noticeably worse" if bits else ""


def scaled(shape: ModelShape, size: int) -> ModelShape:
    """The same model in another quantization, of which nothing but the size is known."""
    share = size / max(1, shape.size)

    def part(count: int) -> int:
        return round(count * share)

    layers = tuple(replace(layer, weights=part(layer.weights), experts=part(layer.experts)) for layer in shape.layers)
    return replace(
        shape,
        layers=layers,
        size=size,
        embedding=part(shape.embedding),
        output=part(shape.output),
        other=part(shape.other),
    )


# --- memory ---------------------------------------------------------------------------------------------------------


def _more_vram(spots: Sequence[_Spot]) -> Advice:
    """How much GPU memory all of the model takes."""
    spot = max(spots, key=lambda spot: sum(budget.usable for budget in spot.site.gpus))
    demand, gpus = spot.wish.least(), spot.site.gpus
    needed = sum(part.total for part in replace(spot.site, gpus=gpus[:1]).estimate(demand, (spot.site.units,)).gpus)
    more = needed - sum(budget.usable for budget in gpus)
    text = f"All of it on GPUs takes {human_size(needed)}"
    if demand.context:
        text += f" with a context of {demand.context}"
    if more <= 0:
        return Advice(f"{text}.")
    recipe = spot.candidate.recipe
    several = recipe is not None and recipe.capabilities.multi_device and not any(b.unified for b in gpus)
    what = "; another GPU would do" if several else ""
    return Advice(f"{text}: {human_size(more)} more than {named(gpus)} can give{what}.")


def _memory(spots: Sequence[_Spot], shape: ModelShape, solved: bool) -> Iterator[Advice]:
    """What has to be freed, if that is possible; else what this machine is good for, if nothing better was found."""
    shortages = [(spot, spot.candidate.shortage) for spot in spots if spot.candidate.shortage is not None]
    for spot, shortage in sorted(shortages, key=lambda pair: pair[1].lacking if pair[1] else 0):
        budgets = spot.site.gpus if shortage is not None and shortage.memory == "vram" else (spot.site.host,)
        others = sum(budget.others for budget in budgets if budget is not None)
        if shortage is not None and shortage.lacking < others:
            where = named(spot.site.gpus) if shortage.memory == "vram" else "memory"
            yield Advice(
                f"Free {human_size(shortage.lacking)} of {where}: others use {human_size(others)} there now "
                "(`rbee ps` shows rbee's own workers)."
            )
            return
    room = _room(spots[0].site)
    billions = room / _BYTES_PER_PARAMETER / 1e9
    if not solved and shape.parameters > 1e9 and billions >= 1:
        yield Advice(f"As a rule of thumb, models of up to {billions:.0f} billion parameters in 4 bits run here.")


def _needed(site: Site, demand: Demand) -> int:
    """Bytes of all of it, with every layer where it should be."""
    if not site.gpus:
        return site.estimate(demand, ()).host.total
    needed = replace(site, gpus=site.gpus[:1]).estimate(demand, (site.units,))
    return sum(part.total for part in needed.gpus)


def _where(spot: _Spot, fits: Placement) -> str:
    gpus = spot.site.gpus
    if not gpus:
        return "in the memory of this machine"
    if not fits.whole:
        return f"with {sum(fits.split)} of {fits.site.units} layers on {named(gpus)}"
    return f"wholly on {named(gpus)}" if spot.site.partial else f"on {named(gpus)}"
