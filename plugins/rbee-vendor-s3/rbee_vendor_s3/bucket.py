"""One bucket, through s3fs: what is in it, and signed addresses of its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import listen

from .objects import S3Object, from_head, part_digests
from .refusals import refusal

if TYPE_CHECKING:
    from rbee_core import Job

    from .settings import Settings

T = TypeVar("T")

#: Far more objects than any model has; a listing without an end is cut off here.
MAX_OBJECTS = 100_000
#: Seconds that a signed address is good for. Each request gets a new one.
_EXPIRES = 3600
#: Objects asked about at one time.
_AT_ONCE = 8


class Bucket:
    """A bucket as the user of the settings sees it.

    :param name: as in the reference.
    """

    def __init__(self, name: str, settings: Settings, job: Job) -> None:
        self.name = name
        self._settings = settings
        self._job = job
        self._filesystem = settings.filesystem()

    def head(self, key: str, name: str, version: str | None = None) -> S3Object | None:
        """Describe one object; ``None`` if there is none.

        :raises RbeeError: ``AUTH_REQUIRED``, ``MODEL_NOT_FOUND`` (no such bucket), ``DOWNLOAD_FAILED``.
        """
        what = f"s3://{self.name}/{key}"
        given: dict[str, Any] = {"Bucket": self.name, "Key": key, **({"VersionId": version} if version else {})}
        try:
            head = self._ask("head_object", what, missing=True, ChecksumMode="ENABLED", **given)
        except RbeeError as error:
            if error.code is not ErrorCode.CANCELLED:
                # HEAD is refused without a word. The listing's refusal says why, if it is one.
                self._ask("list_objects_v2", what, missing=True, Bucket=self.name, Prefix=key, MaxKeys=1)
            raise
        if head is None or head.get("DeleteMarker"):
            return None
        check = self._settings.check_etag and not self.name.endswith("--x-s3")  # a directory bucket's is no MD5
        found = from_head(key, name, head, check_etag=check)
        if found.composite:
            return replace(found, parts=self._parts(found))
        return found

    def heads(self, wanted: Iterable[tuple[str, str]]) -> list[S3Object | None]:
        """`head` for many (key, name), some at a time."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rbee-s3") as pool:
            try:
                return list(pool.map(lambda pair: self.head(*pair), wanted))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects whose keys begin with ``prefix``, but for the empty ones that stand for folders.

        :raises RbeeError: as `head`, and ``DOWNLOAD_FAILED`` for more than `MAX_OBJECTS`.
        """
        what = f"s3://{self.name}/{prefix}"
        keys: list[str] = []
        token: dict[str, Any] = {}
        while True:
            page = self._ask("list_objects_v2", what, Bucket=self.name, Prefix=prefix, **token)
            entries = page.get("Contents") or []
            keys += [str(e["Key"]) for e in entries if not (str(e["Key"]).endswith("/") and not e.get("Size"))]
            if len(keys) > MAX_OBJECTS:
                raise RbeeError(
                    ErrorCode.DOWNLOAD_FAILED, f"{what} holds more than {MAX_OBJECTS} objects.", "Give a longer prefix."
                )
            following = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not following or {"ContinuationToken": following} == token:
                return keys
            token = {"ContinuationToken": following}

    def sign(self, found: S3Object) -> str:
        """An address that gives the object for an hour; made here, without asking anybody."""
        version = {"VersionId": found.version} if found.version else {}
        url: str = self._filesystem.sign(f"{self.name}/{found.key}", expiration=_EXPIRES, **version)
        return url

    # --- inside -----------------------------------------------------------------------------------------------------

    def _parts(self, found: S3Object) -> Any:
        """The parts' own checksums, where we may ask for them; they are a help and no need."""
        version = {"VersionId": found.version} if found.version else {}
        given: dict[str, Any] = {"Bucket": self.name, "Key": found.key, "ObjectAttributes": ["ObjectParts"], **version}
        parts: list[dict[str, Any]] = []
        marker: dict[str, Any] = {}
        while True:
            try:
                answer = self._ask("get_object_attributes", found.key, MaxParts=1000, **given, **marker)
            except RbeeError as error:
                if error.code is ErrorCode.CANCELLED:
                    raise
                return ()
            listed = answer.get("ObjectParts") or {}
            parts += listed.get("Parts") or []
            following = listed.get("NextPartNumberMarker")
            if not listed.get("IsTruncated") or not following or {"PartNumberMarker": following} == marker:
                return part_digests(parts, found.size)
            marker = {"PartNumberMarker": following}

    def _ask(self, method: str, what: str, *, missing: bool = False, **given: Any) -> Any:
        """Call the API. s3fs repeats what is worth repeating; we can stop waiting at any time.

        :param missing: give ``None`` for an object that is not there.
        """
        stall = self._settings.stall * 2 + 30  # its own time-outs, retries included, come first
        try:
            return self._one(lambda: self._filesystem.call_s3(method, **given), stall)
        except (RbeeError, KeyboardInterrupt):
            raise
        except Exception as error:
            refused = refusal(error, what, self._settings)
            if refused is None and missing:
                return None
            raise refused or RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {what}.") from error

    def _one(self, call: Callable[[], T], stall: float) -> T:
        (answer,) = listen(lambda: [call()], check=self._job.check_cancelled, stall=stall)
        return answer
