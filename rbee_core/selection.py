"""Which files of a folder, bucket or archive make a model: the rules that every vendor of plain files shares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

#: What an engine loads, by the end of its name.
WEIGHTS = (".gguf", ".safetensors", ".onnx")
#: Loading one of these can run code; they come only when named.
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
#: What download programs leave behind when they are stopped.
UNFINISHED = (".part", ".part.json", ".partial", ".incomplete", ".crdownload", ".aria2", ".tmp", ".downloadinprogress")

#: ``name-00001-of-00003.gguf`` and the like: one model in several files (llama.cpp's gguf-split, transformers).
_SHARD = re.compile(
    r"(?P<base>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})(?P<end>\.gguf|\.safetensors)", re.IGNORECASE | re.DOTALL
)

#: Whole models, of which several are one in shards.
_SHARDED = ("model.gguf", "model.safetensors")


def shard_names(name: str) -> list[str]:
    """The names of all files of the model that ``name`` is a part of, in order; ``name`` alone if it is a whole one.

    A number that cannot be (``-00004-of-00003``) makes it a whole one too.
    """
    match = _SHARD.fullmatch(name)
    if match is None:
        return [name]
    base, end, count = match["base"], match["end"], int(match["count"])
    if not 1 <= int(match["number"]) <= count:
        return [name]
    return [f"{base}-{number:05}-of-{match['count']}{end}" for number in range(1, count + 1)]


def missing_shards(names: Iterable[str]) -> list[str]:
    """The files that the sharded models among ``names`` lack, sorted."""
    there = set(names)
    return sorted({fellow for name in there for fellow in shard_names(name)} - there)


def numbered(names: Sequence[str]) -> list[str]:
    """The same names, in the same order, each once: for layers that say what they are, and not what they are called.

    Of several ``model.gguf`` or ``model.safetensors`` shards are made, which engines find by exactly these names; of
    anything else the first keeps its name: ``license.txt``, ``license-2.txt``.
    """
    total, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        number, count = seen[name], total[name]
        stem, dot, end = name.rpartition(".")
        if count > 1 and name in _SHARDED:
            found.append(f"{stem}-{number:05}-of-{count:05}.{end}")
        elif number > 1:
            found.append(f"{stem}-{number}.{end}" if dot else f"{name}-{number}")
        else:
            found.append(name)
    return found


def is_pickle(name: str) -> bool:
    """Whether a file is of a kind that can run code when it is loaded, by its name (or a glob's)."""
    return name.lower().endswith(PICKLES)


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs takes the name, or its last part; ``*`` crosses folders."""
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name, glob) or fnmatchcase(last, glob) for glob in globs)


def select(names: Iterable[str], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """The names worth fetching, sorted.

    Left out: what ``exclude`` matches, hidden files and folders, unfinished downloads, what ``include`` (if given)
    does not match; and pickles, unless an ``include`` that matches names their kind.
    """
    chosen = []
    for name in names:
        # '..' and the like are no hidden files but attempts, which are to be noticed and not passed over.
        hidden = any(part.startswith(".") and part != "." and not part.startswith("..") for part in name.split("/"))
        if hidden or matches(name, exclude) or name.lower().endswith(UNFINISHED):
            continue
        globs = [glob for glob in include if is_pickle(glob)] if is_pickle(name) else include
        if matches(name, globs) or (not include and not is_pickle(name)):
            chosen.append(name)
    return sorted(chosen)


def has_weights(names: Iterable[str]) -> bool:
    """Whether there is anything an engine loads."""
    return any(name.lower().endswith(WEIGHTS) for name in names)
