"""OCI registries for vendors: manifests, blobs, tokens and credentials (OCI distribution spec 1.1).

    registry = Registry(locate("ghcr.io", "org/model"), job)
    manifest = registry.manifest("latest")
    sources = [registry.blob(layer, name) for layer, name in …]        # for rbee_core.transfer.receive_all
    config = registry.small_blob(manifest.config)

A registry on a loopback address is spoken to over plain HTTP, any other only with ``--insecure``.
"""

from .address import Address, is_loopback, locate
from .challenges import Challenge, Token, TokenRequest, parse_challenges, parse_token, token_request
from .credentials import Credential, find_credential
from .manifest import Descriptor, Index, Manifest
from .registry import SMALL, Registry
from .version import wanted_version

__all__ = [
    "SMALL",
    "Address",
    "Challenge",
    "Credential",
    "Descriptor",
    "Index",
    "Manifest",
    "Registry",
    "Token",
    "TokenRequest",
    "find_credential",
    "is_loopback",
    "locate",
    "parse_challenges",
    "parse_token",
    "token_request",
    "wanted_version",
]
