"""What is behind a URL: its name, size, version and digest, from the server's headers and from what lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from rbee_core.contracts import Digest
from rbee_core.contracts.job import Level
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.selection import shard_names

from . import digests
from .credentials import authorization, is_readable_on_the_way, token_variable
from .naming import file_name, url_name

if TYPE_CHECKING:
    from rbee_core import Job
    from rbee_core.transfer.http import HttpClient, Probe

#: What lists of checksums are called, in the file's own folder.
LISTS = ("SHA256SUMS", "sha256sums.txt", "SHA256SUMS.txt")
#: Longest list of checksums that is read, in bytes.
_LONGEST_LIST = 1 << 20
#: More parts than any model has.
_MOST_SHARDS = 1000
_AT_ONCE = 8
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file: where it is, what it is called, and what is known of its bytes.

    ``validator`` is the server's ETag or modification time: empty, if it tells neither.
    """

    url: str
    name: str
    size: int | None
    validator: str
    digest: Digest | None
    headers: Mapping[str, str]

    @property
    def identity(self) -> str:
        """What tells its bytes from others; empty where nothing does."""
        if self.digest is not None:
            return str(self.digest)
        return "" if self.validator.startswith("W/") else self.validator


class Looker:
    """Finds out what URLs lead to, for one job."""

    def __init__(self, client: HttpClient, job: Job) -> None:
        self._client = client
        self._job = job

    def find(self, url: str) -> list[RemoteFile]:
        """The file behind ``url``, or all files of the sharded model that it is a part of.

        :raises RbeeError: ``MODEL_NOT_FOUND`` (a missing shard, too), ``AUTH_REQUIRED``, ``UNSAFE_PATH``,
            ``DOWNLOAD_FAILED``.
        """
        bare, _, fragment = url.partition("#")
        names = shard_names(url_name(bare))
        if len(names) == 1:
            return [self._look(bare, _stated(url, fragment))]
        if len(names) > _MOST_SHARDS:
            raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{url_name(bare)} is of more parts than any model has.")
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rbee-http") as pool:
            try:
                return list(pool.map(lambda name: self._shard(bare, name, len(names)), names))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    # --- inside -----------------------------------------------------------------------------------------------------

    def _shard(self, url: str, name: str, count: int) -> RemoteFile:
        try:
            found = self._look(_sibling(url, name), None)
        except RbeeError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            message = f"{name} is not there, one of the {count} parts of the model."
            raise RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "Ask whoever offers it for all its parts.") from None
        # By its place in the model and not by the server's name for it: engines find the parts by their numbers.
        return RemoteFile(found.url, name, found.size, found.validator, found.digest, found.headers)

    def _look(self, url: str, stated: Digest | None) -> RemoteFile:
        headers = self._credentials(url)
        probe = self._client.probe(url, headers=headers, what=url_name(url), refused=refusal(url, bool(headers)))
        name = file_name(url, probe.headers.get("Content-Disposition"))
        _refuse_page(probe, name, url)
        digest = stated or self._digest(url, probe, name, headers)
        return RemoteFile(url, name, probe.size, probe.validator, digest, headers)

    def _credentials(self, url: str) -> dict[str, str]:
        headers = authorization(url)
        if headers and is_readable_on_the_way(url) and not self._job.options.insecure:
            host = urlsplit(url).hostname
            human = f"The credentials for {host} are not sent: over http:// others could read them (see --insecure)."
            self._job.emit("model_credentials_withheld", human, level=Level.WARN, host=host)
            return {}
        return headers

    def _digest(self, url: str, probe: Probe, name: str, headers: Mapping[str, str]) -> Digest | None:
        told = digests.from_headers({key.lower(): value for key, value in probe.headers.items()})
        if told is not None and told.algorithm == "sha256":
            return told
        names = {name, url_name(url)}
        try:
            text = self._text(_with_path(url, urlsplit(url).path + ".sha256"), headers)
            found = digests.from_own_file(text, names)
            for listing in LISTS:
                found = found or digests.from_list(self._text(_sibling(url, listing), headers), names)
        except digests.ConflictError:
            raise RbeeError(
                ErrorCode.CHECKSUM_MISMATCH,
                f"The checksums beside {name} contradict each other.",
                "Nothing was fetched. Ask the server's owner which is right.",
            ) from None
        return found or told

    def _text(self, url: str, headers: Mapping[str, str]) -> str:
        """A small file of text that may be there; empty if it is not."""
        try:
            answer = self._client.request("GET", url, headers=headers, allow=range(400, 500), limit=_LONGEST_LIST)
        except RbeeError as error:
            if error.code is ErrorCode.CANCELLED:
                raise
            human = f"{url_name(url)} could not be read, so no checksum of it is held against the file."
            self._job.emit("model_checksum_unread", human, level=Level.WARN, reason=error.message)
            return ""
        page = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGES
        return "" if answer.status >= 400 or page else answer.body.decode("utf-8", "replace")


def refusal(url: str, sent: bool) -> _Words:
    """Words for what a server refuses.

    :param sent: whether credentials went along.
    """
    return _Words(url, sent)


@dataclass(frozen=True, slots=True)
class _Words:
    url: str
    sent: bool

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, where: str) -> RbeeError | None:
        host, name = urlsplit(self.url).hostname, url_name(self.url)
        if status in (401, 403):
            given = "does not accept the credentials in use" if self.sent else "wants to know who asks"
            hint = f"Set {token_variable(self.url)} to a token, or write a login for {host} into ~/.netrc."
            if status == 403 and urlsplit(self.url).query:
                hint += " If the address is a signed one, it may have run out: get a new one."
            return RbeeError(ErrorCode.AUTH_REQUIRED, f"{host} {given} for {name} ({status}).", hint)
        if status in (404, 410):
            gone = "has no" if status == 404 else "has no longer"
            return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{host} {gone} {name} ({status}).", "Look for a typing error.")
        return None


def _refuse_page(probe: Probe, name: str, url: str) -> None:
    """A web page where a model should be: a log-in form, an error of a site that answers 200 to everything."""
    kind = probe.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _PAGES or name.lower().endswith((".html", ".htm", ".xhtml")):
        return
    host = urlsplit(probe.url).hostname
    raise RbeeError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{host} answered with a web page, not with {name}.",
        "Look whether the address is the file's own and not that of a page about it; if it is a log-in page, "
        f"set {token_variable(url)} or write a login into ~/.netrc.",
    )


def _stated(url: str, fragment: str) -> Digest | None:
    """The digest in ``#sha256=…``, as Python's package index writes it."""
    value = parse_qs(fragment).get("sha256")
    if not value:
        return None
    try:
        return Digest(f"sha256:{value[-1]}")
    except ValueError as error:
        raise RbeeError(ErrorCode.INVALID_REF, f"{url.partition('?')[0]}: {error}", "Give 64 hex digits.") from None


def _sibling(url: str, name: str) -> str:
    """The URL of another file in the same folder; a query (a token for the folder, perhaps) stays."""
    path = urlsplit(url).path
    # Where the slashes are escaped (``…/o/folder%2Ffile``), the last part stands behind the last of either.
    cut = max(path.rfind("/") + 1, path.lower().rfind("%2f") + 3 if "%2f" in path.lower() else 0)
    return _with_path(url, path[:cut] + quote(name))


def _with_path(url: str, path: str) -> str:
    return urlsplit(url)._replace(path=path, fragment="").geturl()
