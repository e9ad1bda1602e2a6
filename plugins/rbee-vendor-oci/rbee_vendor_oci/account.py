"""Who asks, and where: a signer and an endpoint, from the files and variables of Oracle's own tools."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rbee_core.errors import ErrorCode, RbeeError, UsageError
from rbee_core.transfer import listen

if TYPE_CHECKING:
    from rbee_core import Job

PAR = "RBEE_OCI_PAR"
ENDPOINT = "RBEE_OCI_ENDPOINT"
ANONYMOUS = "RBEE_OCI_ANONYMOUS"
_TRUE = {"1", "true", "yes", "on"}
#: Seconds that finding the credentials may take.
_PATIENCE = 45
#: ``OCI_CLI_AUTH`` as the CLI spells it, and what ocifs calls it.
_KINDS = {
    "api_key": "api_key",
    "security_token": "security_token",
    "instance_principal": "instance_principal",
    "resource_principal": "resource_principal",
    "oke_workload_identity": "oke_principal",
}
_REGION = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+")
_HINT = "Set OCI_CONFIG_FILE and OCI_CONFIG_PROFILE (or run `oci setup config`), OCI_CLI_AUTH, or " + PAR + "."

#: Makes the headers that prove who asks, for one request: ``sign(method, url)``.
Sign = Callable[[str, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Account:
    """Where requests go, and how they prove who sends them.

    :param base: what stands before ``/n/NAMESPACE/b/BUCKET/o``; that of a pre-authenticated request is a secret.
    :param sign: gives the headers of a request; none where nobody needs to be proven.
    :param kind: ``par``, ``anonymous``, or how the signer came about; for messages.
    """

    base: str
    sign: Sign
    kind: str

    @property
    def host(self) -> str:
        """As may be shown."""
        return urlsplit(self.base).netloc


def account(bucket: str, namespace: str, job: Job) -> Account:
    """The account for a bucket, from the environment.

    In this order: a pre-authenticated request's URL (``RBEE_OCI_PAR``); ``RBEE_OCI_ANONYMOUS``; what ``OCI_CLI_AUTH``
    names; a configuration file that a variable names; a resource principal, where Oracle's environment has one;
    ``~/.oci/config``; nobody, if at least the region is known.

    :raises RbeeError: ``AUTH_REQUIRED``: there is none, or it cannot be used.
    :raises UsageError: a variable means nothing.
    """
    if par := os.environ.get(PAR):
        return Account(_par_base(par, bucket, namespace), _nobody, "par")
    if os.environ.get(ANONYMOUS, "").lower() in _TRUE:
        return _anonymous()
    kind = _kind()
    if kind is None:
        return _anonymous()
    try:
        # Some signers ask the machine's metadata service first, again and again where there is none.
        (found,) = listen(lambda: [_signed(kind)], check=job.check_cancelled, stall=_PATIENCE)
    except TimeoutError:
        message = f"The Oracle credentials did not come in {_PATIENCE} seconds ({kind.replace('_', ' ')})."
        raise RbeeError(ErrorCode.AUTH_REQUIRED, message, f"Is this machine one of Oracle's? Else: {_HINT}") from None
    return found


def _kind() -> str | None:
    if named := (os.environ.get("OCI_CLI_AUTH") or os.environ.get("OCIFS_IAM_TYPE")):
        if named not in {*_KINDS, *_KINDS.values()}:
            raise UsageError(f"OCI_CLI_AUTH is {named!r}.", f"rbee knows {', '.join(_KINDS)}.")
        return _KINDS.get(named, named)
    if _named_file():
        return "api_key"
    if os.environ.get("OCI_RESOURCE_PRINCIPAL_VERSION"):
        return "resource_principal"
    return "api_key" if _config_file() else None


def _named_file() -> str | None:
    names = ("OCI_CONFIG_FILE", "OCI_CLI_CONFIG_FILE", "OCIFS_CONFIG_LOCATION")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _config_file() -> str | None:
    named = _named_file()
    default = Path.home() / ".oci" / "config"
    return named or (str(default) if default.is_file() else None)


def _profile() -> str:
    names = ("OCI_CONFIG_PROFILE", "OCI_CLI_PROFILE", "OCIFS_CONFIG_PROFILE")
    return next((os.environ[name] for name in names if os.environ.get(name)), "DEFAULT")


def _region() -> str | None:
    found = os.environ.get("OCI_CLI_REGION") or os.environ.get("OCI_REGION")
    if found and not _REGION.fullmatch(found):
        raise UsageError(f"OCI_REGION is {found!r}, which is no region.", "It looks like eu-frankfurt-1.")
    return found or None


def _endpoint() -> str | None:
    value = os.environ.get(ENDPOINT) or os.environ.get("OCI_CLI_ENDPOINT")
    if not value:
        return None
    split = urlsplit(value)
    if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
        raise UsageError(f"{ENDPOINT} is not an address.", "It looks like https://objectstorage.REGION.oraclecloud.com")
    return value.rstrip("/")


def _nobody(method: str, url: str) -> Mapping[str, str]:
    return {}


def _anonymous() -> Account:
    region, endpoint = _region(), _endpoint()
    if endpoint is None and region is None:
        message = "Oracle Object Storage was not asked: there are no credentials for it, and no region is set."
        raise RbeeError(ErrorCode.AUTH_REQUIRED, message, _HINT + " For a public bucket OCI_REGION is enough.")
    return Account(endpoint or f"https://objectstorage.{region}.oraclecloud.com", _nobody, "anonymous")


def _par_base(url: str, bucket: str, namespace: str) -> str:
    """What stands before ``/n/…`` in a pre-authenticated request's URL, if it is one for this bucket."""
    split = urlsplit(url)
    match = re.fullmatch(r"(/p/[^/]+)/n/([^/]+)/b/([^/]+)/o(/.*)?", split.path)
    if match is None or split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
        raise UsageError(
            f"{PAR} is not the address of a pre-authenticated request.",
            "It looks like https://objectstorage.REGION.oraclecloud.com/p/…/n/NAMESPACE/b/BUCKET/o/",
        )
    if (match[2], match[3]) != (namespace, bucket):
        message = f"{PAR} is for oci://{match[3]}@{match[2]}, not for oci://{bucket}@{namespace}."
        raise RbeeError(ErrorCode.AUTH_REQUIRED, message, "Set the one for this bucket, or unset it.")
    return f"{split.scheme}://{split.netloc}{match[1]}"


