"""What S3 says of an object, and which of it is a digest of its bytes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from rbee_vendor_s3.objects import from_head, part_digests

SHA256 = hashlib.sha256(b"x")
B64 = base64.b64encode(SHA256.digest()).decode()
MD5 = hashlib.md5(b"x").hexdigest()


def read(check_etag: bool = True, **head: Any) -> Any:
    return from_head("k", "k", {"ContentLength": 1, "ETag": f'"{MD5}"', **head}, check_etag=check_etag)


def test_a_whole_object_s_checksums() -> None:
    found = read(ChecksumSHA256=B64, VersionId="v1")
    assert (found.sha256, found.md5) == (f"sha256:{SHA256.hexdigest()}", f"md5:{MD5}")
    assert (found.revision, found.identity) == ("v1", f"sha256:{SHA256.hexdigest()}")
    assert (read(VersionId="null").revision, read().identity) == (MD5, f'etag:"{MD5}"')


@pytest.mark.parametrize(
    "head",
    [
        {"ChecksumSHA256": B64 + "-2"},
        {"ChecksumSHA256": B64, "ChecksumType": "COMPOSITE"},
        {"ChecksumSHA256": B64, "ETag": f'"{MD5}-2"'},
        {"ChecksumSHA256": "???"},
        {},
    ],
)
def test_what_is_no_sha256_of_the_whole(head: dict[str, str]) -> None:
    assert read(**head).sha256 is None


@pytest.mark.parametrize(
    "head",
    [
        {"ETag": f'"{MD5}-2"'},
        {"ETag": '"not-an-md5"'},
        {"ETag": ""},
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSECustomerAlgorithm": "AES256"},
        {"check_etag": False},
    ],
)
def test_an_etag_that_is_no_md5(head: dict[str, Any]) -> None:
    assert read(**head).md5 is None


def test_what_rclone_notes_with_an_object_in_parts() -> None:
    noted = base64.b64encode(bytes.fromhex(MD5)).decode()
    assert read(ETag='"abc-2"', Metadata={"md5chksum": noted}).md5 == f"md5:{MD5}"


def test_parts() -> None:
    parts = [{"PartNumber": n, "Size": 5, "ChecksumSHA256": B64} for n in (2, 1)]
    digest = f"sha256:{SHA256.hexdigest()}"
    assert part_digests(parts, 10) == ((0, 5, digest), (5, 10, digest))
    assert part_digests(parts, 11) == ()
    assert part_digests([*parts, {"PartNumber": 3, "Size": 5}], 15) == ()
    assert part_digests([], 10) == ()
