"""Repositories with commits, branches and files, as the Hub keeps them: small files in git, large ones in LFS."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .xet import XetStore

#: What goes into large-file storage, by name (as the Hub's usual ``.gitattributes`` says).
_LARGE = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".model")


@dataclass(frozen=True)
class FakeFile:
    """One version of one file."""

    path: str
    data: bytes

    @property
    def lfs(self) -> bool:
        """Whether it lies in large-file storage."""
        return self.path.lower().endswith(_LARGE)

    @cached_property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def blob_id(self) -> str:
        """The id git gives it; for a large file, that of its pointer."""
        stored = self.data
        if self.lfs:
            text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
            stored = text.encode()
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        """As the Hub sends it, with quotes."""
        return f'"{self.sha256 if self.lfs else self.blob_id}"'

    def listed(self) -> dict[str, Any]:
        """Its entry in a tree listing."""
        entry: dict[str, Any] = {"type": "file", "path": self.path, "size": len(self.data), "oid": self.blob_id}
        if self.lfs:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 134}
        return entry


@dataclass
class FakeRepo:
    """One model repository.

    ``private``: invisible without a token. ``gated``: listed for everybody, its files only for ``granted`` tokens.
    ``listing`` overrides entries of the tree (path → replaced fields), to tell lies. ``xet`` is where its
    large files lie, if they do.
    """

    name: str
    private: bool = False
    gated: bool = False
    granted: set[str] = field(default_factory=set)
    card: dict[str, Any] = field(default_factory=dict)
    listing: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: dict[str, dict[str, FakeFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    xet: XetStore | None = None

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Put these files, and no others, on a branch; returns the commit."""
        tree = {path: FakeFile(path, data) for path, data in files.items()}
        facts = "".join(f"{path}\0{file.blob_id}\n" for path, file in sorted(tree.items()))
        commit = hashlib.sha1(f"{len(self.commits)} {self.name} {facts}".encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = tree
        self.branches[branch] = commit
        return commit

    @property
    def head(self) -> str:
        """The commit of the main branch."""
        return self.branches["main"]

    def find(self, revision: str) -> str | None:
        """The commit that a branch, a tag, or (part of) a commit id means."""
        if revision in self.branches:
            return self.branches[revision]
        return next((commit for commit in self.commits if len(revision) >= 5 and commit.startswith(revision)), None)

    def info(self, commit: str, *, blobs: bool) -> dict[str, Any]:
        """What ``/api/models/…`` answers."""
        siblings: list[dict[str, Any]] = []
        for path, file in self.commits[commit].items():
            siblings.append({"rfilename": path})
            if blobs:
                siblings[-1] |= {"size": len(file.data), "blobId": file.blob_id}
        return {
            "_id": "0" * 24,
            "id": self.name,
            "modelId": self.name,
            "sha": commit,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "tags": ["gguf"],
            "pipeline_tag": "text-generation",
            "siblings": siblings,
            **({"cardData": self.card} if self.card else {}),
        }

    def tree(self, commit: str) -> list[dict[str, Any]]:
        """What ``/api/models/…/tree/…?recursive=True`` lists."""
        files = self.commits[commit]
        folders = {"/".join(path.split("/")[:end]) for path in files for end in range(1, path.count("/") + 1)}
        entries: list[dict[str, Any]] = [
            {"type": "directory", "path": folder, "size": 0, "oid": "1" * 40} for folder in sorted(folders)
        ]
        for path, file in files.items():
            stored = {"xetHash": self.xet.add(file.data)} if self.xet is not None and file.lfs else {}
            entries.append(file.listed() | stored | self.listing.get(path, {}))
        return entries
