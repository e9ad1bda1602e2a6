"""``WWW-Authenticate`` as registries write it, and as nobody should; what a token request may be sent to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import Challenge, parse_challenges, parse_token, token_request

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            HUB,
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull",
                    },
                )
            ],
        ),
        ('Basic realm="the hive, mind you"', [("basic", {"realm": "the hive, mind you"})]),
        (
            'Basic realm="a, Bearer b", Bearer realm="x",scope="a b"',
            [("basic", {"realm": "a, Bearer b"}), ("bearer", {"realm": "x", "scope": "a b"})],
        ),
        ('Bearer realm = "x" , service=y', [("bearer", {"realm": "x", "service": "y"})]),
        ('BEARER REALM="x"', [("bearer", {"realm": "x"})]),
        (r'Basic realm="a\"b\\c"', [("basic", {"realm": 'a"b\\c'})]),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Negotiate YII==, Bearer realm="y"', [("negotiate", {}), ("bearer", {"realm": "y"})]),
        ('Bearer realm="x",error="insufficient_scope"', [("bearer", {"realm": "x", "error": "insufficient_scope"})]),
        ("Bearer", [("bearer", {})]),
        ("", []),
        ("=,,=;", []),
        ('Bearer realm="never closed', [("bearer", {})]),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    found = [(challenge.scheme, dict(challenge.parameters)) for challenge in parse_challenges([header])]
    assert found[: len(expected)] == expected


def test_several_headers_are_one_list() -> None:
    assert [found.scheme for found in parse_challenges(["Basic realm=a", "Bearer realm=b"])] == ["basic", "bearer"]


@given(st.text(max_size=300))
def test_nothing_a_server_writes_breaks_it(header: str) -> None:
    parse_challenges([header])


def request(realm: str, *, plain: bool = False, **parameters: str) -> str:
    return token_request(Challenge("bearer", {"realm": realm, **parameters}), "org/m", plain=plain).url


def test_a_token_request_asks_for_what_the_challenge_names() -> None:
    url = request("https://auth.example/token?x=1", service="reg", scope="repository:org/m:pull b")
    assert url == "https://auth.example/token?x=1&service=reg&scope=repository%3Aorg%2Fm%3Apull&scope=b"


def test_without_a_scope_it_asks_to_pull_this_repository() -> None:
    assert request("https://auth.example/t").endswith("?scope=repository%3Aorg%2Fm%3Apull")


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "auth.example/token",
        "ftp://auth.example/",
        "file:///etc/passwd",
        "https://user:pass@auth.example/",
        "https:///token",
        "https://auth.example:99999/",
        "https://auth.example/\r\nX: y",
        "https://[::1",
        "http://auth.example/token",
    ],
)
def test_a_realm_that_credentials_must_not_go_to_is_refused(realm: str) -> None:
    with pytest.raises(RbeeError) as caught:
        request(realm)
    assert caught.value.code is ErrorCode.AUTH_REQUIRED


@pytest.mark.parametrize("realm", ["http://127.0.0.1:5001/token", "http://localhost/token", "http://[::1]:8/t"])
def test_this_machine_may_be_asked_without_encryption(realm: str) -> None:
    assert request(realm).startswith(realm)


def test_a_registry_without_encryption_may_have_such_a_token_server() -> None:
    assert request("http://auth.example/t", plain=True).startswith("http://auth.example/t?")


@pytest.mark.parametrize(
    ("answer", "text", "lifetime"),
    [
        ({"token": "t", "expires_in": 300}, "t", 300),
        ({"access_token": "a"}, "a", 60),
        ({"token": "t", "access_token": "a", "expires_in": "soon"}, "t", 60),
        ({"token": "t", "expires_in": -1}, "t", 60),
        ({"token": "t", "expires_in": True}, "t", 60),
    ],
)
def test_tokens(answer: dict[str, object], text: str, lifetime: float) -> None:
    token = parse_token(json.dumps(answer).encode())
    assert (token.text, token.lifetime) == (text, lifetime)
    assert repr(token) == f"Token(…, lifetime={float(lifetime)})"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}', b"<html>", b"[" * 9999]
)
def test_an_answer_without_a_token_is_an_error(body: bytes) -> None:
    with pytest.raises(RbeeError) as caught:
        parse_token(body)
    assert caught.value.code is ErrorCode.AUTH_REQUIRED
