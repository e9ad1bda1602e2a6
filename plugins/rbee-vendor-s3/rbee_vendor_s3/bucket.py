"""One bucket, through s3fs: what is in it, and signed addresses of its objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import listen
from rbee_core.transfer.buckets import all_pages

from .objects import S3Object, from_head, part_digests
from .refusals import refusal

if TYPE_CHECKING:
    from rbee_core import Job

    from .settings import Settings

T = TypeVar("T")

#: Seconds that a signed address is good for. Each request gets a new one.
_EXPIRES = 3600


class Bucket:
    """A bucket as the user of the settings sees it.

    :param name: as in the reference.
    """

    def __init__(self, name: str, settings: Settings, job: Job) -> None:
        self.name = name
        self.url = f"s3://{name}/"
        self._settings = settings
        self._job = job
        self._filesystem = settings.filesystem()

    def head(self, key: str, name: str, version: str | None = None) -> S3Object | None:
        """Describe one object; ``None`` if there is none.

        :raises RbeeError: ``AUTH_REQUIRED``, ``MODEL_NOT_FOUND`` (no such bucket), ``DOWNLOAD_FAILED``.
        """
        what = self.url + key
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

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects that begin so, but for the empty ones that stand for folders.

        :raises RbeeError: as `head`.
        """
        what = self.url + prefix

        def page(token: str | None) -> tuple[list[str], str | None]:
            more: dict[str, Any] = {"ContinuationToken": token} if token else {}
            answer = self._ask("list_objects_v2", what, Bucket=self.name, Prefix=prefix, **more)
            found = [(str(entry["Key"]), entry.get("Size")) for entry in answer.get("Contents") or []]
            following = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
            return [key for key, size in found if size or not key.endswith("/")], following or None

        return all_pages(page, what)

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
