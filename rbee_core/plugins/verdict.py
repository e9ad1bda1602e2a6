"""What to remember of a plugin whose code ran in a child process."""

from __future__ import annotations

from .children import Outcome
from .failures import LOAD, Failure


def failure_of(outcome: Outcome, limit: float, *, patient: bool = True) -> Failure | None:
    """The failure to remember of how a child ended; ``None`` when it answered.

    :param patient: the limit was long enough to call a plugin that was still loading at its end a hanging one.
    """
    if outcome.answer is None:
        if outcome.stage != LOAD:
            return Failure(outcome.stage, outcome.trouble(limit))
        # It would take rbee itself down: such a plugin is never loaded but in a child.
        fatal = patient or outcome.status is not None
        return Failure(LOAD, f"loading it {outcome.trouble(limit)}", fatal=fatal)
    data = outcome.answer.get("failure")
    if not isinstance(data, dict):
        return None
    return Failure(str(data.get("where")), str(data.get("reason")), str(data.get("status")))
