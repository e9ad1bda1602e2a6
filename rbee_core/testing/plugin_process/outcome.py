"""Inside the process: how a call ended, as JSON."""

from __future__ import annotations

import traceback
from typing import Any

from ...errors import RbeeError, UsageError


def outcome(call: Any, failed: str = "raised") -> dict[str, Any]:
    """What a call gives, ``{"error": {"code", "message", "hint"}}``, or what else it raised and where."""
    try:
        found: dict[str, Any] = call()
    except (RbeeError, UsageError) as error:
        return dict(error.as_json())
    except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
        return {failed: f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-4000:]}
    return found
