"""Digests as servers state them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from rbee_vendor_http.digests import ConflictError, from_headers, from_list, from_own_file

DATA = b"the bytes of a model"
SHA256 = hashlib.sha256(DATA).hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()


def b64(algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, DATA).digest()).decode()


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        ({"repr-digest": f"sha-256=:{b64('sha256')}:"}, "sha256"),
        ({"repr-digest": f"sha-512=:{b64('sha512')}:, sha-256=:{b64('sha256')}:"}, "sha256"),
        ({"repr-digest": f"unixsum=:AAAA:, sha-512=:{b64('sha512')}:"}, "sha512"),
        ({"digest": f"MD5={b64('md5')},SHA-256={b64('sha256')}"}, "sha256"),
        ({"x-amz-checksum-sha256": b64("sha256")}, "sha256"),
        ({"x-checksum-sha256": SHA256.upper()}, "sha256"),
        ({"x-goog-hash": f"crc32c=AAAAAA==,md5={b64('md5')}"}, "md5"),
        ({"content-md5": b64("md5")}, "md5"),
        ({"content-md5": b64("md5"), "x-checksum-sha1": hashlib.sha1(DATA).hexdigest()}, "sha1"),
    ],
)
def test_a_digest_in_the_headers(headers: dict[str, str], algorithm: str) -> None:
    assert from_headers(headers) == f"{algorithm}:{hashlib.new(algorithm, DATA).hexdigest()}"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-amz-checksum-sha256": b64("sha256") + "-3"},
        {"x-amz-checksum-sha256": b64("sha256"), "x-amz-checksum-type": "COMPOSITE"},
        {"repr-digest": "sha-256=:AAAA:"},
        {"content-md5": "not base64!"},
        {"x-checksum-sha256": "abc"},
        {"etag": f'"{SHA256}"'},
    ],
)
def test_what_is_no_digest_of_the_file(headers: dict[str, str]) -> None:
    assert from_headers(headers) is None


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA256}  m.gguf\n",
        f"{SHA256} *m.gguf\n",
        f"{SHA256.upper()}  ./dir/m.gguf\r\n",
        f"SHA256 (m.gguf) = {SHA256}\n",
        f"# checksums\n{OTHER}  other.gguf\n{SHA256}  m.gguf\n",
        f"{SHA256}  m.gguf\n{SHA256}  m.gguf\n",
    ],
)
def test_a_line_of_a_list(text: str) -> None:
    assert from_list(text, {"m.gguf"}) == f"sha256:{SHA256}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{SHA256}\n",
        f"{SHA256}  other.gguf\n",
        f"{SHA256}  m.gguf.old\n",
        f"{SHA256[:-1]}  m.gguf\n",
        f"{SHA256}0  m.gguf\n",
        f"<p>{SHA256}  m.gguf</p>",
        f"MD5 (m.gguf) = {SHA256}\n",
    ],
)
def test_a_list_without_the_file(text: str) -> None:
    assert from_list(text, {"m.gguf"}) is None


def test_a_list_that_contradicts_itself() -> None:
    with pytest.raises(ConflictError):
        from_list(f"{SHA256}  m.gguf\n{OTHER}  a/m.gguf\n", {"m.gguf"})


@pytest.mark.parametrize("text", [SHA256, f"{SHA256}\n", f"sha256:{SHA256}\n", f"{SHA256}  m.gguf\n"])
def test_a_file_of_its_own(text: str) -> None:
    assert from_own_file(text, {"m.gguf"}) == f"sha256:{SHA256}"


def test_a_file_of_its_own_about_another() -> None:
    assert from_own_file(f"{SHA256}  other.gguf\n", {"m.gguf"}) is None
