"""Which registry a reference means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rbee_core.errors import UsageError
from rbee_core.oci import Address, locate

if TYPE_CHECKING:
    from rbee_core import Job, ModelRef

#: The registry of references that name none.
DEFAULT_HOST = "registry.ollama.ai"
#: Another registry in its place: a mirror, or a company's own. ``OLLAMA_HOST`` is something else: the address of
#: Ollama's daemon, which serves models to run and has nothing to download.
VARIABLE = "RBEE_OLLAMA_REGISTRY"


def address(ref: ModelRef, job: Job) -> Address:
    """The repository of a reference; the host that it names, else ``RBEE_OLLAMA_REGISTRY``, else Ollama's.

    :raises UsageError: the variable is not the address of a registry.
    """
    assert ref.repo is not None
    host = ref.host or DEFAULT_HOST
    scheme = None
    if host == DEFAULT_HOST and (override := os.environ.get(VARIABLE, "").strip()):
        scheme, host = _parse(override)
    return locate(host, ref.repo, insecure=job.options.insecure, scheme=scheme)


def _parse(text: str) -> tuple[str | None, str]:
    """``host``, ``host:port`` or a URL of them: its scheme, if it has one, and its host with the port."""
    scheme = None
    if "://" in text:
        scheme, _, text = text.partition("://")
    text = text.rstrip("/")
    try:
        split = urlsplit(f"//{text}")
        fine = bool(split.hostname) and split.netloc == text and "@" not in text and split.port != 0
    except ValueError:
        fine = False
    if not fine or not text.isascii() or not text.isprintable() or " " in text or scheme not in (None, "http", "https"):
        raise UsageError(f"{VARIABLE} is not a registry's address.", "Write it as https://registry.example:5000")
    return scheme, text
