"""What is done so that no catalog is ever lost: backups, and broken or old files kept beside."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ErrorCode, RbeeError
from .atomic import replace, sync_dir, write_atomic, write_synced


def write_with_backup(file: Path, backup: Path, data: bytes) -> None:
    """Replace ``file`` and then ``backup`` by ``data``; at every moment both are whole.

    Two copies, and not two names of one: what later goes wrong with one must not go wrong with the other. The caller
    holds the catalog's lock, so the temporary files have fixed names, and those of a killed writer are overwritten.

    :raises OSError: the old content is untouched.
    """
    temps = {target: target.with_name(f".{target.name}.tmp") for target in (file, backup)}
    try:
        for temp in temps.values():
            write_synced(temp, data)
        for target, temp in temps.items():
            replace(temp, target)
    except BaseException:
        for temp in temps.values():
            with suppress(OSError):
                temp.unlink()
        raise
    sync_dir(file.parent)


def set_aside(file: Path) -> Path | None:
    """Keep a broken file under a name of its own beside it; ``None`` if there is none."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for count in range(1, 10_000):
        kept = file.with_name(f"{file.name}.corrupt-{stamp}" + (f"-{count}" if count > 1 else ""))
        try:
            data = file.read_bytes()
            with kept.open("xb") as writer:
                writer.write(data)
                writer.flush()
                os.fsync(writer.fileno())
        except FileExistsError:
            continue
        except FileNotFoundError:
            return None
        except OSError:
            kept.unlink(missing_ok=True)
            raise
        return kept
    raise FileExistsError(f"too many broken catalogs beside {file}")


def keep_original(file: Path, data: bytes | None) -> Path:
    """Keep a version 1.0 catalog as ``catalog.json.v1``; one that is kept already is never overwritten."""
    for count in range(10_000):
        kept = file.with_name(f"{file.name}.v1" + (f".{count}" if count else ""))
        if not kept.exists():
            write_atomic(kept, data or b"")
            return kept
        if kept.read_bytes() == data:
            return kept
    raise FileExistsError(f"too many originals beside {file}")


def hopeless(file: Path, backup: Path, reason: str, second: Exception) -> RbeeError:
    """The error when the catalog is broken and its backup is no help."""
    why = "there is no backup" if isinstance(second, FileNotFoundError) else "its backup is no better"
    if isinstance(second, RbeeError):
        why = "its backup is of another version"
    return RbeeError(
        ErrorCode.CATALOG_CORRUPT,
        f"{file} {reason}, and {why}. Nothing was changed; the models' files are untouched.",
        f"Mend {file.name} by hand, or move it and {backup.name} away to start an empty catalog; then"
        " `rbee models download` finds what is in the store again without fetching it.",
    )
