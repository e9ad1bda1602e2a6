"""Call a vendor's own hooks, without the core around them, in a process that begins with a given environment.

``python -m rbee_core.testing.drive HOOK REF DEST OPTIONS`` prints one JSON document; `drive` runs it and reads that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .cli import clean_env


def drive(
    hook: str,
    ref: str,
    dest: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    backoff: float | None = None,
    timeout: float = 60,
    user: int | None = None,
    reads: Sequence[tuple[str, int, int]] = (),
    **options: Any,
) -> dict[str, Any]:
    """Call ``resolve_model``, ``download_model`` or ``read_model`` of the vendor that declares the reference's scheme.

    :param reads: for ``read_model``: file (the largest one if empty), first byte and length of each part to read.
    :param options: of the job (`rbee_core.jobs.JobOptions`).
    :param backoff: the first wait between two tries, in seconds, in place of the real one.
    :param user: do the work as this user, when run by root.
    :returns: ``{"result": …}`` (of ``read_model`` the parts, in hexadecimal) or
        ``{"error": {"code", "message", "hint"}}``, each with ``events`` and ``output``.
    """
    settings = json.dumps({"options": options, "backoff": backoff, "user": user, "reads": reads})
    done = subprocess.run(
        [sys.executable, "-m", "rbee_core.testing.drive", hook, ref, str(dest or ""), settings],
        env=clean_env(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"the hook failed with {done.returncode}: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"output": done.stdout + done.stderr}


def main(hook: str, text: str, dest: str, settings: str) -> dict[str, Any]:
    """What the process does."""
    import os

    from ..errors import RbeeError, UsageError
    from ..jobs import Job, JobOptions
    from ..refs import ModelRef
    from ..transfer import retry

    wanted = json.loads(settings)
    events: list[dict[str, Any]] = []
    given: dict[str, Any] = wanted["options"]
    options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    job = Job(listener=lambda event: events.append(event.wire()), options=JobOptions(**options))
    if wanted["backoff"] is not None:
        retry.BACKOFF = wanted["backoff"]
    try:
        ref = ModelRef.parse(text)
        entries = [entry for entry in entry_points(group="rbee.vendors") if entry.name == ref.scheme]
        (vendor,) = [vendor for entry in entries if (vendor := entry.load()()).supports_model(ref)]
        if wanted["user"] is not None and hasattr(os, "geteuid") and os.geteuid() == 0:
            os.seteuid(wanted["user"])  # what is unreadable to others is readable to root
        if hook == "read_model":
            parts = [
                vendor.read_model(ref, name or _largest(vendor.resolve_model(ref, job)), start, length, job)
                for name, start, length in wanted["reads"]
            ]
            return {"result": [None if part is None else part.hex() for part in parts], "events": events}
        result = (
            vendor.resolve_model(ref, job) if hook == "resolve_model" else vendor.download_model(ref, Path(dest), job)
        )
    except (RbeeError, UsageError) as error:
        return {**error.as_json(), "events": events}
    return {"result": result.wire(), "events": events}


def _largest(manifest: Any) -> str:
    return str(max(manifest.files, key=lambda file: file.size or 0).name)


if __name__ == "__main__":
    answer = main(*sys.argv[1:5])
    sys.stdout.write(json.dumps(answer))
