"""Which manifest of a repository is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..refs import ModelRef

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")


def wanted_version(ref: ModelRef, revision: str | None) -> str:
    """The digest or tag of a reference: its digest goes before its tag, ``--revision`` before its tag.

    :raises UsageError: ``revision`` is neither a tag nor a digest, or contradicts the reference's digest.
    """
    if revision is not None and not (_TAG.fullmatch(revision) or _DIGEST.fullmatch(revision)):
        raise UsageError(
            f"--revision: {revision[:100]!a} is neither a tag nor a digest.", "Write it as v1 or sha256:…."
        )
    if ref.digest and revision and revision != ref.digest:
        raise UsageError(f"{ref} names a digest, and --revision says {revision!r}.", "Give one of them.")
    return ref.digest or revision or ref.tag or "latest"
