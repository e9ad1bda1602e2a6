"""`HttpClient`: requests whose redirects, credentials, encryption and retries are looked after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from ..._version import __version__
from ...errors import ErrorCode, RbeeError
from ..listen import listen
from ..retry import Retry
from ..tally import Tally
from .answers import Refused, Response, refusal, site
from .body import Body
from .errors import told
from .exchange import REASON, Exchange, Probe, last_part, probed
from .network import Network
from .origins import redirected, require_allowed, without_credentials

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from ...jobs import Job

T = TypeVar("T")

#: Redirects followed before it is called a circle.
MAX_REDIRECTS = 10
#: Longest answer to a small request, in bytes.
MAX_ANSWER = 16 << 20
#: Tries for a small request; a person waits for it.
TRIES = 4
#: Answers to ``HEAD`` that may be about ``HEAD`` alone.
_NO_HEAD = frozenset({*range(400, 500), 501})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpClient:
    """One job's connections; use it for all its requests, from any thread.

    Proxies (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``) and certificates (the system's,
    ``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``) are those of the environment. Credentials stay with the host they were
    given for; https never becomes http; plain http goes to this machine only, unless ``plain`` or the job's
    ``insecure`` allow it.

    :param plain: the person wrote http:// themselves.
    :raises RbeeError: ``DOWNLOAD_FAILED``, when the job is to stay offline.
    """

    def __init__(self, job: Job, *, plain: bool = False) -> None:
        if job.options.offline:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                "rbee was told to stay offline, so nothing was asked of any server.",
                "Models that are here already run offline: rbee models catalog. Else unset it and try again.",
            )
        self.job = job
        self._plain = plain or job.options.insecure
        self._network = Network(max(1, job.options.connections, job.options.most_connections) + 2)

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; those in use close when they are done."""
        self._network.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        what: str = "",
        allow: Collection[int] = (),
        refused: Refused | None = None,
        limit: int = MAX_ANSWER,
    ) -> Response:
        """A small request and its whole answer; tried again where that may help, and given up when cancelled.

        :param what: what is asked for, in messages; the URL's last part if not given.
        :param allow: statuses of 400 or more that are an answer, too.
        :param refused: words for the others; see `Refused`.
        :param limit: bytes that the answer may have.
        :raises RbeeError: ``AUTH_REQUIRED``, ``MODEL_NOT_FOUND``, ``DOWNLOAD_FAILED``, ``DOWNLOAD_TIMEOUT``,
            ``CANCELLED``, or what ``refused`` gives.
        """
        what = what or last_part(url)
        return self._patiently(what, lambda: self._once(method, url, headers or {}, body, what, allow, refused, limit))

    def probe(
        self, url: str, *, headers: Mapping[str, str] | None = None, what: str = "", refused: Refused | None = None
    ) -> Probe:
        """What a server says of a file: asked by ``HEAD``, and by the first byte where it does not take that.

        :raises RbeeError: as `request`.
        """
        what = what or last_part(url)
        answer = self.request("HEAD", url, headers=headers, what=what, allow=_NO_HEAD, refused=refused)
        if answer.status < 400 and "Content-Length" in answer.headers:
            return probed(answer.status, answer.headers, answer.url)
        # Some servers refuse HEAD, or sign addresses for GET alone; and some leave out the length.
        asked = {**(headers or {}), "Accept-Encoding": "identity", "Range": "bytes=0-0"}

        def first_byte() -> Probe:
            with self.open("GET", url, asked) as exchange:
                if exchange.status >= 400 and exchange.status != 416:
                    raise self.refusal(exchange, what, refused)
                return probed(exchange.status, exchange.headers, exchange.url)

        return self._patiently(what, first_byte)

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Exchange]:
        """One try at a request, redirects followed; the answer, whatever its status, with its body unread.

        :raises OSError: no answer came.
        :raises RbeeError: ``DOWNLOAD_FAILED``: it leads where rbee does not go.
        """
        exchange = self.send(method, url, headers, body)
        try:
            yield exchange
        finally:
            if exchange.response.closed:
                exchange.response.release_conn()
            exchange.response.close()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Exchange:
        """As `open`; whoever calls it reads the body to its end, with `Body`, or closes the response."""
        sent = {"User-Agent": f"rbee/{__version__}", **headers}
        url, credentials = without_credentials(url)
        if credentials and "authorization" not in {name.lower() for name in sent}:
            sent["Authorization"] = credentials
        for _hop in range(MAX_REDIRECTS + 1):
            require_allowed(url, plain=self._plain)
            response = self._ask(method, url, sent, body)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return Exchange(response, url, sent)
            Exchange(response, url, sent).beginning(REASON)
            url, sent = redirected(url, location, sent)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{site(url)} redirects in a circle (more than {MAX_REDIRECTS} times).",
            "Look at the address; if it is right, its server is set up wrongly.",
        )

    def refusal(self, exchange: Exchange, what: str, refused: Refused | None) -> RbeeError | OSError:
        """The error for an answer of 400 or more."""
        status, headers, url = exchange.status, exchange.headers, exchange.url
        words = refused(status, headers, exchange.beginning(REASON), url) if refused else None
        return words or refusal(status, headers, url, what)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _patiently(self, what: str, ask: Callable[[], T]) -> T:
        """Ask in a thread of its own, so that a cancel need not wait for the server; again where that may help."""
        tally = Tally(self.job)
        retry = Retry(what, tally, tries=TRIES)

        def one() -> Iterator[T]:
            yield ask()

        while True:
            try:
                return next(listen(one, check=tally.check, stall=self.job.options.stall_timeout * 2))
            except OSError as error:
                retry.failed(error)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> BaseHTTPResponse:
        from urllib3 import Timeout

        stall = self.job.options.stall_timeout
        with told(urlsplit(url).hostname or "the server"):
            return self._network.manager(url).urlopen(
                method,
                url,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=stall, read=stall),
            )

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        what: str,
        allow: Collection[int],
        refused: Refused | None,
        limit: int,
    ) -> Response:
        asked = {"Accept-Encoding": "identity", **headers}
        with self.open(method, url, asked, body) as exchange:
            if exchange.status >= 400 and exchange.status not in allow:
                raise self.refusal(exchange, what, refused)
            found = bytearray()
            if method != "HEAD":
                for piece in Body(exchange.response):
                    found += piece
                    if len(found) > limit:
                        raise RbeeError(
                            ErrorCode.DOWNLOAD_FAILED,
                            f"{site(exchange.url)} answered with more than {limit} bytes for {what}.",
                            "Look whether the address is right.",
                        )
            return Response(exchange.status, exchange.headers, bytes(found), exchange.url)
