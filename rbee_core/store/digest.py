"""Comparing digests: pass, warn or fail (seed 003)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..contracts.common import Digest
from ..errors import ErrorCode, RbeeError


class Outcome(StrEnum):
    """What a comparison came to. ``warn`` is not a failure: there was nothing to compare with."""

    PASS = "pass"  # noqa: S105 — not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and why, in a few words."""

    outcome: Outcome
    reason: str


def verify_digest(actual: str | None, expected: str | None) -> Verdict:
    """Compare the digest that bytes have with the one they should have; both ``algorithm:hex`` in any case.

    ``warn``: nothing is expected. ``fail``: they differ, were taken by different algorithms, or there is no actual one.

    :raises RbeeError: ``CHECKSUM_MISMATCH``: either is not a digest that rbee knows. Never skipped.
    """
    want = _known(expected)
    have = _known(actual)
    if want is None:
        return Verdict(Outcome.WARN, "no expected digest provided; proceeding with warnings")
    if have is None:
        return Verdict(Outcome.FAIL, "missing actual digest for verification")
    if have.algorithm != want.algorithm:
        return Verdict(Outcome.FAIL, f"digest mismatch: expected {want.algorithm}, got {have.algorithm}")
    if have != want:
        return Verdict(Outcome.FAIL, f"digest mismatch: expected {want}, got {have}")
    return Verdict(Outcome.PASS, f"{have.algorithm} matches")


def _known(text: str | None) -> Digest | None:
    if text is None:
        return None
    try:
        return Digest(text)
    except ValueError as error:
        raise RbeeError(
            ErrorCode.CHECKSUM_MISMATCH,
            f"The digest cannot be checked: {error}",
            "Give a digest as algorithm:hex, such as sha256:….",
        ) from None