def _signed(kind: str) -> Account:
    """Let ocifs find the signer and the region's endpoint, as it does for itself."""
    import ocifs

    logging.getLogger("ocifs").addHandler(logging.NullHandler())
    logging.getLogger("ocifs").propagate = False  # what it logs on an error has the configuration in it
    settings: dict[str, Any] = {"iam_type": kind, "region": _region(), "skip_instance_cache": True}
    if endpoint := _endpoint():
        settings["config_kwargs"] = {"service_endpoint": endpoint}
    try:
        if kind in ("api_key", "security_token"):
            settings["config"] = _config()
        if kind == "security_token":
            settings |= {"iam_type": "unknown_signer", "signer": _token_signer(settings["config"])}
        client = ocifs.OCIFileSystem(**settings).oci_client.base_client
        base, signer = str(client.endpoint).rstrip("/"), client.signer
    except (UsageError, RbeeError):
        raise
    except Exception as error:
        # Its messages quote the configuration: only their kind is told.
        message = f"The Oracle credentials cannot be used ({kind.replace('_', ' ')}: {type(error).__name__})."
        raise RbeeError(ErrorCode.AUTH_REQUIRED, message, _HINT) from error
    return Account(base, _Signing(signer), kind)


def _config() -> dict[str, Any]:
    """The profile of the configuration file.

    :raises RbeeError: ``AUTH_REQUIRED``: it is not there, or it lacks something.
    """
    from oci.config import from_file

    path, profile = _config_file() or "~/.oci/config", _profile()
    try:
        config: dict[str, Any] = from_file(path, profile)
    except Exception as error:
        # Its messages quote lines of the file.
        message = f"The profile {profile!r} of {path} cannot be used ({type(error).__name__})."
        raise RbeeError(ErrorCode.AUTH_REQUIRED, message, _HINT) from error
    if region := _region():
        config["region"] = region
    return config


def _token_signer(config: Mapping[str, Any]) -> Any:
    """The signer for a session that `oci session authenticate` opened."""
    from oci.auth.signers import SecurityTokenSigner
    from oci.signer import load_private_key_from_file

    token = Path(config["security_token_file"]).expanduser().read_text(encoding="utf-8").strip()
    return SecurityTokenSigner(token, load_private_key_from_file(config["key_file"], config.get("pass_phrase")))


@dataclass(frozen=True, slots=True)
class _Signing:
    """Signs with one of the SDK's signers, which are made to sign requests of ``requests``."""

    signer: Any
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, method: str, url: str) -> Mapping[str, str]:
        request = _Request(method, url)
        with self.lock:  # some renew their token on the way
            self.signer(request)
        return {name: request.headers[name] for name in ("date", "authorization") if name in request.headers}


class _Request:
    """As much of a prepared request as a signer looks at."""

    def __init__(self, method: str, url: str) -> None:
        split = urlsplit(url)
        self.method = method
        self.url = url
        self.path_url = split.path + (f"?{split.query}" if split.query else "")
        self.headers: dict[str, str] = {}
        self.body = None
