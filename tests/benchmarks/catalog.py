"""How long a catalog of many entries takes (design §7). Run by hand: ``python tests/benchmarks/catalog.py [ENTRIES]``.

Each figure is the best of five, in milliseconds; beside it the same for an empty catalog.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rbee_core.contracts import ModelEntry
from rbee_core.store import FsCatalog
from rbee_core.store.catalog_file import Document, to_raw


def entry(number: int) -> ModelEntry:
    """An entry as a download leaves it."""
    repo, digest = f"org{number % 100}/Model-{number}-GGUF", f"sha256:{number:064x}"
    return ModelEntry.model_validate(
        {
            "id": f"hf:{repo}:Q4_K_M",
            "name": f"Model {number}",
            "source": f"hf:{repo}:Q4_K_M",
            "path": f"models/{number}/model.gguf",
            "size": number * 1000,
            "format": "gguf",
            "architecture": "llama",
            "backends": ["cpu", "cuda"],
            "digest": digest,
            "files": [{"name": "model.gguf", "size": number * 1000, "digest": digest}],
            "revision": "a" * 40,
            "metadata": {"repo": repo, "context_length": 4096, "vocab_size": 32000, "parameters": 7 * 10**9},
        }
    )


def fill(root: Path, count: int) -> FsCatalog:
    """A catalog of that many entries."""
    document = Document(models=[to_raw(entry(number), root) for number in range(count)])
    (root / "catalog.json").write_bytes(document.encode())
    return FsCatalog(root)


def best(action: Callable[[], object]) -> float:
    """The shortest of five runs, in milliseconds."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def listing(root: Path) -> Callable[[], object]:
    """``rbee models catalog --json`` as a process of its own."""
    command = [sys.executable, "-m", "rbee_core", "models", "catalog", "--json"]
    env = os.environ | {"RBEE_MODELS_DIR": str(root)}
    return lambda: subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows: dict[str, list[float]] = {}
        for entries in (0, count):
            root = Path(folder, str(entries))
            root.mkdir()
            catalog = fill(root, entries)
            some = entry(entries // 2)
            for name, action in {
                "put": lambda catalog=catalog, some=some: catalog.put(some),
                "get": lambda catalog=catalog, some=some: catalog.get(some.id),
                "list": catalog.list,
                "rbee models catalog --json": listing(root),
            }.items():
                rows.setdefault(name, []).append(best(action))
        print(f"{'':30}{'0 entries':>14}{f'{count} entries':>18}")
        for name, (empty, full) in rows.items():
            print(f"{name:30}{empty:11.1f} ms{full:15.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
