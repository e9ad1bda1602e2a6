"""Hand-made distributions: a ``*.dist-info`` and a few modules in a folder, installed by putting it on the path."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent


def make_dist(
    root: Path,
    name: str,
    version: str = "1.0",
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    modules: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a distribution into ``root``, as an installer would (core metadata 2.1, PEP 376 RECORD).

    :param root: the folder; made if need be. Put it on ``PYTHONPATH`` (or ``sys.path``) and it is installed.
    :param entry_points: group → name → value.
    :param modules: file name relative to ``root`` (``pkg/__init__.py``) → source, dedented.
    :param metadata: further METADATA headers, such as ``{"Summary": "…"}``.
    :returns: the ``*.dist-info`` folder.
    """
    root.mkdir(parents=True, exist_ok=True)
    for stale in root.glob(f"{name.replace('-', '_')}-*.dist-info"):
        for file in stale.iterdir():
            file.unlink()
        stale.rmdir()
    info = root / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    files = {file: dedent(source) for file, source in (modules or {}).items()}
    headers = {"Metadata-Version": "2.1", "Name": name, "Version": version, **(metadata or {})}
    files[f"{info.name}/METADATA"] = "".join(f"{key}: {value}\n" for key, value in headers.items())
    files[f"{info.name}/entry_points.txt"] = "".join(
        f"[{group}]\n" + "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        for group, entries in (entry_points or {}).items()
    )
    files[f"{info.name}/INSTALLER"] = "make_dist\n"
    record = []
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{relative},sha256={digest},{len(text.encode())}\n")
    (info / "RECORD").write_text("".join(record) + f"{info.name}/RECORD,,\n", encoding="utf-8")
    return info


#: A vendor that works, fetching five bytes; ``{marker}`` in a source is the folder's marker file.
VENDOR = dedent("""
    from rbee_core import hookimpl

    class Vendor:
        @hookimpl
        def supports_model(self, ref):
            return True

        @hookimpl
        def download_model(self, ref, dest):
            (dest / "model.bin").write_bytes(b"hello")
            return 5
    """)

#: A backend that works; ``{name}`` is its own.
BACKEND = dedent("""
    from rbee_core import hookimpl
    from rbee_core.contracts import Device

    class Backend:
        @hookimpl
        def detect_hardware(self):
            return [
                Device(id="GPU-0", backend="{name}", name="Toy", memory_total=2, memory_free=1, architecture="toy")
            ]
    """)


@dataclass(slots=True)
class PluginFolder:
    """A folder of hand-made plugins; ``rbee`` finds them when it is on ``PYTHONPATH``."""

    path: Path

    @property
    def marker(self) -> Path:
        """A file for a plugin to leave when its code runs."""
        return self.path / "imported"

    def add(
        self, kind: str, name: str, source: str, *, dist: str | None = None, version: str = "1.0", attribute: str = ""
    ) -> Path:
        """Install a distribution with one entry point and one module of its own.

        :param source: the module, where ``{name}`` and ``{marker}`` are filled in.
        :param dist: the distribution's name; ``rbee-KIND-NAME`` if not given.
        :param attribute: what the entry point names in the module: ``Vendor`` or ``Backend`` if not given.
        :returns: the module's file.
        """
        dist = dist or f"rbee-{kind}-{name}"
        module = dist.replace("-", "_")
        text = dedent(source).replace("{name}", name).replace("{marker}", self.marker.as_posix())
        value = f"{module}:{attribute or kind.capitalize()}"
        make_dist(self.path, dist, version, {f"rbee.{kind}s": {name: value}}, {f"{module}.py": text})
        return self.path / f"{module}.py"
