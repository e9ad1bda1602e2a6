"""Where the bucket is and who asks: the environment and files of AWS's own tools, and a few variables of ours."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rbee_core.errors import ErrorCode, RbeeError, UsageError
from rbee_core.transfer import listen

if TYPE_CHECKING:
    from rbee_core import Job

ENDPOINT = "RBEE_S3_ENDPOINT"
ANONYMOUS = "RBEE_S3_ANONYMOUS"
ADDRESSING = "RBEE_S3_ADDRESSING"
CHECK_ETAG = "RBEE_S3_CHECK_ETAG"
_TRUE = {"1", "true", "yes", "on"}
#: Seconds to reach a server; reading has ``--stall-timeout``.
_CONNECT = 10
#: Seconds that finding the credentials may take.
_PATIENCE = 20
#: Tries for one answer of the API, by s3fs and with its growing waits.
TRIES = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How to speak to S3.

    :param endpoint: of another server than Amazon's; empty for Amazon's.
    :param anonymous: requests are not signed.
    :param addressing: ``path`` (``endpoint/bucket/key``), ``virtual`` (``bucket.endpoint/key``) or ``auto``.
    :param check_etag: an ETag that looks like an MD5 is one.
    """

    endpoint: str
    anonymous: bool
    addressing: str
    check_etag: bool
    stall: float

    @classmethod
    def from_environment(cls, job: Job) -> Settings:
        """Read them.

        :raises RbeeError: ``DOWNLOAD_FAILED``: offline, or the endpoint would be spoken to unencrypted.
        :raises UsageError: a value that means nothing.
        """
        if job.options.offline:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                "rbee was told to stay offline, so S3 was not asked.",
                "Models that are here already run offline: rbee models catalog. Else unset it and try again.",
            )
        endpoint = _endpoint(insecure=job.options.insecure)
        addressing = os.environ.get(ADDRESSING) or ("path" if endpoint else "auto")
        if addressing not in {"path", "virtual", "auto"}:
            raise UsageError(f"{ADDRESSING} is {addressing!r}.", "It is path, virtual or auto.")
        return cls(
            endpoint=endpoint,
            anonymous=os.environ.get(ANONYMOUS, "").lower() in _TRUE or not _has_credentials(job),
            addressing=addressing,
            check_etag=os.environ.get(CHECK_ETAG, "1").lower() in _TRUE,
            stall=job.options.stall_timeout,
        )

    def filesystem(self) -> Any:
        """An `s3fs.S3FileSystem` of its own; profile, region and keys it finds where AWS's tools keep them."""
        import s3fs

        client: dict[str, Any] = {}
        if (bundle := os.environ.get("SSL_CERT_FILE")) and not os.environ.get("AWS_CA_BUNDLE"):
            client["verify"] = bundle  # what the rest of rbee trusts
        config = {
            # A version of the signature that carries the region and that every server of today reads.
            "signature_version": "s3v4",
            "s3": {"addressing_style": self.addressing},
            "connect_timeout": _CONNECT,
            "read_timeout": self.stall,
            "retries": {"max_attempts": 0},
        }
        if self.anonymous:
            del config["signature_version"]
        filesystem = s3fs.S3FileSystem(
            anon=self.anonymous,
            endpoint_url=self.endpoint or None,
            cache_regions=not self.endpoint,
            client_kwargs=client,
            config_kwargs=config,
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        filesystem.retries = TRIES
        return filesystem


def _endpoint(*, insecure: bool) -> str:
    """``RBEE_S3_ENDPOINT``, else AWS's own two variables; one in a profile is botocore's to find."""
    names = [ENDPOINT]
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() not in _TRUE:
        names += ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
    name, value = next(((name, os.environ[name]) for name in names if os.environ.get(name)), ("", ""))
    if not value:
        return ""
    split = urlsplit(value)
    if split.scheme not in {"http", "https"} or not split.hostname:
        raise UsageError(f"{name} is not an address.", "It should look like https://minio.example.org:9000")
    if "@" in split.netloc:
        raise UsageError(f"{name} holds credentials.", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead.")
    require_encryption(value, insecure=insecure)
    return value


def require_encryption(url: str, *, insecure: bool) -> None:
    """Unencrypted only to this machine, or where the person says so.

    :raises RbeeError: ``DOWNLOAD_FAILED``.
    """
    split = urlsplit(url)
    host = split.hostname or ""
    if (
        split.scheme == "http"
        and not insecure
        and host != "localhost"
        and not host.startswith("127.")
        and host != "::1"
    ):
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{host} would be spoken to without encryption.",
            "Use an https:// endpoint; or, if you trust every line on the way, give --insecure.",
        )


def _has_credentials(job: Job) -> bool:
    """Whether AWS's chain (environment, profile, SSO, container, instance) leads to any; some of these it has to ask.

    :raises UsageError: the profile that is asked for does not exist, or the files cannot be read.
    """
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        (found,) = listen(lambda: [Session().get_credentials()], check=job.check_cancelled, stall=_PATIENCE)
        return found is not None
    except TimeoutError:
        return False
    except BotoCoreError as error:
        raise UsageError(
            f"The AWS settings cannot be used: {error}", "Look at AWS_PROFILE and ~/.aws/config."
        ) from None
