"""Layers over several GPUs, of which each may have another amount of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .memory import Estimate

#: Layers that are moved from one GPU to another before it is given up.
_MOVES = 64


def balanced(
    count: int, usable: Sequence[int], needed: Callable[[tuple[int, ...]], Estimate]
) -> tuple[tuple[int, ...], Estimate] | None:
    """So many layers over the GPUs, that each has room for its own; as even as their memory is.

    :param usable: bytes on each GPU.
    :param needed: what a split needs.
    :returns: the split, at least one layer on each, and what it needs; ``None`` if there is none.
    """
    if count < len(usable):
        return None
    split = proportional(count, usable)
    seen = {split}
    for _ in range(_MOVES):
        estimate = needed(split)
        slack = [room - part.total for part, room in zip(estimate.gpus, usable, strict=True)]
        if min(slack) >= 0:
            return split, estimate
        if sum(slack) < 0 or len(split) == 1:
            return None
        worst = min((i for i in range(len(split)) if split[i] > 1), key=lambda i: slack[i], default=None)
        best = max(range(len(split)), key=lambda i: slack[i])
        if worst is None or worst == best or slack[worst] >= 0:
            return None
        moved = list(split)
        moved[worst] -= 1
        moved[best] += 1
        split = tuple(moved)
        if split in seen:
            return None
        seen.add(split)
    return None


def proportional(count: int, usable: Sequence[int]) -> tuple[int, ...]:
    """``count`` shared out in proportion, at least one for each where there are enough (largest remainders first)."""
    if count < len(usable):
        return tuple(1 if index < count else 0 for index in range(len(usable)))
    rest = count - len(usable)
    rooms = usable if any(usable) else [1] * len(usable)
    exact = [rest * room / sum(rooms) for room in rooms]
    whole = [int(share) for share in exact]
    order = sorted(range(len(usable)), key=lambda i: (whole[i] - exact[i], i))
    for index in order[: rest - sum(whole)]:
        whole[index] += 1
    return tuple(share + 1 for share in whole)
