"""`receive`: bring one file here, whatever happens on the way, or say why not; never a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from stat import S_ISREG

from ..contracts.download import DownloadedFile
from ..errors import ErrorCode, RbeeError
from .hashes import Hashes
from .listen import POLL, listen
from .part import FRESH, NOTE, PART, Part
from .ranged import changing, is_ranged, receive_ranged
from .retry import Retry
from .source import ContentChangedError, RestartNeeded, Source
from .tally import Tally

#: Files in transfer at one time.
MOST_FILES = 8

_CHUNK = 1 << 20


def receive(source: Source, dest: Path, tally: Tally) -> DownloadedFile:
    """Bring ``source`` to ``dest``.

    The bytes are hashed as they arrive and stand in ``dest``'s name plus ``.part`` until they are complete and
    right. A download that was interrupted, even by ``kill -9``, goes on where it was. Lost connections are taken up
    again; so are silent ones, after ``job.options.stall_timeout`` seconds.

    :returns: the file with its sha256, which is also noted with the job.
    :raises RbeeError: ``DOWNLOAD_FAILED`` or ``DOWNLOAD_TIMEOUT`` after `retry.TRIES` tries without progress,
        ``CHECKSUM_MISMATCH``, ``INSUFFICIENT_DISK``, ``CANCELLED``, and whatever the source raises.
    """
    if (known := tally.job.present.get(source.name)) is not None:
        tally.add(known.size, source.name)
        return known
    if dest.name.endswith((PART, NOTE, NOTE + FRESH)):
        raise RbeeError(ErrorCode.UNSAFE_PATH, f"{source.name}: {PART} and {NOTE} are kept for unfinished downloads.")
    if (found := _complete_already(source, dest, tally)) is not None:
        return found
    if is_ranged(source):
        return receive_ranged(source, dest, tally)
    while True:
        with Part(source, dest, tally) as part:
            kept = part.offset
            _fill(part, tally)
            if part.matches:
                return part.publish()
            mismatch = part.mismatch()
            part.discard()
        tally.add(-part.offset, source.name)
        if not kept:
            raise mismatch
        # The beginning was another run's, and may have come to harm since: that is no reason to give up.
        tally.job.emit("transfer_restart", f"{source.name}: what was kept of it is damaged; fetching it anew.")


def receive_all(
    files: Sequence[tuple[Source, Path]], tally: Tally, *, at_once: int | None = None
) -> list[DownloadedFile]:
    """Bring several files here, some at a time; the first failure stops the others, and what they have is kept.

    All share one number of connections (``job.options.connections``); a large file takes as many as are free.

    :param at_once: files in transfer at one time; as many as connections, up to `MOST_FILES`, if not given.
    :returns: in the order given.
    :raises RbeeError: as `receive`.
    """
    if at_once is None:
        at_once = min(MOST_FILES, tally.job.options.connections)
    with ThreadPoolExecutor(max_workers=max(1, at_once), thread_name_prefix="rbee-receive") as pool:
        try:
            futures = [pool.submit(receive, source, dest, tally) for source, dest in files]
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=POLL, return_when="FIRST_COMPLETED")
                for future in done:
                    future.result()
            return [future.result() for future in futures]
        except BaseException:
            tally.stop()
            # They hear it within a moment; when this is told, none of them writes any more.
            pool.shutdown(cancel_futures=True)
            raise


def _fill(part: Part, tally: Tally) -> None:
    """Bring the part to its full length."""
    source = part.source
    retry = Retry(source.name, tally)
    retry.reached(part.offset)
    changed = False
    while not part.full:
        try:
            with tally.budget.one(tally.check):
                _attempt(part, tally, retry.reached)
        except ContentChangedError:
            part.restart()
            if changed:
                part.discard()
                raise changing(source) from None
            changed, part.source = True, source.renewed()
        except RestartNeeded:
            if part.offset:
                part.restart()
            else:
                retry.failed(ConnectionError("the source cannot be read from its beginning"))
        except OSError as error:
            retry.failed(error)
        else:
            if source.size is None:
                return


def _attempt(part: Part, tally: Tally, reached: Callable[[int], None]) -> None:
    """Read until the source ends.

    :raises OSError: it broke off, or ended before all announced bytes were here.
    """
    stall = tally.job.options.stall_timeout
    for chunk in listen(partial(part.source.open_at, part.offset), check=tally.check, stall=stall):
        part.write(chunk)
        reached(part.offset)
        tally.pace(len(chunk))
    size = part.source.size
    if size is not None and part.offset < size:
        raise ConnectionError(f"the connection ended after {part.offset} of {size} bytes")


def _complete_already(source: Source, dest: Path, tally: Tally) -> DownloadedFile | None:
    """The file that an earlier attempt completed, if its bytes are still the promised ones."""
    if source.digest is None:
        return None
    hashes = Hashes(source)
    try:
        status = dest.lstat()
        if not S_ISREG(status.st_mode) or source.size not in (None, status.st_size):
            return None
        with dest.open("rb") as reader:
            while chunk := reader.read(_CHUNK):
                hashes.update(chunk)
                tally.check()
    except OSError:
        return None  # not there, or not readable: what is received takes its place
    if not hashes.matches:
        return None
    tally.add(status.st_size, source.name)
    tally.job.record_digest(dest, hashes.sha256)
    return DownloadedFile(name=source.name, size=status.st_size, digest=hashes.sha256)
