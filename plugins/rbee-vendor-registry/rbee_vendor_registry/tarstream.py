"""A tar archive read as it comes, from a stream that cannot be sought and is not believed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from rbee_core.errors import ErrorCode, RbeeError

#: Bytes of headers (long names, extended attributes) that one member may have.
MAX_HEADER = 1 << 20
CHUNK = 1 << 20
_BLOCK = 512
#: What decompressors allow themselves at most, as a power of 2 (bytes): Zstandard's own default for a decoder.
_ZSTD_WINDOW = 27
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Reader(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; fewer, or none, at the end."""


class TarStream:
    """What `tarfile` reads from: forwards only, never more than `MAX_HEADER` bytes of headers at a time.

    `tarfile` reads the headers of a member into memory, however long the archive says they are; so they are counted.

    :param seen: called with every piece of the archive as it is read.
    """

    def __init__(self, raw: Reader, seen: Callable[[bytes], None]) -> None:
        self._raw = raw
        self._seen = seen
        self._position = 0
        self._back = 0
        self._budget: int | None = MAX_HEADER
        self.tail = b""

    def tell(self) -> int:
        """Bytes from the beginning."""
        return self._position - self._back

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go forward by reading; one byte back is possible, which `tarfile` uses to look for the end."""
        if whence != 0 or offset < self._position - min(1, len(self.tail)):
            raise tarfile.ReadError("the archive jumps backwards")
        if offset < self._position:
            self._back = 1
            return offset
        self._back = 0
        while self._position < offset and self._take(min(CHUNK, offset - self._position)):
            pass
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        :raises RbeeError: ``UNSAFE_PATH``: the headers of a member are longer than any real ones.
        """
        if self._budget is not None:
            self._budget -= size
            if size < 0 or self._budget < 0:
                raise refused("the description of one of its files is longer than any real one")
        elif size < 0:
            raise tarfile.ReadError("unbounded read")
        if self._back and size:
            self._back = 0
            return self.tail[-1:] + self._take(size - 1)
        return self._take(size)

    @contextmanager
    def headers(self) -> Iterator[None]:
        """What is read inside are headers."""
        self._budget = MAX_HEADER
        try:
            yield
        finally:
            self._budget = None

    def drain(self) -> None:
        """Read what comes after the archive's end."""
        while self._take(CHUNK):
            pass

    def _take(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self._raw.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._position += len(piece)
            self._seen(piece)
        found = b"".join(pieces)
        self.tail = (self.tail + found)[-_BLOCK:]
        return found


def members(stream: TarStream) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """The archive's members in order; each is to be read before the next is asked for.

    :raises RbeeError: ``DOWNLOAD_FAILED``: it is no tar archive, or is cut off; ``UNSAFE_PATH``, see `TarStream`.
    """
    with broken_archives():
        with stream.headers():
            archive: Any = tarfile.TarFile(fileobj=stream, mode="r", errorlevel=2, encoding="utf-8")  # type: ignore[arg-type]
        while True:
            with stream.headers():
                member = archive.next()
            if member is None:
                break
            yield member, archive
            archive.members.clear()  # it would keep every one
        if stream.tail.strip(b"\0"):
            raise tarfile.ReadError("it ends in the middle")
        stream.drain()


@contextmanager
def broken_archives() -> Iterator[None]:
    """Say in words that an archive cannot be read.

    :raises RbeeError: ``DOWNLOAD_FAILED``.
    """
    try:
        yield
    except (
        tarfile.TarError,
        zlib.error,
        gzip.BadGzipFile,
        EOFError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"A layer is not the archive that it should be: {error or type(error).__name__}.",
            "Its bytes are the publisher's, so trying again does not help; tell the publisher.",
        ) from None


@contextmanager
def decompressed(path: Path, how: str | None) -> Iterator[Reader]:
    """Open an archive for reading without its compression.

    :param how: ``gzip``, ``zstd``, ``None`` for neither, or ``detect`` to look at the first bytes.
    :raises RbeeError: ``PLUGIN_ERROR``: the library for it is missing.
    """
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        if how == "detect":
            how = _detect(file)
        if how == "gzip":
            yield stack.enter_context(gzip.GzipFile(fileobj=file))
        elif how == "zstd":
            yield stack.enter_context(_zstd(file))
        else:
            yield file


def refused(why: str) -> RbeeError:
    """``UNSAFE_PATH`` for an archive."""
    return RbeeError(
        ErrorCode.UNSAFE_PATH,
        f"The archive is refused: {why}.",
        "This artifact is broken or hostile; nothing was written outside the model's folder. Tell its owner.",
    )


def _detect(file: BinaryIO) -> str | None:
    start = file.read(4)
    file.seek(0)
    if start.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if start == _ZSTD_MAGIC else None


def _zstd(file: BinaryIO) -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14 and later
    except ImportError:
        return _zstandard(file)
    options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    return _Translated(zstd.ZstdFile(file, options=options), zstd.ZstdError)


def _zstandard(file: BinaryIO) -> Any:
    try:
        import zstandard
    except ImportError:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            "A layer is compressed with Zstandard, and the library for it is missing.",
            "Install it: pip install zstandard",
        ) from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << _ZSTD_WINDOW)
    reader = decompressor.stream_reader(file, read_across_frames=True, closefd=False)
    return _Translated(reader, zstandard.ZstdError)


class _Translated(io.RawIOBase):
    """A reader whose own kind of error becomes a `ValueError`."""

    def __init__(self, raw: Any, error: type[Exception]) -> None:
        self._raw = raw
        self._error = error

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes."""
        try:
            found: bytes = self._raw.read(size)
        except self._error as error:
            raise ValueError(f"it does not decompress ({error})") from None
        return found
