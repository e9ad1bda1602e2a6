"""The distributions that this project publishes. Only for naming what could be installed: nothing else reads this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .records import normalise

if TYPE_CHECKING:
    from .records import PluginRecord


@dataclass(frozen=True, slots=True)
class FirstParty:
    """One of them: its name, the kind and the names of its entry points, and what it brings, in a few words."""

    dist: str
    kind: str
    names: tuple[str, ...]
    summary: str

    @property
    def command(self) -> str:
        """The line that installs it."""
        return f"rbee plugins install {self.dist}"

    def row(self) -> dict[str, Any]:
        """A row of ``available`` in ``rbee plugins list --all --json``."""
        return {
            "dist": self.dist,
            "kind": self.kind,
            "names": list(self.names),
            "summary": self.summary,
            "install": self.command,
        }


#: In listing order.
DISTRIBUTIONS = (
    FirstParty("rbee-vendor-demo", "vendor", ("demo",), "a tiny real language model, to try things with"),
    FirstParty("rbee-vendor-file", "vendor", ("file",), "what is on this machine's own disk"),
    FirstParty("rbee-vendor-http", "vendor", ("http", "https"), "any web server"),
    FirstParty("rbee-vendor-huggingface", "vendor", ("hf", "huggingface"), "the Hugging Face Hub"),
    FirstParty("rbee-vendor-oci", "vendor", ("oci",), "Oracle Object Storage"),
    FirstParty("rbee-vendor-ollama", "vendor", ("ollama",), "the Ollama registry, and others that speak like it"),
    FirstParty("rbee-vendor-registry", "vendor", ("docker", "oci"), "OCI registries: ORAS, ModelPack, Docker, KitOps"),
    FirstParty("rbee-vendor-s3", "vendor", ("s3",), "S3, and everything that speaks it"),
    FirstParty("rbee-backend-cpu", "backend", ("cpu",), "the processor"),
    FirstParty("rbee-backend-cuda", "backend", ("cuda",), "NVIDIA's GPUs"),
    FirstParty("rbee-backend-metal", "backend", ("metal",), "the GPUs of Macs"),
    FirstParty("rbee-backend-rocm", "backend", ("rocm",), "AMD's GPUs"),
    FirstParty("rbee-worker-llm", "worker", ("llm-worker",), "language models as GGUF, on llama.cpp"),
    FirstParty(
        "rbee-worker-transformers", "worker", ("transformers-worker",), "language models as safetensors, on PyTorch"
    ),
)


def not_installed(records: Iterable[PluginRecord]) -> list[FirstParty]:
    """Those that none of the installed plugins came with."""
    here = {normalise(record.dist) for record in records}
    return [dist for dist in DISTRIBUTIONS if dist.dist not in here]
