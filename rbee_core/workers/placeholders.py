"""The closed list of placeholders in a worker's command line, and how they are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: Placeholder → what stands for it.
PLACEHOLDERS = {
    "python": "the interpreter of the worker's environment",
    "prefix": "the folder of the worker's environment",
    "host": "the address to listen on",
    "port": "the port to listen on; 0 for a free one where the command also takes {ready_file}",
    "model": "what the engine loads: a file, or a folder",
    "model_id": "what clients call the model",
    "worker_id": "what this running worker is called",
    "backend": "the feature it was built for",
    "device": "the device's id, such as CPU-0",
    "device_index": "the device's number",
    "context": "tokens per request",
    "parallel": "requests computed at once",
    "kv_type": "how the KV cache is stored",
    "threads": "threads to compute on, at most",
    "gpu_layers": "layers of the model on the GPU",
    "tensor_split": "layers on each GPU, such as 20,13, where there are several",
    "idle_timeout": "seconds without a request after which the worker ends by itself",
    "api_key_file": "a file with the key that clients have to send",
    "ready_file": "where to write {pid, host, port} as JSON once the port is bound",
    "watch_fd": "a file descriptor at whose end of file the worker has to end",
}

#: What every run has a value for; the others belong into a list that is left out.
ALWAYS = frozenset({"python", "prefix", "host", "port", "model", "model_id", "worker_id", "backend", "device"})

_FIELD = re.compile(r"\{([^{}]*)\}")

Entry = Sequence[str | list[str]]


def used(entry: Entry) -> set[str]:
    """The names of all placeholders in a command line, known or not."""
    return {name for part in entry for text in _texts(part) for name in _FIELD.findall(text)}


def fill(entry: Entry, values: Mapping[str, object | None]) -> list[str]:
    """The command line with every placeholder replaced; an optional list lacking a value is left out.

    :raises KeyError: a placeholder outside a list has no value.
    """
    argv: list[str] = []
    for part in entry:
        if isinstance(part, list):
            names = {name for text in part for name in _FIELD.findall(text)}
            if any(values.get(name) is None for name in names):
                continue
        argv += [_replace(text, values) for text in _texts(part)]
    return argv


def _texts(part: str | list[str]) -> list[str]:
    return part if isinstance(part, list) else [part]


def _replace(text: str, values: Mapping[str, object | None]) -> str:
    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            raise KeyError(match[1])
        return str(found)

    return _FIELD.sub(value, text)
