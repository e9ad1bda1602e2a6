"""A vendor made for these tests: it serves a folder, logs its calls, and misbehaves on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import make_dist
from rbee_core.testing.drive_worker import wait_until

VENDOR = '''
    """shelf:NAME is every file in SHELF/NAME. What is done is appended to LOG, a line each."""
    import os, time
    from pathlib import Path
    from rbee_core import ErrorCode, RbeeError, hookimpl
    from rbee_core.contracts import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
    from rbee_core.transfer import Tally, copy_file, hash_file

    SHELF = Path(os.environ["SHELF"])


    def log(line):
        with open(os.environ["SHELF_LOG"], "a") as file:
            file.write(line + "\\n")


    log("import")


    class Shelf:
        rbee_api = 1

        @hookimpl
        def supports_model(self, ref):
            return True

        @hookimpl
        def resolve_model(self, ref, job):
            log(f"resolve {ref}")
            files = self.files(ref)
            tally = Tally(job)
            return ModelManifest(
                files=[
                    ManifestFile(name=name, size=path.stat().st_size, digest=hash_file(path, tally, name=name))
                    for name, path in files.items()
                ],
                revision="r1",
            )

        @hookimpl
        def download_model(self, ref, dest, job):
            log(f"download {ref} {sorted(job.present)}")
            tally = Tally(job)
            done = [copy_file(path, dest / name, tally, name=name) for name, path in self.files(ref).items()]
            return DownloadResult(files=done, revision="r1", metadata={"shelf": True})

        def files(self, ref):
            folder = SHELF / ref.rest
            if not folder.is_dir():
                raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {ref.rest!r} on the shelf.", "Look again.")
            return {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
'''

#: What a test overrides: a subclass of Shelf, under the same entry point.
ENTRY = {"rbee.vendors": {"shelf": "shelf_vendor:Vendor"}}


class Shelf:
    """The shelf, its log, and an rbee that has its vendor."""

    def __init__(self, rbee: RbeeHome, root: Path) -> None:
        self.rbee = rbee
        self.root = root
        self.folder = root / "shelf"
        self._log = root / "log"
        self.vendor()

    def vendor(self, source: str = "Vendor = Shelf") -> None:
        """Install the vendor; ``source`` defines ``Vendor``."""
        path = self.root / "site"
        body = "import time, os, sys\nfrom shelf_base import *\nfrom shelf_base import Shelf\n" + source
        make_dist(path, "rbee-vendor-shelf", "1.0", ENTRY, {"shelf_base.py": VENDOR, "shelf_vendor.py": body})
        self.rbee.env |= {"PYTHONPATH": str(path), "SHELF": str(self.folder), "SHELF_LOG": str(self._log)}

    def put(self, model: str, /, **files: bytes) -> None:
        """Lay a model on the shelf; ``__`` in a name stands for a slash."""
        for name, data in files.items():
            path = self.folder / model / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    @property
    def log(self) -> list[str]:
        """What the vendor did, but for being imported."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if line != "import"]

    @property
    def imports(self) -> int:
        """How often the vendor was imported."""
        return self._log.read_text().splitlines().count("import") if self._log.exists() else 0


@pytest.fixture
def shelf(rbee: RbeeHome, tmp_path: Path) -> Shelf:
    """A shelf with one model, ``one``, of two files."""
    made = Shelf(rbee, tmp_path)
    made.put("one", weights=b"w" * 5000, sub__config=b"{}")
    return made


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so, or fail."""
    return wait_until
