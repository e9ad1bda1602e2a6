"""An incomplete file whose bytes arrive in any order: ``NAME.part`` of full size, and a note of what of it is here."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Any

from ..contracts.download import DownloadedFile
from ..errors import RbeeError
from .hashes import Hashes
from .intervals import Intervals, parse_spans
from .part import FRESH, note_of, part_of, writing
from .positioned import PositionedFile
from .source import Source
from .tally import Tally
from .writeback import Writeback

#: Seconds between two notes of what has arrived: what came since the last is what a kill costs.
NOTED_EVERY = 0.1
#: The same where only what is on the disk for sure may be noted.
SYNCED_EVERY = 0.5
#: Bytes that come between two syncs where nothing depends on them but how long the last one takes.
SYNCED_BYTES = 64 << 20
#: Bytes kept for the next note; one with a hundred spans has three thousand.
_ROOM = 16 << 10


class SparsePart:
    """The partial file of one source of known size; use as a context manager.

    Entering finds what an earlier attempt left and noted (``kept``), if it was begun for the same bytes. What arrived
    after its last note is not counted: it is fetched again. Where no digest will tell, bytes are brought to the disk
    before they are noted, so that a power cut cannot turn holes into content.

    :raises RbeeError: ``INSUFFICIENT_DISK``, or ``DOWNLOAD_FAILED`` when the folder cannot be written.
    """

    def __init__(self, source: Source, dest: Path, tally: Tally) -> None:
        assert source.size is not None
        self.source = source
        self.size = source.size
        self.dest = dest
        self.kept = Intervals()
        self._tally = tally
        self._noted_at = self._synced_at = time.monotonic()
        self._synced = 0
        self._noted = self.kept
        self.path = part_of(dest)
        self.note = note_of(dest)

    def __enter__(self) -> SparsePart:
        with writing(self.dest):
            self.dest.parent.mkdir(parents=True, exist_ok=True)
            kept = self._found()
            if kept is None:
                self._begin()
            else:
                self.kept = self._noted = kept
                self.file = PositionedFile(self.path, new=False)
                self.file.resize(self.size)
        self._writeback = Writeback(self.file.sync, self.dest, self.kept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No byte is written after this."""
        self.file.close()

    def remember(self, done: Intervals, *, now: bool = False) -> None:
        """Note what has arrived, if it is time to.

        :param done: written already.
        :param now: whatever the time; it is the last note.
        """
        if self.file.closed:
            return
        if not now:
            self._writeback.check()
        unsure = self.source.digest is None
        moment = time.monotonic()
        if now and unsure:
            with writing(self.dest):
                self.file.sync()
        elif unsure:
            done, latest = self._writeback.safe, done
            self._sync(latest, moment - self._synced_at >= SYNCED_EVERY)
        else:
            self._sync(done, done.total - self._synced >= SYNCED_BYTES)
        if now or (moment - self._noted_at >= NOTED_EVERY and done is not self._noted):
            with writing(self.dest):
                self._write_note(done, last=now)
            self._noted_at, self._noted = moment, done

    def _sync(self, written: Intervals, due: bool) -> None:
        if due and not self._writeback.busy:
            self._synced_at, self._synced = time.monotonic(), written.total
            self._writeback.start(written)

    def publish(self, hashes: Hashes) -> DownloadedFile:
        """Give the complete file its own name, and note its digest with the job."""
        self._writeback.wait()
        self.close()
        with writing(self.dest):
            self.path.replace(self.dest)
            self._forget()
        self._tally.job.record_digest(self.dest, hashes.sha256)
        return DownloadedFile(name=self.source.name, size=self.size, digest=hashes.sha256)

    def discard(self) -> None:
        """Delete what is here."""
        with contextlib.suppress(RbeeError):  # what the disk says of it does not matter any more
            self._writeback.wait()  # Windows deletes no open file
        self.close()
        with writing(self.dest):
            self.path.unlink(missing_ok=True)
            self._forget()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        # In this order: at no moment does an old part stand beside a new note.
        self.path.unlink(missing_ok=True)
        self._write_note(Intervals())
        self.file = PositionedFile(self.path, new=True)
        try:
            self.file.resize(self.size)
        except BaseException:
            self.file.close()
            raise

    def _found(self) -> Intervals | None:
        """What an earlier attempt at the same bytes noted; ``None`` if there was none."""
        if not self.source.identity:
            return None
        try:
            facts = json.loads(self.note.read_text(encoding="utf-8"))
            status = self.path.lstat()
            if not isinstance(facts, dict) or not S_ISREG(status.st_mode) or status.st_size > self.size:
                return None
            # A part that was received from front to back has no spans noted: what there is of it is all right.
            done = parse_spans(facts.pop("done", [[0, status.st_size]] if status.st_size else []), status.st_size)
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        return done if facts == self._facts() else None

    def _write_note(self, done: Intervals, *, last: bool = False) -> None:
        """Replace the note. The next one's room is taken now: it can still be written when the disk is full."""
        text = json.dumps({**self._facts(), "done": [list(span) for span in done]}).encode()
        fresh = self._fresh
        try:
            with fresh.open("r+b" if fresh.exists() else "xb") as file:
                file.write(text)
                file.truncate()
            fresh.replace(self.note)
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        if not last:
            with contextlib.suppress(OSError):
                fresh.write_bytes(bytes(_ROOM))

    def _forget(self) -> None:
        for path in (self.note, self._fresh):
            path.unlink(missing_ok=True)

    @property
    def _fresh(self) -> Path:
        return self.note.with_name(self.note.name + FRESH)

    def _facts(self) -> dict[str, Any]:
        return {"identity": self.source.identity, "size": self.size}
