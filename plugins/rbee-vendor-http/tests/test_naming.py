"""What a file behind a URL is called."""

from __future__ import annotations

import pytest
from rbee_vendor_http.naming import file_name

from rbee_core import RbeeError

URL = "https://example.org/models/from%20url.gguf?token=x"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "from url.gguf"),
        ("inline", "from url.gguf"),
        ('attachment; filename=""', "from url.gguf"),
        ("attachment; filename=m.gguf", "m.gguf"),
        ('attachment; filename="my model.gguf"; size=3', "my model.gguf"),
        ('ATTACHMENT; FILENAME = "m.gguf"', "m.gguf"),
        (r'attachment; filename="a\"b.gguf"', 'a"b.gguf'),
        ("attachment; filename=\"m.gguf\"; filename*=UTF-8''m%C3%BCsli.gguf", "müsli.gguf"),
        ("attachment; filename*=utf-8'de'm%C3%BCsli.gguf; filename=m.gguf", "müsli.gguf"),
        ("attachment; filename*=ISO-8859-1''m%FCsli.gguf", "müsli.gguf"),
        ("attachment; filename*=klingon''m.gguf", "from url.gguf"),
        ('attachment; filename="mÃ¼sli.gguf"', "müsli.gguf"),
        ('attachment; x="; filename=evil.gguf"; filename=m.gguf', "m.gguf"),
    ],
)
def test_the_server_s_word_goes_first(disposition: str | None, name: str) -> None:
    assert file_name(URL, disposition) == name


@pytest.mark.parametrize(
    "disposition",
    [
        'attachment; filename="../../etc/passwd"',
        'attachment; filename="/etc/passwd"',
        r'attachment; filename="..\..\evil.gguf"',
        r'attachment; filename="C:\\evil.gguf"',
        "attachment; filename*=UTF-8''..%2F..%2Fevil.gguf",
        "attachment; filename=good.gguf; filename*=UTF-8''%2Fetc%2Fpasswd",
        'attachment; filename=".."',
        'attachment; filename="dir/m.gguf"',
    ],
)
def test_a_path_is_no_name(disposition: str) -> None:
    with pytest.raises(RbeeError) as caught:
        file_name(URL, disposition)
    assert caught.value.code == "UNSAFE_PATH"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org", "model"),
        ("https://example.org/", "model"),
        ("https://example.org/m.gguf#sha256=0", "m.gguf"),
        ("https://example.org/o/dir%2Fm.gguf?alt=media", "m.gguf"),
    ],
)
def test_the_url_s_last_part(url: str, name: str) -> None:
    assert file_name(url, None) == name
