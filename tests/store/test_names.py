"""Ids and file names from outside become names of files: injective, portable, under the root."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.store.names import MAX_ESCAPED_BYTES, check_id, check_names, escape_id, safe_join

_WINDOWS_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_ALPHABET = st.sampled_from("aAbBcCoOnNuUlL./:%=~-_ 1é\u00c9💥")
_IDS = st.text(_ALPHABET, min_size=1, max_size=12) | st.text(min_size=1, max_size=300)


def _valid(entry_id: str) -> bool:
    try:
        check_id(entry_id)
    except RbeeError as error:
        assert error.code is ErrorCode.INVALID_REF
        return False
    return True


@pytest.mark.parametrize(
    ("entry_id", "escaped"),
    [
        ("tinyllama", "tinyllama"),
        ("hf:meta-llama/Llama-2-7b", "hf%3ameta-llama%2f=llama-2-7b"),
        ("a/b-c", "a%2fb-c"),
        ("a-b/c", "a-b%2fc"),
        (".", "%2e"),
        ("..", "%2e%2e"),
        (".hidden", "%2ehidden"),
        ("-rf", "%2drf"),
        ("v1.", "v1%2e"),
        ("v1 ", "v1%20"),
        ("con", "%63on"),
        ("nul.gguf", "%6eul.gguf"),
        ("com1.tar.gz", "%63om1.tar.gz"),
        ("console", "console"),
        ("a=b~c%d", "a%3db%7ec%25d"),
        ("é", "%c3%a9"),
    ],
)
def test_escapes(entry_id: str, escaped: str) -> None:
    assert escape_id(entry_id) == escaped


@given(_IDS, _IDS)
def test_two_ids_never_share_a_name_even_where_case_is_ignored(one: str, other: str) -> None:
    if _valid(one) and _valid(other):
        assert (escape_id(one).casefold() == escape_id(other).casefold()) == (one == other)


@given(_IDS)
def test_case_variants_of_an_id_have_names_of_their_own(entry_id: str) -> None:
    variants = {v for v in (entry_id, entry_id.upper(), entry_id.lower(), entry_id.swapcase()) if _valid(v)}
    assert len({escape_id(variant).casefold() for variant in variants}) == len(variants)


@given(_IDS)
def test_an_escaped_id_is_one_portable_name(entry_id: str) -> None:
    if not _valid(entry_id):
        return
    name = escape_id(entry_id)
    assert re.fullmatch(r"[a-z0-9_%=~.-]+", name)
    assert len(name) <= MAX_ESCAPED_BYTES
    assert name[0] not in ".-"
    assert name[-1] != "."
    assert not _WINDOWS_RESERVED.fullmatch(name)


def test_long_ids_keep_apart() -> None:
    ids = ["x" * 500 + end for end in ("a", "b")] + ["X" * 500]
    names = [escape_id(entry_id) for entry_id in ids]
    assert len(set(names)) == 3
    assert all(len(name) == MAX_ESCAPED_BYTES for name in names)
    # A short id that looks like a long one's escape is not one.
    assert escape_id(names[0]) != names[0]


@pytest.mark.parametrize(
    "name", ["a", "a/b.gguf", ".gitattributes", "sub/.x", "a b", "..a", "A/a", "1_Pooling/config.json", "é"]
)
def test_plain_names_are_joined(name: str, tmp_path: Path) -> None:
    assert safe_join(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "//host/share", "../x", "a/../../x", "a/..", ".", "./a", "a//b", "a/", "a\\b", "..\\x",
        "C:x", "c:/x", "a\0b", "a\nb", "a\x7f", "a\u2029", "con", "NUL.txt", "a/com1.gguf", "aux .x", "a.", "a..", "a ",
        "a /b", "x" * 256, "é" * 128, "/".join(["ab"] * 400), "\ud800",
    ],
)  # fmt: skip
def test_unsafe_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RbeeError) as raised:
        safe_join(tmp_path, name)
    assert raised.value.code is ErrorCode.UNSAFE_PATH
    assert "\n" not in raised.value.message


_PARTS = st.sampled_from(["..", ".", "", "a", "C:", "con", "\\", "b.gguf", "/", " ", "~", "$HOME"])


@given(st.text(max_size=40) | st.lists(_PARTS, max_size=6).map("/".join))
def test_whatever_the_name_the_result_is_under_the_root(name: str) -> None:
    root = Path("/srv/store")
    try:
        joined = safe_join(root, name)
    except RbeeError as error:
        assert error.code is ErrorCode.UNSAFE_PATH
        return
    assert os.path.normpath(joined) == str(joined)
    assert joined.is_relative_to(root)
    assert joined != root


@pytest.mark.parametrize("names", [["a", "a"], ["a", "a/b"], ["a/b/c", "a/b"]])
def test_names_that_cannot_be_in_one_folder(names: list[str]) -> None:
    with pytest.raises(RbeeError) as raised:
        check_names(names)
    assert raised.value.code is ErrorCode.UNSAFE_PATH


def test_names_that_can() -> None:
    check_names(["a", "b/a", "b/c", "ab/c"])
