"""A hostile share: it calls its files what no file may be called, and answers what is no listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote

import pytest
from rbee_core import Job, ModelRef, RbeeError
from rbee_core.testing.hostile import NAMES

from rbee_vendor_webdav import Vendor

FOLDER = (
    "<response><href>/x/</href><propstat><prop><resourcetype><collection/></resourcetype></prop></propstat></response>"
)
FILE = "<response><href>{}</href><propstat><prop><getcontentlength>1</getcontentlength></prop></propstat></response>"


#: Sets what the server answers, and asks it for ``webdav:x``; gives the error's code.
Ask = Callable[[str], str]


class Hostile(BaseHTTPRequestHandler):
    """Answers everything with ``body``."""

    body = b""

    def do_PROPFIND(self) -> None:
        self.send_response(207)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """A share that answers what a test says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("WEBDAV_URL", f"http://127.0.0.1:{server.server_port}")

    def ask(text: str) -> str:
        Hostile.body = text.encode()
        with pytest.raises(RbeeError) as caught:
            Vendor().resolve_model(ModelRef.parse("webdav:x"), Job())
        return caught.value.code

    yield ask
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_hostile_name_is_refused(name: str, answer: Ask) -> None:
    assert (
        answer(f'<multistatus xmlns="DAV:">{FOLDER}{FILE.format("/x/" + quote(name))}</multistatus>') == "UNSAFE_PATH"
    )


def test_a_file_of_another_folder_is_refused(answer: Ask) -> None:
    assert answer(f'<multistatus xmlns="DAV:">{FOLDER}{FILE.format("/y/m.gguf")}</multistatus>') == "UNSAFE_PATH"


@pytest.mark.parametrize(
    "body",
    ["", "<html>Log in!</html", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "not xml", "{}"],
)
def test_what_is_no_listing_is_said_to_be_none(body: str, answer: Ask) -> None:
    assert answer(body) == "DOWNLOAD_FAILED"


def test_a_folder_without_files_is_not_found(answer: Ask) -> None:
    assert answer(f'<multistatus xmlns="DAV:">{FOLDER}</multistatus>') == "MODEL_NOT_FOUND"
