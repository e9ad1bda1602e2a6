"""`rbee_core.transfer.http` against real sockets."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.testing.quiet_server import QuietServer
from rbee_core.transfer import ContentChangedError, RestartNeeded, Tally, TryLaterError, receive, retry
from rbee_core.transfer.http import HttpClient, Response, http_source
from rbee_core.transfer.http.answers import retry_after
from rbee_core.transfer.http.network import proxy_for
from rbee_core.transfer.http.origins import redirected, require_allowed, without_credentials

DATA = hashlib.shake_256(b"http").digest(300_000)
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Answers as it is told; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_ref: ClassVar[Server] = outer

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_GET(self) -> None:
                outer.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                rest = outer.answers.get(self.path.partition("?")[0], [(404, {}, b"")])
                status, headers, body = rest.pop(0) if len(rest) > 1 else rest[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                headers = {"Content-Length": str(len(body)), **headers}
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET  # noqa: N815 — the names that http.server calls

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class calls it so
                """Say nothing."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def on(self, path: str, *answers: Answer | int) -> str:
        self.answers[path] = [(a, {}, b"") if isinstance(a, int) else a for a in answers]
        return self.url + path


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def other() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.001)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(Job(options=JobOptions(stall_timeout=5))) as one:
        yield one


def failing(client: HttpClient, *args: Any, **options: Any) -> RbeeError:
    with pytest.raises(RbeeError) as caught:
        client.request(*args, **options)
    return caught.value


# --- small requests -----------------------------------------------------------------------------------------------


def test_an_answer_with_its_headers(server: Server, client: HttpClient) -> None:
    url = server.on("/x", (200, {"X-Y": "z"}, b'{"a": 1}'))
    answer = client.request("GET", url, headers={"Accept": "application/json"})
    assert (answer.status, answer.json(), answer.headers["x-y"], answer.url) == (200, {"a": 1}, "z", url)
    assert server.seen[0][2]["accept"] == "application/json"


def test_connections_are_used_again(server: Server, client: HttpClient) -> None:
    url = server.on("/x", (200, {}, b"body"))
    for _ in range(5):
        client.request("GET", url)
    source = http_source(
        "x", server.on("/y", (206, {"Content-Range": "bytes 0-9/10"}, b"0123456789")), client=client, size=10
    )
    assert source.open_range is not None
    assert b"".join(bytes(piece) for piece in source.open_range(0, 10)) == b"0123456789"
    client.request("GET", url)
    assert server.connections == 1


@pytest.mark.parametrize("trouble", [500, 502, 503, 408, 0])
def test_what_may_be_better_in_a_moment_is_asked_again(server: Server, client: HttpClient, trouble: int) -> None:
    url = server.on("/x", trouble, trouble, (200, {}, b"ok"))
    assert client.request("GET", url).body == b"ok"
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "AUTH_REQUIRED"),
        (403, "AUTH_REQUIRED"),
        (404, "MODEL_NOT_FOUND"),
        (418, "DOWNLOAD_FAILED"),
        (501, "DOWNLOAD_FAILED"),
    ],
)
def test_what_will_not_be_better_is_said_at_once(server: Server, client: HttpClient, status: int, code: str) -> None:
    error = failing(client, "GET", server.on("/x", status), what="the thing")
    assert error.code == code
    assert "the thing" in error.message
    assert str(status) in error.message
    assert len(server.seen) == 1


def test_vendors_have_their_own_words(server: Server, client: HttpClient) -> None:
    def refused(status: int, headers: Any, body: bytes, url: str) -> RbeeError:
        return RbeeError(ErrorCode.REVISION_NOT_FOUND, f"{status} {headers['X-Why']} {body.decode()}")

    url = server.on("/x", (404, {"X-Why": "tag"}, b"no such tag"))
    assert failing(client, "GET", url, refused=refused).message == "404 tag no such tag"
    assert client.request("GET", url, allow=(404,)).body == b"no such tag"


