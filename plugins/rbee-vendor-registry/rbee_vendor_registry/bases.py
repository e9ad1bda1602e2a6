"""ModelKits that build on others: a Kitfile whose ``model.path`` names the ModelKit that has the weights.

Source: KitOps (``pkg/artifact/util.go``, ``pkg/cmd/pull/pull.go``, ``pkg/lib/filesystem/unpack/core.go``). As there, a
path with a ``:`` or an ``@`` is a reference, ten may follow one another, and a base gives its model and the model's
parts: no code, no datasets, no documents.

Where such a reference leads is the publisher's word. So credentials are those of the host that it names, ``--insecure``
goes for the registry that the person named and no other, and an artifact from elsewhere cannot lead to this machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.oci import SMALL, Address, Manifest, Registry, is_loopback, locate, wanted_version
from rbee_core.refs import ModelRef

from .layout import Kind, is_weights, kind_of

if TYPE_CHECKING:
    from rbee_core import Job

#: ModelKits that one may build on, each on the next.
MAX_CHAIN = 10


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact: where it is, its manifest, and its configuration (empty, where that is not an object)."""

    registry: Registry
    manifest: Manifest
    kind: Kind
    config: dict[str, Any]


def open_artifact(address: Address, version: str, what: str, job: Job) -> Artifact:
    """Fetch an artifact's manifest and configuration, each held against its digest.

    :param what: its reference, named in errors.
    :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``CHECKSUM_MISMATCH``, ``DOWNLOAD_FAILED``.
    """
    registry = Registry(address, job)
    manifest = registry.manifest(version)
    kind = kind_of(manifest, what)
    tells = kind is Kind.MODELKIT or (kind is not Kind.ORAS and manifest.config.size <= SMALL)
    config = _object(registry.small_blob(manifest.config)) if tells else {}
    return Artifact(registry, manifest, kind, config)


def with_bases(first: Artifact, what: str, job: Job) -> list[Artifact]:
    """An artifact and what it builds on, nearest first; of the bases only the layers with weights.

    :raises RbeeError: as `open_artifact`; ``MODEL_NOT_FOUND`` also for a reference that leads nowhere, in a circle, or
        too far.
    """
    found, chain = [first], [what]
    while (path := _base_of(found[-1], chain[-1])) is not None:
        if len(found) > MAX_CHAIN:
            raise _astray(chain, f"more than {MAX_CHAIN} ModelKits build on one another")
        address, version = _follow(path, chain[-1], first.registry.address, insecure=job.options.insecure)
        job.emit("modelkit_base", f"{chain[-1]} builds on {path}")
        base = open_artifact(address, version, path, job)
        chain.append(path)
        if any(base.manifest.digest == other.manifest.digest for other in found):
            raise _astray(chain, "the ModelKits build on one another in a circle")
        if base.kind not in (Kind.MODELKIT, Kind.MODELPACK):
            raise _astray(chain, f"{path} is no ModelKit")
        layers = tuple(layer for layer in base.manifest.layers if is_weights(layer))
        found.append(replace(base, manifest=replace(base.manifest, layers=layers)))
    return found


# --- inside ---------------------------------------------------------------------------------------------------------


def _base_of(artifact: Artifact, what: str) -> str | None:
    """The reference of the ModelKit that has the weights; ``None`` if this one has them, or has no model at all."""
    model = artifact.config.get("model") if artifact.kind is Kind.MODELKIT else None
    path = model.get("path") if isinstance(model, dict) else None
    if (
        not isinstance(path, str)
        or not path
        or any(is_weights(layer, whole=True) for layer in artifact.manifest.layers)
    ):
        return None
    if len(path) > 500 or not path.isascii() or not path.isprintable() or not (":" in path or "@" in path):
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{what} has no weights, and its Kitfile's model is {path[:200]!a}: no reference of a ModelKit.",
            "This ModelKit is broken; tell its owner.",
        )
    return path


def _follow(path: str, what: str, named: Address, *, insecure: bool) -> tuple[Address, str]:
    """Where a base is, and its tag or digest.

    :param named: the repository that the person named.
    :raises RbeeError: ``MODEL_NOT_FOUND``.
    """
    host = path.partition("/")[0] if "/" in path else ""
    if not (":" in host or "." in host):
        # What KitOps takes for its user's own store.
        raise _nowhere(what, path, "which is only on its publisher's machine", "Ask its publisher to push that one.")
    try:
        ref = ModelRef.parse(f"oci://{path.partition(',')[0]}")
    except RbeeError:
        ref = None
    if ref is None or ref.host is None or ref.repo is None:
        raise _nowhere(what, path, "which is no reference of a ModelKit", "This ModelKit is broken; tell its owner.")
    address = locate(ref.host, ref.repo)
    if insecure and address.registry == named.registry:
        address = locate(ref.host, ref.repo, insecure=True)
    if is_loopback(address.registry) and not is_loopback(named.registry):
        hint = f"If you have it here, download it by itself: rbee models download {ref}"
        raise _nowhere(what, path, "an address of this machine, which an artifact from elsewhere cannot know", hint)
    return address, wanted_version(ref, None)


def _nowhere(what: str, path: str, why: str, hint: str) -> RbeeError:
    return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{what} builds on the ModelKit {path}, {why}.", hint)


def _astray(chain: list[str], why: str) -> RbeeError:
    shown = " -> ".join(chain)
    hint = "The one at the end is at fault; tell its owner."
    return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{chain[0]} has no weights of its own, and {why}: {shown}.", hint)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
