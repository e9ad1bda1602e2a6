"""What loading a plugin imports: how many modules, who asked for each, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

from .problems import written

#: Packages whose import takes long: a plugin imports them inside the hook that needs them.
HEAVY = frozenset(
    (
        "aiohttp azure boto3 botocore cv2 datasets diffusers fastapi gguf google grpc h5py httpx huggingface_hub jax "
        "llama_cpp matplotlib numpy oci ocifs onnxruntime openai pandas PIL psutil pyarrow pynvml requests rich s3fs "
        "safetensors scipy sklearn sqlalchemy tensorflow tokenizers torch transformers typer urllib3 vllm xllamacpp"
    ).split()
)
#: Modules that loading a plugin may import, those of rbee not counted.
MOST_MODULES = 60
_CORE = "rbee_core"


class ImportWatch(MetaPathFinder):
    """While it is entered, notes who imports what for the first time. Use it in a fresh process.

    ``seconds`` is the time from entering to leaving without what rbee's own modules took to import.

    :param own: the top-level package or module of the plugin.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self.seconds = 0.0
        self._importers: dict[str, tuple[str, str, int]] = {}
        self._before: frozenset[str] = frozenset()
        self._after: frozenset[str] = frozenset()
        self._core_seconds, self._in_core, self._begun = 0.0, 0, 0.0

    def __enter__(self) -> ImportWatch:
        self._before = frozenset(sys.modules)
        sys.meta_path.insert(0, self)
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *raised: object) -> None:
        self.seconds = max(0.0, time.perf_counter() - self._begun - self._core_seconds)
        sys.meta_path.remove(self)
        self._after = frozenset(sys.modules)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note the import. rbee's own modules are found here, to time them; all others by whoever else finds them."""
        self._importers.setdefault(fullname, _importer(sys._getframe(1)))
        if not _is_core(fullname):
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                self._time(spec.loader)
                return spec
        return None

    @property
    def modules(self) -> list[str]:
        """What was imported for the plugin: neither rbee's own modules nor what only those imported."""
        return sorted(name for name in self._after - self._before if not self._is_of_core(name))

    def heavy(self, heavy: frozenset[str] = HEAVY) -> dict[str, str | None]:
        """The heavy packages among them, each with the line of the plugin's own code that brought it in."""
        found: dict[str, str | None] = {}
        for name in self.modules:
            top = name.partition(".")[0]
            if top in heavy and top != self._own and top not in found:
                found[top] = self._line_of(top)
        return found

    def _line_of(self, name: str) -> str | None:
        """The line of the plugin's own code from which the way leads to ``name``."""
        for _ in range(200):
            importer, file, line = self._importers.get(name, ("", "", 0))
            if not importer:
                return None
            if importer.partition(".")[0] == self._own:
                return written(file, line)
            name = importer
        return None

    def _is_of_core(self, name: str) -> bool:
        """Whether rbee brought it in; the plugin itself is imported by rbee, but is no part of it."""
        for _ in range(200):
            if _is_core(name):
                return True
            if name not in self._importers or name.partition(".")[0] == self._own:
                return False
            name = self._importers[name][0]
        return False

    def _time(self, loader: Any) -> None:
        """Let a module's loader tell how long running the module took."""
        run = loader.exec_module

        def timed(module: ModuleType) -> None:
            begun = time.perf_counter()
            self._in_core += 1
            try:
                run(module)
            finally:
                self._in_core -= 1
                if not self._in_core:
                    self._core_seconds += time.perf_counter() - begun

        loader.exec_module = timed


def _is_core(name: str) -> bool:
    return name == _CORE or name.startswith(f"{_CORE}.")


def _importer(frame: FrameType | None) -> tuple[str, str, int]:
    """The module, file and line that an import statement stands in: the first frame outside the import system."""
    while frame is not None:
        file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
        if not file.startswith("<frozen importlib") and module != "importlib":
            return module, file, frame.f_lineno
        frame = frame.f_back
    return "", "", 0
