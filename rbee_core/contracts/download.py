"""What a vendor promises before a download (the manifest) and reports after it (the result)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import Contract
from .common import Digest


class ManifestFile(Contract):
    """One file of a model as its source describes it: relative name, size in bytes, digest; the last two if known."""

    name: str
    size: int | None = Field(default=None, ge=0)
    digest: Digest | None = None


class ModelManifest(Contract):
    """Everything a source can tell about a model before a byte of it is fetched (hook ``resolve_model``).

    ``revision`` is the immutable one (a commit, a version id), never a branch; ``None`` where the source has none.
    ``metadata``: facts for the catalog; ``alternatives`` among them are other versions of the model, for whom this one
    is too large: a list of ``{"ref", "size", "quantization"}``.
    """

    files: list[ManifestFile]
    revision: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """Total bytes, or ``None`` when one of the files does not say."""
        sizes = [file.size for file in self.files]
        return sum(size for size in sizes if size is not None) if None not in sizes else None


class DownloadedFile(Contract):
    """One file that ``download_model`` left in ``dest``; ``name`` is relative to it, with ``/`` between parts."""

    name: str
    size: int = Field(ge=0)
    digest: Digest | None = None


class DownloadResult(Contract):
    """What ``download_model`` fetched. A plain ``int`` (total bytes) is accepted in its place (seed 001)."""

    files: list[DownloadedFile]
    revision: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
