"""What stands between a download and its publication: names, sizes and digests."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from ..contracts.common import Digest
from ..contracts.download import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
from ..contracts.model import ModelFile
from ..errors import ErrorCode, RbeeError, UsageError
from ..store.digest import Outcome, verify_digest
from ..store.names import safe_join
from ..transfer import Tally, hash_file

if TYPE_CHECKING:
    from ..jobs import Job


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def parse_sha256(text: str | None) -> Digest | None:
    """Read ``--sha256``: 64 hex digits, with or without ``sha256:`` before them."""
    if text is None:
        return None
    try:
        digest = Digest(text if ":" in text else f"sha256:{text}")
    except ValueError as error:
        raise UsageError(f"--sha256: {error}") from None
    if digest.algorithm != "sha256":
        raise UsageError(f"--sha256 takes a sha256 digest, not {digest.algorithm}")
    return digest


def check_names(names: list[str], root: Path) -> None:
    """Refuse file names that would leave the model's folder, or that would be one file on some systems.

    :raises RbeeError: ``UNSAFE_PATH``.
    """
    seen: dict[str, str] = {}
    for name in names:
        safe_join(root, name)
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"Two files of the model would be one: {other!r} and {name!r}.")


def verify_download(
    result: DownloadResult, manifest: ModelManifest | None, expected: Digest | None, staging: Path, job: Job
) -> list[ModelFile]:
    """Hold what a vendor delivered against what was promised and asked for.

    Bytes that were hashed on their way to the disk are not read again; a vendor's own word for a digest is.

    :returns: the files with their verified sha256.
    :raises RbeeError: ``CHECKSUM_MISMATCH``, ``DOWNLOAD_FAILED``, ``UNSAFE_PATH``, ``PLUGIN_ERROR``.
    """
    if not result.files:
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, "The vendor delivered no file.")
    check_names([file.name for file in result.files], staging)
    promised = {file.name: file for file in manifest.files} if manifest else {}
    delivered = {file.name for file in result.files}
    if missing := sorted(set(promised) - delivered):
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, f"The vendor did not deliver {', '.join(missing)}.")
    if expected is not None and len(result.files) != 1:
        names = ", ".join(sorted(delivered))
        raise UsageError(f"--sha256 is for a model of one file; this one has {len(result.files)}: {names}")
    tally = Tally(job)
    return [_verify_file(file, promised.get(file.name), expected, staging, tally) for file in result.files]


def _verify_file(
    file: DownloadedFile, promised: ManifestFile | None, expected: Digest | None, staging: Path, tally: Tally
) -> ModelFile:
    job = tally.job
    if (known := job.present.get(file.name)) is not None and known.digest is not None:
        actual, size = known.digest, known.size
    else:
        path = safe_join(staging, file.name)
        size = _regular_size(path, file.name)
        actual = job.recorded_digest(path) or hash_file(path, tally, name=file.name)
        for claim in (promised.digest if promised else None, file.digest):
            if claim is not None and claim.algorithm != "sha256":
                _compare(file.name, _digest_of(path, claim.algorithm, job), claim, path)
    if promised is not None and promised.size not in (None, size):
        _discard(staging, file.name)
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, f"{file.name} has {size} bytes; its source said {promised.size}.")
    for claim in (expected, promised.digest if promised else None, file.digest):
        if claim is not None and claim.algorithm == "sha256":
            _compare(file.name, actual, claim, staging / file.name)
    return ModelFile(name=file.name, size=size, digest=actual)


def _compare(name: str, actual: Digest, claim: Digest, path: Path) -> None:
    verdict = verify_digest(actual, claim)
    if verdict.outcome is Outcome.FAIL:
        path.unlink(missing_ok=True)
        raise RbeeError(
            ErrorCode.CHECKSUM_MISMATCH,
            f"{name} is not what it should be: expected {claim}, got {actual}.",
            "The bytes were thrown away. Try again; if it stays so, the source or the line to it is corrupt.",
        )


def _regular_size(path: Path, name: str) -> int:
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR, f"The vendor said it delivered {name!r}, but it is not there."
        ) from None
    if not S_ISREG(status.st_mode):
        raise RbeeError(ErrorCode.UNSAFE_PATH, f"The vendor delivered {name!r} as something other than a file.")
    return status.st_size


def _digest_of(path: Path, algorithm: str, job: Job) -> Digest:
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as reader:
        while chunk := reader.read(1 << 20):
            hasher.update(chunk)
            job.check_cancelled()
    return Digest(f"{algorithm}:{hasher.hexdigest()}")


def _discard(staging: Path, name: str) -> None:
    safe_join(staging, name).unlink(missing_ok=True)