def test_patience_is_heeded(server: Server, client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(Tally, "wait", lambda self, seconds: waited.append(seconds))
    client.request("GET", server.on("/x", (429, {"Retry-After": "7"}, b""), (200, {}, b"")))
    assert waited == [7]


def test_an_answer_without_end_is_refused(server: Server, client: HttpClient) -> None:
    assert "more than 1000 bytes" in failing(client, "GET", server.on("/x", (200, {}, b"x" * 2000)), limit=1000).message


def test_what_is_no_json(server: Server) -> None:
    with pytest.raises(RbeeError) as caught:
        Response(200, {}, b"<html>", "https://user:secret@host.example/x?signature=1").json()
    assert "https://host.example " in caught.value.message
    assert "secret" not in caught.value.message


def test_nobody_there(client: HttpClient, server: Server) -> None:
    server.close()
    error = failing(client, "GET", server.url + "/x")
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "cannot be reached" in error.message


def test_offline_nothing_is_asked() -> None:
    with pytest.raises(RbeeError, match="offline"):
        HttpClient(Job(options=JobOptions(offline=True)))


# --- where requests go --------------------------------------------------------------------------------------------

SECRETS = {"Authorization": "Bearer s3cret", "Cookie": "s3cret", "X-Api-Key": "s3cret", "Accept": "text/plain"}


def test_credentials_stay_with_their_host(server: Server, other: Server, client: HttpClient) -> None:
    there = other.on("/there", (200, {}, b"ok"))
    url = server.on("/x", (307, {"Location": server.url + "/y"}, b""))
    server.on("/y", (302, {"Location": there}, b""))
    answer = client.request("GET", url, headers=SECRETS)
    assert (answer.body, answer.url) == (b"ok", there)
    assert [seen[2].get("authorization") for seen in server.seen] == ["Bearer s3cret"] * 2
    assert "s3cret" not in str(other.seen)
    assert other.seen[0][2]["accept"] == "text/plain"


def test_a_circle_is_noticed(server: Server, client: HttpClient) -> None:
    url = server.on("/x", (302, {"Location": "/x"}, b""))
    assert "circle" in failing(client, "GET", url).message
    assert len(server.seen) == 11


@pytest.mark.parametrize(
    ("url", "location", "why"),
    [
        ("https://a.example/x", "http://a.example/x", "unencrypted"),
        ("https://a.example/x", "file:///etc/passwd", "not an address"),
        ("https://a.example/x", "//[/x", "not an address"),
        ("http://a.example/x", "https://:9/x", "not an address"),
    ],
)
def test_where_no_redirect_may_lead(url: str, location: str, why: str) -> None:
    with pytest.raises(RbeeError) as caught:
        redirected(url, location, {})
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("url", "location", "kept"),
    [
        ("https://a.example/x", "/y", True),
        ("https://a.example/x", "https://a.example:443/y", True),
        ("https://A.example/x", "https://a.EXAMPLE/y", True),
        ("https://a.example/x", "https://a.example:444/y", False),
        ("https://a.example/x", "https://b.example/y", False),
        ("http://a.example/x", "https://a.example/y", False),
        ("https://a.example/x", "https://user:password@a.example/y", True),
    ],
)
def test_what_goes_along(url: str, location: str, kept: bool) -> None:
    target, headers = redirected(url, location, SECRETS)
    assert ("Authorization" in headers) is kept
    assert "password" not in target


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "http://[::1]:5000/x", "http://localhost/x", "https://a.example/"]
)
def test_where_encryption_is_not_missed(url: str) -> None:
    require_allowed(url, plain=False)


def test_plain_http_is_for_who_asks_for_it(client: HttpClient) -> None:
    error = failing(client, "GET", "http://models.example/x")
    assert "--insecure" in error.hint
    require_allowed("http://models.example/x", plain=True)


