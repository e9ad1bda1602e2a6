"""Who we are to a registry: nobody until it asks, then a bearer token or a password, renewed when it runs out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from ..contracts.job import Level
from ..errors import ErrorCode, RbeeError
from .address import Address
from .challenges import Challenge, Token, TokenRequest, parse_challenges, parse_token, token_request
from .credentials import Credential, find_credential

if TYPE_CHECKING:
    from ..transfer.http import HttpClient

#: Another way to ask for a token: the URL and the headers of the request, or ``None`` to ask in the usual way.
Signer = Callable[[TokenRequest], tuple[str, Mapping[str, str]] | None]

#: A token is renewed after this share of its life, so that it does not run out on the way.
_FRESH = 0.9
#: A token refused at an age of fewer seconds than this did not run out: it was never good.
_YOUNG = 5.0
#: So many tokens in a row may be refused young.
_STRIKES = 2
_MAX_ANSWER = 1 << 18


class Authenticator:
    """The ``Authorization`` of all requests to one repository; safe to use from many threads.

    :param signer: how this registry wants requests for tokens signed, if it does.
    """

    def __init__(self, address: Address, client: HttpClient, signer: Signer | None = None) -> None:
        self._address = address
        self._client = client
        self._signer = signer
        self._lock = threading.Lock()
        self._asked = threading.local()
        self._credential: Credential | None = None
        self._looked_up = False
        self._request: TokenRequest | None = None
        self._value = ""
        self._since = 0.0
        self._until = float("inf")
        self._strikes = 0

    def headers(self) -> dict[str, str]:
        """What to send with the next request of this thread.

        :raises RbeeError: ``AUTH_REQUIRED``: the token ran out and there is no new one.
        """
        with self._lock:
            if self._request is not None and time.monotonic() > self._until:
                self._renew(self._request)
            self._asked.with_value = value = self._value
        return {"Authorization": value} if value else {}

    def challenged(self, www_authenticate: str) -> None:
        """The request of this thread was answered with 401: get what the registry asks for.

        :raises RbeeError: ``AUTH_REQUIRED``: that cannot be had, or was refused.
        """
        with self._lock:
            if getattr(self._asked, "with_value", "") != self._value:
                return  # another thread was told before, and has seen to it
            challenges = parse_challenges([www_authenticate])
            bearer = next((found for found in challenges if found.scheme == "bearer"), None)
            if bearer is not None:
                self._answer_bearer(bearer)
            elif any(found.scheme == "basic" for found in challenges):
                self._answer_basic()
            else:
                raise self._no_access("it asks for a kind of log-in that rbee does not know")

    # --- inside -----------------------------------------------------------------------------------------------------

    def _answer_basic(self) -> None:
        value = credential.basic if (credential := self._find()) else None
        if value is None or value == self._value:
            raise self._no_access("it does not accept the password in use" if value else "it wants a password")
        self._value, self._since = value, time.monotonic()

    def _answer_bearer(self, challenge: Challenge) -> None:
        if self._value:
            young = time.monotonic() - self._since < _YOUNG
            self._strikes = self._strikes + 1 if young else 0
            if challenge.parameters.get("error") == "insufficient_scope" or self._strikes >= _STRIKES:
                raise self._no_access("its token gives no access")
        self._request = token_request(challenge, self._address.repository, plain=self._address.plain)
        self._renew(self._request)

    def _renew(self, request: TokenRequest) -> None:
        token = self._fetch(request)
        self._value = f"Bearer {token.text}"
        self._since = time.monotonic()
        self._until = self._since + token.lifetime * _FRESH

    def _fetch(self, request: TokenRequest) -> Token:
        credential = self._find()
        if signed := (self._signer(request) if self._signer else None):
            url, headers = signed
            return self._ask("GET", url, headers)
        if credential is not None and credential.identity_token:
            fields = request.form | {"grant_type": "refresh_token", "refresh_token": credential.identity_token}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask("POST", request.realm, headers, urlencode(fields).encode("ascii"))
        basic = credential.basic if credential else None
        return self._ask("GET", request.url, {"Authorization": basic} if basic else {})

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Token:
        answer = self._client.request(
            method,
            url,
            headers={"Accept": "application/json", **headers},
            body=body,
            what=f"a token for {self._address}",
            refused=self._refused,
            limit=_MAX_ANSWER,
        )
        return parse_token(answer.body)

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes, url: str) -> RbeeError | None:
        if status in (400, 401, 403, 404):
            where = urlsplit(url).hostname
            return self._no_access(f"{where} gives no token ({status})")
        return None

    def _find(self) -> Credential | None:
        if not self._looked_up:
            self._credential = find_credential(self._address, self._warn)
            self._looked_up = True
        return self._credential

    def _warn(self, text: str) -> None:
        self._client.job.emit("registry_credentials", text, level=Level.WARN)

    def _no_access(self, why: str) -> RbeeError:
        registry = self._address.registry
        if self._looked_up and self._credential is not None:
            hint = f"Log in with an account that may read it: docker login {registry} (or podman, skopeo, oras)."
        else:
            hint = f"Look for a typing error; if it is private, log in: docker login {registry} (or podman, oras)."
        return RbeeError(ErrorCode.AUTH_REQUIRED, f"{registry} does not show {self._address.repository}: {why}.", hint)
