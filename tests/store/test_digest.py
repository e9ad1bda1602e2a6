"""The verdicts of seed 003, with its mistakes (case, unknown algorithms) mended."""

from __future__ import annotations

import hashlib

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.store import verify_digest

ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
OTHER = "sha256:" + "0" * 64
SHA512 = "sha512:" + hashlib.sha512(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("actual", "expected", "outcome", "reason"),
    [
        (ABC, ABC, "pass", "sha256 matches"),
        (ABC.upper(), ABC, "pass", "sha256 matches"),
        (ABC, "SHA256:" + ABC[7:].upper(), "pass", "sha256 matches"),
        (SHA512, SHA512, "pass", "sha512 matches"),
        (ABC, OTHER, "fail", f"digest mismatch: expected {OTHER}, got {ABC}"),
        (ABC, SHA512, "fail", "digest mismatch: expected sha512, got sha256"),
        (None, ABC, "fail", "missing actual digest for verification"),
        (ABC, None, "warn", "no expected digest provided; proceeding with warnings"),
        (None, None, "warn", "no expected digest provided; proceeding with warnings"),
    ],
)
def test_verdicts(actual: str | None, expected: str | None, outcome: str, reason: str) -> None:
    verdict = verify_digest(actual, expected)
    assert verdict.outcome == outcome
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("actual", "expected"),
    [(ABC, "crc32:00000000"), ("crc32:00000000", ABC), (None, "blake3:" + "0" * 64), ("x", None), (ABC, "sha256:abc")],
)
def test_an_unknown_digest_is_an_error_and_never_skipped(actual: str | None, expected: str | None) -> None:
    with pytest.raises(RbeeError) as raised:
        verify_digest(actual, expected)
    assert raised.value.code is ErrorCode.CHECKSUM_MISMATCH