def test_a_password_in_a_url_is_sent_as_one(server: Server, client: HttpClient) -> None:
    url = server.on("/x", (200, {}, b"ok")).replace("http://", "http://me:p%40ss@")
    client.request("GET", url)
    assert server.seen[0][2]["authorization"] == "Basic bWU6cEBzcw=="
    assert without_credentials("https://a.example/x") == ("https://a.example/x", "")


def test_proxies_of_the_environment(server: Server, client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//me:secret@"))
    monkeypatch.setenv("NO_PROXY", "internal.example,.corp")
    server.answers["http://models.example/x"] = [(200, {}, b"by proxy")]
    answer = HttpClient(Job(), plain=True).request("GET", "http://models.example/x")
    assert answer.body == b"by proxy"
    assert server.seen[0][2]["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    assert proxy_for("http://a.corp/x") == proxy_for("http://internal.example:99/x") == ""
    assert proxy_for("https://models.example/") == ""


def test_certificates_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rbee_core.transfer.http.network import tls_context

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(RbeeError, match=r"missing\.pem"):
        tls_context()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert tls_context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), (" 12 ", 12), ("", 0), ("soon", 0), ("-1", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)]
)
def test_how_long_to_wait(text: str, seconds: float) -> None:
    assert retry_after(text) == seconds


# --- files --------------------------------------------------------------------------------------------------------


def whole(**headers: str) -> Answer:
    return 200, headers, DATA


def part(start: int, end: int, total: int | str = len(DATA), **headers: str) -> Answer:
    return 206, {"Content-Range": f"bytes {start}-{end - 1}/{total}", **headers}, DATA[start:end]


def read(pieces: Any) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


def test_a_file_is_probed(server: Server, client: HttpClient) -> None:
    url = server.on("/f", (200, {"ETag": '"1"', "Accept-Ranges": "bytes"}, DATA))
    found = client.probe(url)
    assert (found.size, found.validator, found.ranges) == (len(DATA), '"1"', True)
    assert [seen[0] for seen in server.seen] == ["HEAD"]


def test_a_server_that_takes_no_head_is_probed_by_the_first_byte(server: Server, client: HttpClient) -> None:
    url = server.on("/f", 405, part(0, 1, ETag='"1"'))
    found = client.probe(url)
    assert (found.size, found.validator, found.ranges) == (len(DATA), '"1"', True)
    assert server.seen[1][2]["range"] == "bytes=0-0"


def test_the_place_a_redirect_led_to_is_remembered_until_it_runs_out(
    server: Server, other: Server, client: HttpClient
) -> None:
    there = other.on("/signed", part(0, 1000), part(1000, 2000), 403, part(2000, 3000))
    source = http_source(
        "f", server.on("/f", (302, {"Location": there}, b"")), client=client, size=len(DATA), headers=SECRETS
    )
    assert source.open_range is not None
    for start in (0, 1000, 2000):
        assert read(source.open_range(start, start + 1000)) == DATA[start : start + 1000]
    assert [seen[2]["range"] for seen in other.seen] == [
        "bytes=0-999",
        "bytes=1000-1999",
        "bytes=2000-2999",
        "bytes=2000-2999",
    ]
    assert len(server.seen) == 2
    assert "s3cret" not in str(other.seen)


def test_headers_are_made_anew(server: Server, client: HttpClient) -> None:
    numbers = iter(range(10))
    url = server.on("/f", part(0, 10), part(10, 20))
    source = http_source("f", url, client=client, size=len(DATA), headers=lambda: {"Date": str(next(numbers))})
    assert source.open_range is not None
    read(source.open_range(0, 10))
    read(source.open_range(10, 20))
    assert [seen[2]["date"] for seen in server.seen] == ["0", "1"]


