"""``ollama:[//host/][namespace/]model[:tag]``, parsed as Ollama parses names (its ``types/model/name.go``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .model_ref import invalid

if TYPE_CHECKING:
    from .model_ref import ModelRef

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_PART = {
    "host": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"),
    "namespace": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"),
    "model": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"),
}


def parse(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse what follows ``ollama:``, right to left: tag, model, namespace, host."""
    text = f"{scheme}:{rest}"
    name = rest.removeprefix("//")
    tag = DEFAULT_TAG
    if name.rfind(":") > name.rfind("/"):
        name, _, tag = name.rpartition(":")
    parts = name.split("/")
    if len(parts) > 3:
        raise invalid(text, "an Ollama name has at most host/namespace/model")
    model = parts[-1]
    namespace = parts[-2] if len(parts) > 1 else DEFAULT_NAMESPACE
    host = parts[-3] if len(parts) > 2 else DEFAULT_HOST
    for kind, part in (("host", host), ("namespace", namespace), ("model", model), ("tag", tag)):
        if not _PART[kind].fullmatch(part):
            raise invalid(text, f"{part!r} is not an Ollama {kind}")
    short = f"{model}:{tag}"
    if host != DEFAULT_HOST:
        short = f"//{host}/{namespace}/{short}"
    elif namespace != DEFAULT_NAMESPACE:
        short = f"{namespace}/{short}"
    return cls("ollama", short, repo=f"{namespace}/{model}", host=host, tag=tag)
