"""Every machine's plan for every model: which device, how many layers, which verdict.

The table is in ``golden/machines.txt``. After a change that is meant to change it, run the test with
``RBEE_WRITE_GOLDEN=1`` and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

from rbee_core.testing.machines import names

from .models import MODELS, make_model, plan_for

GOLDEN = Path(__file__).parent / "golden" / "machines.txt"


def told(machine: str, home: Path, model: Path) -> str:
    """A plan in one short line."""
    plan = plan_for(machine, home, model)
    if plan.chosen is None:
        assert plan.problem is not None
        return str(getattr(plan.problem, "code", "USAGE"))
    placement = plan.chosen.placement
    assert placement is not None
    assert placement.site.holds(placement.needed)
    verdict = "whole" if placement.whole else "partial"
    layers = f" {'+'.join(map(str, placement.split))}/{placement.site.units}" if placement.site.gpus else ""
    return f"{plan.chosen.variant} {plan.chosen.device} {verdict}{layers} context {placement.demand.context}"


def test_every_machine_has_the_right_plan_for_every_model(shelf: Path, tmp_path: Path) -> None:
    lines = [
        f"{machine:24} {name:5} {told(machine, tmp_path, make_model(shelf, name))}\n"
        for machine in names()
        for name in MODELS
    ]
    text = "".join(lines)
    if os.environ.get("RBEE_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text.splitlines() == GOLDEN.read_text().splitlines()