@pytest.mark.parametrize(
    "answer",
    [whole(), part(0, 10), (206, {}, b"x"), (206, {"Content-Range": "items 5-9/10"}, b"x"), (416, {}, b"")],
    ids=["whole", "another range", "no range", "nonsense", "unsatisfiable"],
)
def test_ranges_that_are_not_kept(server: Server, client: HttpClient, answer: Answer) -> None:
    source = http_source("f", server.on("/f", answer), client=client, size=len(DATA))
    assert source.open_range is not None
    with pytest.raises(RestartNeeded):
        read(source.open_range(1000, 2000))


def test_a_size_that_is_not_the_announced_one(server: Server, client: HttpClient) -> None:
    source = http_source("f", server.on("/f", part(0, 10, 77)), client=client, size=len(DATA))
    assert source.open_range is not None
    with pytest.raises(RbeeError, match="77"):
        read(source.open_range(0, 10))


def test_an_answer_that_is_too_short_or_compressed(server: Server, client: HttpClient) -> None:
    url = server.on(
        "/f",
        (206, {"Content-Range": f"bytes 0-99/{len(DATA)}", "Content-Length": "100", "Connection": "close"}, b"x" * 40),
    )
    source = http_source("f", url, client=client, size=len(DATA))
    assert source.open_range is not None
    got = []
    with pytest.raises(ConnectionError, match="60 bytes too early"):
        for piece in source.open_range(0, 100):
            got.append(bytes(piece))
    assert b"".join(got) == b"x" * 40
    server.on("/f", (200, {"Content-Encoding": "gzip"}, b"x"))
    with pytest.raises(RbeeError, match="compressed"):
        read(source.open_at(0))
    server.on("/f", (503, {"Retry-After": "3"}, b""))
    with pytest.raises(TryLaterError) as caught:
        read(source.open_at(0))
    assert caught.value.seconds == 3


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_another_version_is_noticed(server: Server, client: HttpClient, header: str) -> None:
    url = server.on("/f", part(0, 10, **{header: "1"}), *[part(10, 20, **{header: "2"})] * 3)
    source = http_source("f", url, client=client, size=len(DATA))
    assert source.open_range is not None
    read(source.open_range(0, 10))
    for _ in range(2):  # each of its threads has to hear of it
        with pytest.raises(ContentChangedError):
            read(source.open_range(10, 20))
    renewed = source.renewed().open_range
    assert renewed is not None
    assert read(renewed(10, 20)) == DATA[10:20]


def test_a_version_other_than_the_probed_one_is_noticed(server: Server, client: HttpClient) -> None:
    url = server.on("/f", part(0, 10, ETag='"new"'))
    source = http_source("f", url, client=client, size=len(DATA), expect='"old"')
    assert source.open_range is not None
    with pytest.raises(ContentChangedError):
        read(source.open_range(0, 10))


def test_chunks_without_a_length(server: Server, client: HttpClient, tmp_path: Path) -> None:
    body = b"".join(b"%x\r\n%s\r\n" % (len(DATA[i : i + 7000]), DATA[i : i + 7000]) for i in range(0, len(DATA), 7000))
    url = server.on("/f", (200, {"Transfer-Encoding": "chunked", "Content-Length": ""}, body + b"0\r\n\r\n"))
    file = receive(http_source("f", url, client=client), tmp_path / "f", Tally(client.job))
    assert file.size == len(DATA)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_blocked_read_is_woken(server: Server, client: HttpClient) -> None:
    url = server.on("/f", (206, {"Content-Range": f"bytes 0-99/{len(DATA)}", "Content-Length": "100"}, b"x" * 40))
    pieces: Any = http_source("f", url, client=client, size=len(DATA)).open_range(0, 100)  # type: ignore[misc]
    assert len(next(pieces)) == 40
    threading.Timer(0.1, pieces.abort).start()
    with pytest.raises(ConnectionError):
        next(pieces)


def test_a_probe_of_json_is_not_needed_for_small_talk(server: Server, client: HttpClient) -> None:
    url = server.on("/token", (200, {}, json.dumps({"token": "t"}).encode()))
    assert client.request("POST", url, body=b"grant_type=x").json() == {"token": "t"}
