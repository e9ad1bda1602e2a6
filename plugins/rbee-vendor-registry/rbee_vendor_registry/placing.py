"""Which of an archive's members become files of the model, and where: every name is hostile until checked."""

from __future__ import annotations

import tarfile

from rbee_core.names import check_name

from .layout import Archive
from .tarstream import refused

_FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
}


def checked_name(member: tarfile.TarInfo, archive: Archive) -> str | None:
    """The name of a member's file below the model's folder; ``None`` for a folder.

    :raises RbeeError: ``UNSAFE_PATH``.
    """
    plain = member.name.removeprefix("./")
    folder = member.isdir()
    if folder:
        plain = plain.rstrip("/")
        if plain in ("", "."):
            return None
    name = check_name(_placed(plain, archive))
    if folder:
        return None
    if member.type not in _FILES:
        raise refused(f"{name!a} is {_KINDS.get(member.type, 'something special')}")
    if member.sparse is not None:
        raise refused(f"{name!a} is stored with holes in it")
    if member.size < 0:
        raise refused(f"{name!a} has fewer than no bytes")
    return name


def _placed(name: str, archive: Archive) -> str:
    """Where a member goes, below the model's folder.

    Packers differ in whether their members' names begin at the model's folder or at the packed one, and in the
    latter case, whether with its name; no packed folder has itself in itself.
    """
    if archive.prefix and not name.startswith(f"{archive.prefix}/"):
        return f"{archive.prefix}/{name}"
    within = archive.within
    if not within or name == within or name.startswith(f"{within}/"):
        return name
    parent, _, last = within.rpartition("/")
    if name == last or name.startswith(f"{last}/"):
        return f"{parent}/{name}" if parent else name
    return f"{within}/{name}"
