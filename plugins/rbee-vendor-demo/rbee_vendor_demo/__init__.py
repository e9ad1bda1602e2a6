"""A vendor in one file: it serves ``demo:stories``, a tiny real language model that travels inside this package.

To write a vendor of your own, copy this file: say which references are yours, say what they consist of, and put the
bytes where the core asks for them. Whatever takes time to import is imported inside the hook that needs it.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from rbee_core import ErrorCode, RbeeError, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core import Job, ModelRef
    from rbee_core.contracts import DownloadResult, ModelManifest

#: What can be asked for, and the files it consists of. Both are the same weights.
MODELS = {
    "stories": ["stories.gguf"],
    "stories-safetensors": [
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ],
}
DATA = files(__name__) / "data"


class DemoVendor:
    """Serves the models of this package for references of the scheme ``demo``."""

    rbee_api = 1

    @hookimpl
    def supports_model(self, ref: ModelRef) -> bool:
        """Yes to every ``demo:`` reference: a name that is not here gets a helpful error later."""
        return ref.scheme == "demo"

    @hookimpl
    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest | None:
        """Name the files with their sizes and digests; the core checks what arrives against them."""
        from rbee_core.contracts import ManifestFile, ModelManifest

        digests = _digests()
        return ModelManifest(
            files=[
                ManifestFile(name=name, size=_size(name), digest=f"sha256:{digests[name]}") for name in _names_of(ref)
            ]
        )

    @hookimpl
    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Copy the files into ``dest``: `copy_file` hashes on the way, reports progress and stops when asked to."""
        from rbee_core.contracts import DownloadResult
        from rbee_core.transfer import Tally, copy_file

        names = _names_of(ref)
        tally = Tally(job, total=sum(_size(name) for name in names))
        copied = []
        for name in names:
            with as_file(DATA / name) as source:  # a real path, even if the package is a zip archive
                copied.append(copy_file(source, dest / name, tally, name=name))
        return DownloadResult(files=copied)

    @hookimpl
    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """Read a part of a file where it is, so that a run can be planned before anything is copied."""
        if name not in _names_of(ref):
            return None
        with (DATA / name).open("rb") as file:
            file.seek(start)
            return file.read(length)


def _names_of(ref: ModelRef) -> list[str]:
    """The file names of a model, or an error that says which models there are."""
    if ref.rest not in MODELS:
        known = ", ".join(f"demo:{name}" for name in MODELS)
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no demo model '{ref.rest}'.", f"There is: {known}")
    return MODELS[ref.rest]


def _digests() -> dict[str, str]:
    """File name -> sha256 (hex), as written down when the files were made, so that asking costs no hashing."""
    lines = (DATA / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _size(name: str) -> int:
    """Bytes of a shipped file."""
    with as_file(DATA / name) as path:
        return path.stat().st_size
