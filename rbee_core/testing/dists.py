"""Hand-made distributions: a ``*.dist-info`` and a few modules in a folder, installed by putting it on the path."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
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
    for file, text in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{file},sha256={digest},{len(text.encode())}\n")
    (info / "RECORD").write_text("".join(record) + f"{info.name}/RECORD,,\n", encoding="utf-8")
    return info
