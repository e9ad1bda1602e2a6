"""One file in many ranges at once, into one partial file, hashed as it grows: what becomes of it."""

from __future__ import annotations

from pathlib import Path

from ..contracts.download import DownloadedFile
from ..errors import ErrorCode, RbeeError
from .fetch import Fetch
from .part import mismatch
from .source import ContentChangedError, Source
from .sparse import SparsePart
from .tally import Tally

#: Files from this many bytes on are fetched in ranges.
RANGED_FROM = 8 << 20


def is_ranged(source: Source) -> bool:
    """Whether a source is to be fetched in ranges."""
    return source.open_range is not None and source.size is not None and source.size >= RANGED_FROM


def receive_ranged(source: Source, dest: Path, tally: Tally) -> DownloadedFile:
    """As `receive`, for a source with ``open_range`` and a known size."""
    changed = False
    while True:
        with SparsePart(source, dest, tally) as part:
            kept = part.kept.total
            fetch = Fetch(part, tally)
            try:
                hashes = fetch.run()
                if hashes.matches:
                    return part.publish(hashes)
            except ContentChangedError:
                hashes = None
            part.discard()
        tally.add(-fetch.counted, source.name)
        if hashes is None:
            if changed:
                raise changing(source)
            changed, source = True, source.renewed()
            why = f"{source.name} changed on the way; fetching it anew."
        elif not kept:
            raise mismatch(source, hashes)
        else:
            # Some of it was another run's, and may have come to harm since: that is no reason to give up.
            why = f"{source.name}: what was kept of it is damaged; fetching it anew."
        tally.job.emit("transfer_restart", why)


def changing(source: Source) -> RbeeError:
    """What to say when a file will not stay the same."""
    return RbeeError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{source.name} changes on the server while it is fetched.",
        "Nothing of it was kept. Try again when its owner is done with it.",
    )
