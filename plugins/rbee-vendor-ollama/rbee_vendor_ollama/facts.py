"""What an Ollama model says of itself: its configuration and its small texts, as metadata of the catalog entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: The longest text that is kept as metadata, in characters; the file itself is kept whole.
LONGEST = 16_384
#: The longest first line of a licence.
_LONGEST_TITLE = 120

_CONFIG = ("model_family", "model_type", "model_format")


def of_config(body: bytes) -> dict[str, Any]:
    """The facts in the configuration blob; nothing, if it makes no sense."""
    document = _object(body)
    facts: dict[str, Any] = {key: _short(document.get(key)) for key in _CONFIG}
    facts["quantization"] = _quantization(_short(document.get("file_type")))
    families = document.get("model_families")
    if isinstance(families, list) and len(families) <= 20:
        facts["model_families"] = [name for name in map(_short, families) if name] or None
    return {key: value for key, value in facts.items() if value}


def of_texts(texts: Mapping[str, bytes]) -> dict[str, Any]:
    """The facts in the texts that come with the weights, by the kind of their layers."""
    facts: dict[str, Any] = {}
    for kind, key in (("system", "system"), ("template", "template"), ("prompt", "template")):
        if kind in texts and (text := _text(texts[kind])):
            facts[key] = text
    if params := _plain(_object(texts.get("params", b""))):
        facts["params"] = params
    if license_text := _text(texts.get("license", b"")):
        lines = [line.strip() for line in license_text.splitlines() if line.strip()]
        facts["license"] = lines[0][:_LONGEST_TITLE] if lines and lines[0].isprintable() else "see license.txt"
    return facts


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Sampling parameters: names and numbers, words, switches or short lists of words."""
    found: dict[str, Any] = {}
    for key, value in list(document.items())[:100]:
        listed = isinstance(value, list) and len(value) <= 100 and all(_word(item) for item in value)
        if _word(key) and (isinstance(value, bool | int | float) or _word(value) or listed):
            found[key] = value
    return found


def _word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200


def _short(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable() else None


def _quantization(text: str | None) -> str | None:
    return text if text and text != "unknown" else None


def _text(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace").replace("\0", "")
    return text[:LONGEST]
