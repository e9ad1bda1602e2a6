"""Which credentials belong to which host."""

from __future__ import annotations

from pathlib import Path

import pytest
from rbee_vendor_http.credentials import authorization, is_readable_on_the_way

from rbee_core.errors import UsageError

URL = "https://models.example.org:8443/m.gguf"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)


def test_the_host_s_own_token_goes_before_the_general_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert authorization(URL) == {}
    monkeypatch.setenv("RBEE_HTTP_TOKEN", "general")
    assert authorization(URL) == {"Authorization": "Bearer general"}
    monkeypatch.setenv("RBEE_HTTP_TOKEN_MODELS_EXAMPLE_ORG", "own")
    assert authorization(URL) == {"Authorization": "Bearer own"}
    assert authorization("https://example.org/m.gguf") == {"Authorization": "Bearer general"}


def test_a_login_is_for_its_machine(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine example.org login a password b\n")
    assert authorization(URL) == {}
    assert authorization("https://example.org/m.gguf") == {"Authorization": "Basic YTpi"}


@pytest.mark.parametrize("token", ["two words", "a\nb", "gr\u00fcn"])
def test_what_is_no_token(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("RBEE_HTTP_TOKEN", token)
    with pytest.raises(UsageError) as caught:
        authorization(URL)
    assert token not in caught.value.message


@pytest.mark.parametrize(
    ("url", "readable"),
    [
        ("https://example.org/m", False),
        ("http://example.org/m", True),
        ("http://127.0.0.1.example.org/m", True),
        ("http://localhost.example.org/m", True),
        ("http://127.0.0.1:8000/m", False),
        ("http://[::1]:8000/m", False),
        ("http://localhost/m", False),
    ],
)
def test_plain_http_is_for_this_machine(url: str, readable: bool) -> None:
    assert is_readable_on_the_way(url) is readable
