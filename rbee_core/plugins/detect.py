"""``python -m rbee_core.plugins.detect NAME``: ask one backend for its devices, in a process of its own.

Prints ``{"devices": […]}`` or ``{"error": {"code", "message", "hint"}}``; whatever the plugin prints goes to standard
error. With ``--stages LIMIT`` it speaks the JSON lines of `children`, and dies some time after LIMIT seconds at the
latest.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run with ``sys.argv[1:]`` and end the process."""
    from .child import Noted, Report, end_by_itself, failure_data, leave

    name, *options = sys.argv[1:]
    report = Report(stages=bool(options))
    from ..config import Config
    from ..errors import RbeeError, UsageError
    from .manager import PluginManager

    if options:
        end_by_itself(float(options[1]))
    report.stage("load")
    noted = Noted()
    try:
        manager = PluginManager(Config({"strict_plugins": False}), memory=noted)
        backend = manager.backend(name)
        report.stage("detect_hardware")
        report.answer({"devices": [device.wire() for device in backend.detect_hardware()]})
    except (RbeeError, UsageError) as error:
        more = failure_data(noted.failure, error) if noted.failure is not None and options else {}
        report.answer({**error.as_json(), **more})
    leave()


if __name__ == "__main__":
    main()
