"""A file that is not complete yet: ``NAME.part`` beside where it will be, and a note of what it is a part of."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import BinaryIO

from ..contracts.download import DownloadedFile
from ..errors import ErrorCode, RbeeError
from .hashes import Hashes
from .source import Source
from .tally import Tally

PART = ".part"
NOTE = ".part.json"
#: What a note ends in while it is written.
FRESH = "~"
_CHUNK = 1 << 20
#: Longest name, in bytes, that still has room for the suffixes where a file system allows 255.
_MAX_NAME = 240


class Part:
    """The growing file of one source; use as a context manager.

    Entering finds what an earlier attempt left: it is kept, and hashed once, if it was begun for the same bytes.
    Leaving closes the file and keeps it, so that a later attempt can go on.

    :raises RbeeError: ``INSUFFICIENT_DISK``, or ``DOWNLOAD_FAILED`` when the folder cannot be written.
    """

    def __init__(self, source: Source, dest: Path, tally: Tally) -> None:
        self.source = source
        self.dest = dest
        self.offset = 0
        self._tally = tally
        self._hashes = Hashes(source)
        self._file: BinaryIO | None = None
        self.path = part_of(dest)
        self.note = note_of(dest)

    def __enter__(self) -> Part:
        with writing(self.dest):
            self.dest.parent.mkdir(parents=True, exist_ok=True)
            if self._continues():
                self._file = self.path.open("r+b", buffering=0)
                self._take_in(self._file)
            else:
                self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def full(self) -> bool:
        """Whether all announced bytes are here."""
        return self.offset == self.source.size

    @property
    def matches(self) -> bool:
        """Whether the bytes have the promised digest."""
        return self._hashes.matches

    def write(self, chunk: bytes) -> None:
        """Append bytes, if the source announced that many.

        :raises RbeeError: ``DOWNLOAD_FAILED`` for too many; the part is thrown away.
        """
        size = self.source.size
        if size is not None and self.offset + len(chunk) > size:
            self.discard()
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{self.source.name}: the source sent more than the {size} bytes it announced.",
                "Nothing of it was kept. Try again later, or from another source.",
            )
        assert self._file is not None
        with writing(self.dest):
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._hashes.update(chunk)
        self.offset += len(chunk)
        self._tally.add(len(chunk), self.source.name)

    def restart(self) -> None:
        """Forget the bytes that are here and begin again."""
        self._tally.add(-self.offset, self.source.name)
        self._hashes = Hashes(self.source)
        with writing(self.dest):
            self._close()
            self._begin()

    def publish(self) -> DownloadedFile:
        """Give the complete file its own name, and note its digest with the job."""
        self._close()
        with writing(self.dest):
            self.path.replace(self.dest)
            self.note.unlink(missing_ok=True)
        digest = self._hashes.sha256
        self._tally.job.record_digest(self.dest, digest)
        return DownloadedFile(name=self.source.name, size=self.offset, digest=digest)

    def mismatch(self) -> RbeeError:
        """What to say when the digest is wrong."""
        return mismatch(self.source, self._hashes)

    def discard(self) -> None:
        """Delete what is here."""
        self._close()
        with writing(self.dest):
            self.path.unlink(missing_ok=True)
            self.note.unlink(missing_ok=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        # In this order: at no moment does an old part stand beside a new note.
        self.path.unlink(missing_ok=True)
        self.note.write_text(json.dumps(self._facts()), encoding="utf-8")
        self._file = self.path.open("xb", buffering=0)
        self.offset = 0

    def _continues(self) -> bool:
        if not self.source.identity:
            return False
        try:
            facts = json.loads(self.note.read_text(encoding="utf-8"))
            status = self.path.lstat()
        except (FileNotFoundError, ValueError):
            return False
        fits = self.source.size is None or status.st_size <= self.source.size
        return facts == self._facts() and S_ISREG(status.st_mode) and fits

    def _facts(self) -> dict[str, str | int | None]:
        return {"identity": self.source.identity, "size": self.source.size}

    def _take_in(self, file: BinaryIO) -> None:
        while chunk := file.read(_CHUNK):
            self._hashes.update(chunk)
            self.offset += len(chunk)
            self._tally.add(len(chunk), self.source.name)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with writing(self.dest):
                file.close()


def part_of(dest: Path) -> Path:
    """Where the bytes of ``dest`` stand until they are complete."""
    return dest.with_name(_short(dest.name) + PART)


def note_of(dest: Path) -> Path:
    """Where it is noted what they are."""
    return dest.with_name(_short(dest.name) + NOTE)


def _short(name: str) -> str:
    raw = os.fsencode(name)
    return name if len(raw) <= _MAX_NAME else hashlib.sha256(raw).hexdigest()


def mismatch(source: Source, hashes: Hashes) -> RbeeError:
    """What to say when the digest is wrong."""
    facts = f"expected {source.digest}, got {hashes.compared}"
    if source.digest is None or hashes.compared == source.digest:
        facts = f"{len(hashes.wrong)} of its parts do not have the digests that the source lists for them"
    return RbeeError(
        ErrorCode.CHECKSUM_MISMATCH,
        f"{source.name} is not what it should be: {facts}.",
        "The bytes were thrown away. Try again; if it stays so, the source or the line to it is corrupt.",
    )


def kept_size(path: Path) -> int:
    """Bytes of disk that a file takes, at most its length: a partial file has holes.

    :raises OSError: as ``lstat``.
    """
    status = path.lstat()
    blocks = getattr(status, "st_blocks", None)  # of 512 bytes, whatever the file system's own (stat(2))
    return status.st_size if blocks is None else min(status.st_size, blocks * 512)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk says into words.

    :raises RbeeError: ``INSUFFICIENT_DISK`` when it, or the user's share of it, is full; else ``DOWNLOAD_FAILED``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            full = "the disk is full" if error.errno == errno.ENOSPC else "your disk quota is used up"
            raise RbeeError(
                ErrorCode.INSUFFICIENT_DISK,
                f"{path} cannot be written: {full}.",
                "Free some space and run it again: what has arrived is kept.",
            ) from error
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{path} cannot be written: {error.strerror or error}.",
            "Look at the folder's permissions, or choose another with RBEE_MODELS_DIR.",
        ) from error
