"""Where a repository is: its registry's address, how that is spoken to, and where its credentials are looked up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

#: What people write, what it is called in credential files, and where it answers (Docker Hub's three names).
DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DOCKER_HUB_SERVER = "registry-1.docker.io"
#: The key under which Docker itself keeps Docker Hub's credentials.
DOCKER_HUB_KEY = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class Address:
    """One repository of one registry.

    :param registry: as people know it, with its port if it has one: ``docker.io``, ``127.0.0.1:5000``.
    :param repository: the name within it, as the protocol wants it: ``library/busybox``.
    :param base: the URL that ``/v2/…`` follows.
    """

    registry: str
    repository: str
    base: str

    @property
    def plain(self) -> bool:
        """Whether it is spoken to without encryption over a network: somebody asked for that."""
        return self.base.startswith("http:") and not is_loopback(self.base.removeprefix("http://"))

    def manifest_url(self, reference: str) -> str:
        """Where the manifest of a tag or digest is."""
        return f"{self.base}/v2/{self.repository}/manifests/{reference}"

    def blob_url(self, digest: str) -> str:
        """Where a blob is."""
        return f"{self.base}/v2/{self.repository}/blobs/{digest}"

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}"


def locate(host: str | None, repository: str, *, insecure: bool = False, scheme: str | None = None) -> Address:
    """The address of a repository, as Docker finds it.

    :param host: ``None`` is Docker Hub, whose one-part names are in ``library/``.
    :param insecure: speak plain HTTP, wherever the registry is; a loopback address is spoken to so anyway.
    :param scheme: ``http`` or ``https``, where somebody said which.
    """
    registry = (host or DOCKER_HUB).lower()
    server = registry
    if registry in _DOCKER_HUB_NAMES:
        registry, server = DOCKER_HUB, _DOCKER_HUB_SERVER
        if "/" not in repository:
            repository = f"library/{repository}"
    scheme = scheme or ("http" if insecure or is_loopback(server) else "https")
    return Address(registry, repository, f"{scheme}://{server}")


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine itself (nothing is looked up)."""
    name = host_of(host).rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """The host without its port, lower-case; an IPv6 address without its brackets."""
    text = authority.lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") <= 1 else text
