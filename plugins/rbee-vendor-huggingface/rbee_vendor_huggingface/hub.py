"""The Hub's API, through huggingface_hub: what a repository holds at which commit, and where its files are."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rbee_core import __version__
from rbee_core.contracts import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import Retry, Tally, listen

from .listing import RepoFile, Repository
from .refusals import refusal

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

    from rbee_core import Job

T = TypeVar("T")

#: Far more files than any model has; a listing without an end is cut off here.
_MAX_FILES = 100_000
#: Tries for one answer of the API; a person waits for it.
_TRIES = 3
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_XET = re.compile(r"[0-9a-f]{64}")


class Hub:
    """One job's view of the Hub that ``HF_ENDPOINT`` names, as the user whose token is in the usual places.

    :raises RbeeError: ``AUTH_REQUIRED``, the token cannot be one; ``DOWNLOAD_FAILED``, offline.
    """

    def __init__(self, job: Job) -> None:
        from huggingface_hub import constants
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, not marked

        # It would ask the Hub how to recognise coding agents, and name them in every request. Not from rbee.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        if not constants.HF_DEBUG:
            logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what goes wrong is told through the job
        self._job = job
        self.endpoint = constants.ENDPOINT
        self._uses_xet = not constants.HF_HUB_DISABLE_XET
        self._require_online(constants.is_offline_mode())
        self.headers = self._checked(build_hf_headers(library_name="rbee", library_version=__version__))

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return "authorization" in self.headers

    @property
    def host(self) -> str:
        """The endpoint without any credentials that its URL may hold."""
        split = urlsplit(self.endpoint)
        return f"{split.scheme}://{split.netloc.rpartition('@')[2]}"

    def url(self, repo: str, commit: str, path: str) -> str:
        """Where one file of one commit is."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repo, path, revision=commit)

    def xet_token_url(self, repo: str, commit: str) -> str:
        """Where the Hub gives tokens for a commit's files in Xet storage (https://huggingface.co/docs/xet/auth)."""
        return f"{self.endpoint}/api/models/{repo}/xet-read-token/{commit}"

    def repository(self, repo: str, revision: str | None) -> Repository:
        """What a repository holds at a branch, tag or commit (its main branch, if none is given).

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``,
            ``DOWNLOAD_TIMEOUT``, ``CANCELLED``.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile as HubFile

        api = HfApi(library_name="rbee", library_version=__version__)
        stall = self._job.options.stall_timeout
        (info,) = self._ask(repo, revision, lambda: [api.model_info(repo, revision=revision, timeout=stall)])
        commit = info.sha
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise self._not_the_hub()
        # The library itself tries a page five times, over 23 seconds.
        pages = api.list_repo_tree(repo, recursive=True, revision=commit)
        tree = self._ask(repo, revision, lambda: _bounded(pages), tries=1)
        files = [self._file(item) for item in tree if isinstance(item, HubFile)]
        return Repository(repo, commit, files, _metadata(repo, info))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _ask(
        self, repo: str, revision: str | None, produce: Callable[[], Iterable[T]], *, tries: int = _TRIES
    ) -> list[T]:
        import httpx2
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        retry = Retry(self.host, Tally(self._job), tries=tries)
        stall = self._job.options.stall_timeout
        while True:
            try:
                return list(listen(produce, check=self._job.check_cancelled, stall=stall))
            except HfHubHTTPError as error:
                answer = error.response
                where = str(answer.request.url)
                token = self.has_token
                refused = refusal(answer.status_code, answer.headers, where, repo, revision=revision, token=token)
                if isinstance(refused, RbeeError):
                    raise refused from None
                retry.failed(refused)
            except httpx2.TimeoutException:
                retry.failed(TimeoutError("no answer in time"))
            except (httpx2.UnsupportedProtocol, httpx2.InvalidURL):
                raise self._bad_endpoint() from None
            except httpx2.TransportError as error:
                retry.failed(ConnectionError(f"cannot be reached: {error}"))
            except TimeoutError as error:
                retry.failed(error)
            except HFValidationError as error:
                raise RbeeError(ErrorCode.INVALID_REF, f"The Hub allows no such name: {repo}.") from error
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise self._not_the_hub() from error

    def _file(self, item: Any) -> RepoFile:
        size = item.lfs.size if item.lfs else item.size
        if not isinstance(item.path, str) or not isinstance(size, int) or size < 0:
            raise self._not_the_hub()
        try:
            sha256 = Digest(f"sha256:{item.lfs.sha256}") if item.lfs else None
        except ValueError:
            raise self._not_the_hub() from None
        plain = sha256 is None and isinstance(item.blob_id, str) and _SHA1.fullmatch(item.blob_id)
        stored = sha256 is not None and isinstance(item.xet_hash, str) and _XET.fullmatch(item.xet_hash)
        xet = item.xet_hash if stored and self._uses_xet else None
        return RepoFile(item.path, size, sha256, item.blob_id if plain else None, xet)

    def _checked(self, headers: dict[str, str]) -> dict[str, str]:
        token = headers.get("authorization", "")
        if token and not (token.isascii() and token.isprintable() and len(token.split()) == 2):
            # Sent as it is, the HTTP library would quote it in its error.
            message = "The Hugging Face token holds characters that no token has."
            raise RbeeError(ErrorCode.AUTH_REQUIRED, message, "Set HF_TOKEN anew, or run `hf auth login`.")
        return headers

    def _require_online(self, hub_offline: bool) -> None:
        if not hub_offline and not self._job.options.offline:
            return
        why = "HF_HUB_OFFLINE is set" if hub_offline else "rbee was told to stay offline"
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{why}, so the Hub was not asked.",
            "Models that are here already run offline: rbee models catalog. Else unset it and try again.",
        )

    def _not_the_hub(self) -> RbeeError:
        return RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{self.host} did not answer as the Hugging Face Hub does.",
            "Look at HF_ENDPOINT, and whether a proxy or a log-in page stands in between.",
        )

    def _bad_endpoint(self) -> RbeeError:
        hint = "It should look like https://huggingface.co"
        return RbeeError(ErrorCode.DOWNLOAD_FAILED, "HF_ENDPOINT is not a URL that can be asked.", hint)


def _bounded(items: Iterable[T]) -> Iterator[T]:
    for number, item in enumerate(items):
        if number >= _MAX_FILES:
            raise RbeeError(ErrorCode.DOWNLOAD_FAILED, f"The repository lists more than {_MAX_FILES} files.")
        yield item


def _metadata(repo: str, info: ModelInfo) -> dict[str, Any]:
    """The facts worth keeping with the entry, each only if it is plain text."""
    card = info.card_data
    facts = {
        "repo": repo,
        "license": getattr(card, "license", None),
        "base_model": getattr(card, "base_model", None),
        "pipeline_tag": info.pipeline_tag,
        "library": info.library_name,
        "gated": info.gated or None,
    }
    return {key: value for key, value in facts.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= 20 and all(isinstance(item, str) and _is_plain(item) for item in value)
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
