"""The way out: connection pools, through the proxies and with the certificates that this machine is set up for."""

from __future__ import annotations

import os
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ...errors import ErrorCode, RbeeError

if TYPE_CHECKING:
    from urllib3 import PoolManager

#: Environment variables that name certificates, besides SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL itself reads.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Network:
    """Pools of connections, made when they are first needed.

    :param connections: kept open at most, for each host.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._managers: dict[tuple[str, bool], PoolManager] = {}
        self._lock = threading.Lock()

    def manager(self, url: str) -> PoolManager:
        """The pools that lead to ``url``: straight, or by the proxy that is set for it.

        :raises RbeeError: ``DOWNLOAD_FAILED``: the proxy or the certificates are set wrongly.
        """
        proxy = proxy_for(url)
        # Reading the system's certificates takes longer than many a small answer: only for who needs them.
        encrypted = "https" in (urlsplit(url).scheme, urlsplit(proxy).scheme)
        with self._lock:
            if (proxy, encrypted) not in self._managers:
                self._managers[proxy, encrypted] = self._make(proxy, encrypted)
            return self._managers[proxy, encrypted]

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            managers = list(self._managers.values())
            self._managers.clear()
        for manager in managers:
            manager.clear()

    def _make(self, proxy: str, encrypted: bool) -> PoolManager:
        import urllib3

        context = tls_context() if encrypted else None
        if not proxy:
            return urllib3.PoolManager(
                num_pools=8, maxsize=self._connections, retries=False, ssl_context=context, blocksize=1 << 16
            )
        split = urlsplit(proxy)
        if split.scheme not in ("http", "https") or not split.hostname:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"The proxy is not one that can be used: {split.scheme}://{split.hostname or ''}",
                "Set HTTP_PROXY and HTTPS_PROXY to an http:// or https:// address.",
            )
        headers = {}
        if split.username is not None:
            credentials = f"{unquote(split.username)}:{unquote(split.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=credentials)
        bare = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
        return urllib3.ProxyManager(
            bare,
            num_pools=8,
            maxsize=self._connections,
            retries=False,
            proxy_headers=headers,
            ssl_context=context,
            blocksize=1 << 16,
        )


def proxy_for(url: str) -> str:
    """The proxy that ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` name for a URL; empty for none."""
    from urllib.request import getproxies, proxy_bypass

    split = urlsplit(url)
    if proxy_bypass(split.netloc.rpartition("@")[2]):
        return ""
    proxies = getproxies()
    found = proxies.get(split.scheme) or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


def tls_context() -> ssl.SSLContext:
    """How servers prove who they are: the system's certificates, and those that the environment names.

    :raises RbeeError: ``DOWNLOAD_FAILED``: a bundle cannot be read.
    """
    context = ssl.create_default_context()
    for variable in _BUNDLES:
        if path := os.environ.get(variable):
            _load(context, path, variable)
    here = ssl.get_default_verify_paths()
    if not context.cert_store_stats()["x509_ca"] and not here.cafile and not here.capath:
        import certifi  # a Python without the system's certificates, such as python.org's on macOS

        context.load_verify_locations(certifi.where())
    return context


def _load(context: ssl.SSLContext, path: str, variable: str) -> None:
    try:
        if os.path.isdir(path):  # noqa: PTH112 — the text of an environment variable, looked at once
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"The certificates in {path} cannot be read: {error}",
            f"Set {variable} to a file of certificates in PEM form.",
        ) from None
