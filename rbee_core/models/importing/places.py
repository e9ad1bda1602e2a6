"""Where other tools keep their models, and which layout a folder has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...errors import ErrorCode, RbeeError
from . import folders, hub_cache, ollama_store
from .found import FoundModel

WORDS = ("hf", "ollama", "lmstudio")


def find(source: str, env: Mapping[str, str], store_root: Path) -> list[FoundModel]:
    """Every model of a source.

    :param source: one of `WORDS`, or a path: of a cache, of a store, of any folder or file.
    :raises RbeeError: ``MODEL_NOT_FOUND``: there is nothing; ``UNSAFE_PATH``: it is rbee's own store.
    """
    if source in WORDS:
        path = _default_place(source, env)
        if path is None:
            tried = ", ".join(map(str, _candidates(source, env)))
            raise RbeeError(
                ErrorCode.MODEL_NOT_FOUND,
                f"There is no folder of {source} models here (looked at {tried}).",
                "Give its path instead.",
            )
    else:
        path = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 — normalises, and does not follow links
    if path.is_relative_to(store_root):
        raise RbeeError(ErrorCode.UNSAFE_PATH, f"{path} is rbee's own model store.", "See: rbee models catalog")
    return list(_scan(path, store_root, lm_studio=source == "lmstudio"))


def _scan(path: Path, store_root: Path, *, lm_studio: bool) -> Iterator[FoundModel]:
    if not path.exists():
        words = ", ".join(WORDS)
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {path}.", f"Give a path, or one of: {words}.")
    if not path.is_dir():
        return folders.find_file(path)
    for place in (path, path / "hub"):
        if hub_cache.is_repository(place) or hub_cache.is_cache(place):
            return hub_cache.find(place)
    for place in (path, path / "models"):
        if ollama_store.is_store(place):
            return ollama_store.find(place)
    return folders.find(path, skip=store_root, lm_studio=lm_studio)


def _default_place(word: str, env: Mapping[str, str]) -> Path | None:
    return next((path for path in _candidates(word, env) if path.is_dir()), None)


def _candidates(word: str, env: Mapping[str, str]) -> list[Path]:
    """Where a tool looks, in its own order: what its environment says, else its defaults."""
    home = Path(env.get("HOME") or Path.home())
    if word == "hf":
        for name, below in (("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")):
            if value := env.get(name):
                return [Path(value).expanduser() / below]
        return [home / ".cache" / "huggingface" / "hub"]
    if word == "ollama":
        if value := env.get("OLLAMA_MODELS"):
            return [Path(value).expanduser()]
        return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    return [*_lm_studio_home(home), home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]


def _lm_studio_home(home: Path) -> list[Path]:
    """What LM Studio's pointer file says, where its home was moved."""
    try:
        text = (home / ".lmstudio-home-pointer").read_text(encoding="utf-8")[:4096].strip()
    except (OSError, UnicodeDecodeError):
        return []
    return [Path(text) / "models"] if text and "\0" not in text else []
