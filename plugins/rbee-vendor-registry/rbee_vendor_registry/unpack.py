"""Archives unpacked into a model's folder, and nowhere else, whatever they say."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
import tarfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from rbee_core.contracts import Digest, DownloadedFile
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.names import check_names, safe_join
from rbee_core.transfer import Tally
from rbee_core.units import human_size

from .layout import Archive
from .placing import checked_name
from .tarstream import CHUNK, TarStream, broken_archives, decompressed, members, refused

#: An archive may hold this many times its own size, or `SMALL` bytes if that is more: far beyond what weights and
#: vocabularies compress to, and short of what fills a disk with nothing.
MAX_RATIO = 200
SMALL = 256 << 20
MAX_MEMBERS = 100_000
#: Kept free on the disk, in bytes.
_RESERVE = 64 << 20


class Unpacker:
    """Unpacks one model's archives into ``dest``; names are checked across all of them and the plain files.

    :param taken: the names of the model's other files.
    :param wanted: whether a file is to be kept, by its name.
    """

    def __init__(self, dest: Path, tally: Tally, taken: list[str], wanted: Callable[[str], bool]) -> None:
        self._dest = dest
        self._tally = tally
        self._wanted = wanted
        self._names = list(taken)
        self._written: list[Path] = []
        #: What was left out, because nobody wanted it.
        self.left_out: list[str] = []

    def unpack(self, path: Path, archive: Archive) -> list[DownloadedFile]:
        """Write an archive's files, each hashed on its way; of an archive that is refused, nothing is left.

        :raises RbeeError: ``UNSAFE_PATH``, ``DOWNLOAD_FAILED``, ``CHECKSUM_MISMATCH``, ``INSUFFICIENT_DISK``.
        """
        try:
            return self._each(path, archive, self._write)
        except RbeeError as error:
            if error.code in (ErrorCode.UNSAFE_PATH, ErrorCode.CHECKSUM_MISMATCH):
                self._discard()
            raise

    def look(self, path: Path, archive: Archive) -> list[DownloadedFile]:
        """What `unpack` would write, without writing it; raises the same."""
        return self._each(path, archive, _hash)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _each(
        self,
        path: Path,
        archive: Archive,
        take: Callable[[str, tarfile.TarInfo, tarfile.TarFile], DownloadedFile],
    ) -> list[DownloadedFile]:
        found = []
        with contextlib.closing(self._walk(path, archive)) as walk:
            for name, member, tar in walk:
                self._names.append(name)
                if self._wanted(name):
                    found.append(take(name, member, tar))
                else:
                    self.left_out.append(name)
        check_names(self._names)
        return found

    def _walk(
        self, path: Path, archive: Archive
    ) -> Generator[tuple[str, tarfile.TarInfo, tarfile.TarFile], None, None]:
        """Each file of the archive: its checked name, its header, and what to read it from."""
        limit = max(SMALL, MAX_RATIO * path.stat().st_size)
        hasher = _hasher(archive)
        read = 0

        def seen(piece: bytes) -> None:
            nonlocal read
            read += len(piece)
            if read > limit:
                raise refused(f"it unpacks to more than {MAX_RATIO} times its size")
            self._tally.check()
            if hasher is not None:
                hasher.update(piece)

        with broken_archives(), decompressed(path, archive.compression) as raw:
            for count, (member, tar) in enumerate(members(TarStream(raw, seen))):
                if count >= MAX_MEMBERS:
                    raise refused(f"it has more than {MAX_MEMBERS} members")
                if (name := checked_name(member, archive)) is not None:
                    yield name, member, tar
        if hasher is not None and archive.content_digest != f"{hasher.name}:{hasher.hexdigest()}":
            raise RbeeError(
                ErrorCode.CHECKSUM_MISMATCH,
                f"The contents of {archive.within} are not what the artifact says they are.",
                "The artifact is broken; tell its owner.",
            )

    def _write(self, name: str, member: tarfile.TarInfo, tar: tarfile.TarFile) -> DownloadedFile:
        path = safe_join(self._dest, name)
        self._require_space(name, member.size)
        with writing(path):
            _make_room(path, self._dest)
            writer = path.open("xb", buffering=0)
        self._written.append(path)
        with writer:
            file = _hash(name, member, tar, _Sink(writer, path))
        assert file.digest is not None
        self._tally.job.record_digest(path, file.digest)
        return file

    def _require_space(self, name: str, size: int) -> None:
        if size <= CHUNK:
            return
        free = max(0, shutil.disk_usage(self._dest).free - _RESERVE)
        if size > free:
            raise RbeeError(
                ErrorCode.INSUFFICIENT_DISK,
                f"{name} has {human_size(size)}, and {human_size(free)} are available in {self._dest}.",
                f"Free {human_size(size - free)} there (rbee models rm ID), or set RBEE_MODELS_DIR to a larger disk.",
            )

    def _discard(self) -> None:
        for path in self._written:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Sink:
    """Writes to a file; what goes wrong is told in words."""

    writer: FileIO
    path: Path

    def __call__(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        with writing(self.path):
            while rest:
                rest = rest[self.writer.write(rest) :]


def _hash(
    name: str, member: tarfile.TarInfo, tar: tarfile.TarFile, sink: Callable[[bytes], None] | None = None
) -> DownloadedFile:
    """Read a member to its end, hashing it, and pass what is read to ``sink``."""
    hasher = hashlib.sha256()
    size = 0
    with broken_archives():
        reader = tar.extractfile(member)
        assert reader is not None
        while chunk := reader.read(CHUNK):
            hasher.update(chunk)
            size += len(chunk)
            if sink is not None:
                sink(chunk)
        if size != member.size:
            raise tarfile.ReadError(f"{name} is cut off")
    return DownloadedFile(name=name, size=size, digest=Digest(f"sha256:{hasher.hexdigest()}"))


def _make_room(path: Path, root: Path) -> None:
    """Take away what an earlier attempt left where this file and its folders go."""
    for parent in reversed([place for place in path.parents if place != root and root in place.parents]):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            parent.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _hasher(archive: Archive) -> Any:
    """What takes the digest of the archive's contents, if its publisher said one."""
    if archive.content_digest is None:
        return None
    try:
        return hashlib.new(Digest(archive.content_digest).algorithm, usedforsecurity=False)
    except ValueError:
        raise refused("it names a digest of its contents that is none") from None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk says into words.

    :raises RbeeError: ``INSUFFICIENT_DISK`` when it is full; else ``DOWNLOAD_FAILED``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            hint = "Free some space and run it again: what has arrived is kept."
            raise RbeeError(
                ErrorCode.INSUFFICIENT_DISK, f"{path} cannot be written: the disk is full.", hint
            ) from error
        why = error.strerror or type(error).__name__
        hint = "Look at the folder's permissions, or choose another with RBEE_MODELS_DIR."
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, f"{path} cannot be written: {why}.", hint) from error
