"""What a placement is, in words for a person."""

from __future__ import annotations

from ..units import human_size
from .budget import Budget
from .placing import Placement, Shortage, Wish


def named(budgets: tuple[Budget, ...]) -> str:
    """``GPU-0``, ``GPU-0 and GPU-1``, ``GPU-0, GPU-1 and GPU-2``."""
    ids = [budget.device.id for budget in budgets]
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} and {ids[-1]}"


def placed(found: Placement, wish: Wish) -> str:
    """Where the model is, and what it takes there."""
    site = found.site
    host = human_size(site.host.usable) if site.host is not None else "?"
    asked = _demand(found, wish)
    asked = f", {asked}" if asked else ""
    if not site.gpus:
        return f"on the CPU{asked}: {human_size(found.needed.host.total)} of {host}"
    gpus = sum(part.total for part in found.needed.gpus)
    taken = f"{human_size(gpus)} of {human_size(sum(budget.usable for budget in site.gpus))}"
    over = f"over {named(site.gpus)} ({' + '.join(map(str, found.split))})" if len(site.gpus) > 1 else ""
    if not site.shape.exact:
        return f"all of it {f'over {named(site.gpus)}' if over else 'on the GPU'}{asked}: about {taken}"
    if found.whole:
        return f"all {site.units} layers {over or 'on the GPU'}{asked}: {taken}"
    rest = f"the rest on the CPU ({human_size(found.needed.host.total)} of {host})"
    return f"{sum(found.split)} of {site.units} layers {over or 'on the GPU'} ({taken}), {rest}{asked}"


def short(found: Shortage) -> str:
    """What is lacking."""
    what = "GPU memory" if found.memory == "vram" else "memory"
    beside = f", beside {human_size(found.beside)} on {named(found.site.gpus)}" if found.beside else ""
    needed = " ".join(part for part in (f"{human_size(found.needed)} of {what}{beside}", least_demand(found)) if part)
    return f"needs {needed}, and {human_size(found.available)} are available"


def least_demand(found: Shortage) -> str:
    """``with a context of 4096``; nothing, where there is no context."""
    if not found.demand.context:
        return ""
    several = f" for each of {found.demand.parallel} requests" if found.demand.parallel > 1 else ""
    return f"with a context of {found.demand.context}{several}"


def _demand(found: Placement, wish: Wish) -> str:
    if not found.demand.context:
        return f"{found.demand.parallel} requests at once" if found.demand.parallel > 1 else ""
    text = f"context {found.demand.context}"
    if found.demand.parallel > 1:
        text += f" for each of {found.demand.parallel} requests"
    if found.demand.kv_type != "f16":
        text += f", KV cache {found.demand.kv_type}"
    less = wish.context is None and found.demand.context < wish.most_context
    return f"{text} (there is no room for {wish.most_context})" if less else text
