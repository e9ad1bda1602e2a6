"""Any folder, such as LM Studio's ``publisher/repo/*.gguf``; and any one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import RbeeError
from ...refs import ModelRef
from ...selection import UNFINISHED, WEIGHTS, is_pickle, select, shard_names
from .found import FoundModel, Refused, gguf_groups, is_companion, projector_for, refuse_incomplete, take, walk

#: What goes with safetensors or ONNX weights: configuration, tokenizer, texts.
_BESIDE = (*WEIGHTS, ".json", ".txt", ".model", ".onnx_data", ".jinja", ".tiktoken", ".spm", ".bpe", ".vocab", ".md")
_MARKS = ("model_index.json", "config.json")


def find(root: Path, *, skip: Path, lm_studio: bool = False) -> Iterator[FoundModel]:
    """The models below a folder: each GGUF, and each folder of safetensors or ONNX weights with their configuration.

    :param skip: a folder to leave out: the store's own.
    :param lm_studio: the folder is laid out as LM Studio's, so that it says where its models are from.
    """
    there = [name for name, _ in walk(root, skip=skip)]
    names = select(there)
    taken: set[str] = set()
    for home in _homes(names):
        bundle = [n for n in names if _is_in(n, home) and n.lower().endswith(_BESIDE) and not n.endswith(".gguf")]
        taken |= set(bundle)
        yield _model(root, home, bundle, home, lm_studio=lm_studio)
    for group in [*gguf_groups(names), *_single(set(names) - taken)]:
        yield _model(root, group[0], [*group, *projector_for(group[0], names)], _parent(group[0]), lm_studio=lm_studio)
    for name in there:
        if why := _why_not(name):
            yield FoundModel(f"file:{(root / name).as_posix()}", root / name, trouble=why)


def find_file(path: Path) -> Iterator[FoundModel]:
    """The model that a file is, or is a shard of."""
    if why := _why_not(path.name):
        yield FoundModel(f"file:{path.as_posix()}", path, trouble=why)
    elif not path.name.lower().endswith(WEIGHTS) or is_companion(path.name):
        yield FoundModel(f"file:{path.as_posix()}", path, trouble="it is no GGUF, safetensors or ONNX model")
    else:
        names = [name for name in shard_names(path.name) if (path.parent / name).exists() or name == path.name]
        yield _model(path.parent, names[0], names, "", lm_studio=False)


def _model(root: Path, path: str, names: list[str], home: str, *, lm_studio: bool) -> FoundModel:
    """
    :param path: of the file or folder that stands for the model, below ``root``.
    :param home: the folder that the files' own names are relative to, below ``root``.
    """
    where = root / path if path else root
    model = FoundModel(f"file:{where.as_posix()}", where)
    try:
        model.id = str(ModelRef.parse(str(where)))
        if model.id != f"file:{where.as_posix()}":
            raise Refused("its path cannot be written in a reference")
        relative = {name.removeprefix(f"{home}/") if home else name: name for name in names}
        refuse_incomplete(relative)
        model.files = [take(short, root / name, [root]) for short, name in sorted(relative.items())]
    except (RbeeError, Refused) as error:
        model.files, model.trouble = [], str(error)
    model.metadata = {"imported_from": str(root)}
    if lm_studio and len(parts := path.split("/")) >= 3:
        model.metadata["repo"] = f"{parts[0]}/{parts[1]}"
    return model


def _homes(names: list[str]) -> list[str]:
    """The folders of safetensors or ONNX models that have a configuration: the outermost ones."""
    marked = {_parent(name) for name in names if name.rpartition("/")[2] in _MARKS}
    homes: set[str] = set()
    for name in names:
        if name.lower().endswith((".safetensors", ".onnx")):
            above = [folder for folder in marked if _is_in(name, folder)]
            homes |= {min(above, key=len)} if above else set()
    return sorted(homes)


def _single(names: set[str]) -> list[list[str]]:
    """Weights without a configuration: each is a model, with its shards."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        if name.lower().endswith((".safetensors", ".onnx")):
            groups.setdefault(shard_names(name)[0], []).append(name)
    return list(groups.values())


def _is_in(name: str, folder: str) -> bool:
    return not folder or name.startswith(f"{folder}/")


def _parent(name: str) -> str:
    return name.rpartition("/")[0]


def _why_not(name: str) -> str:
    lowered = name.lower()
    if is_pickle(name):
        return "a pickle, which can run code when it is loaded"
    end = next((end for end in UNFINISHED if lowered.endswith(end)), "")
    if end and lowered.removesuffix(end).endswith(WEIGHTS):
        return "its download is not complete"
    return ""
