"""What an artifact's configuration says of the model, as metadata of the catalog entry; each fact only if plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layout import Kind

_ANNOTATIONS = {
    "org.opencontainers.image.licenses": "license",
    "org.opencontainers.image.title": "title",
    "org.opencontainers.image.source": "source_url",
    "org.opencontainers.image.revision": "source_revision",
}


def of_config(kind: Kind, config: dict[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a configuration: its model's architecture, parameters, quantization, licence, name."""
    facts = {name: annotations.get(key) for key, name in _ANNOTATIONS.items()}
    if kind is Kind.DOCKER:
        model = _object(config.get("config"))
        facts |= {
            "model_family": model.get("architecture"),
            "parameters_label": model.get("parameters"),
            "quantization": model.get("quantization"),
        }
        size = model.get("context_size")
        return _plain(facts) | ({"context_length": size} if isinstance(size, int) and 0 < size < 2**31 else {})
    if kind is Kind.MODELPACK:
        model, about = _object(config.get("config")), _object(config.get("descriptor"))
        licenses = about.get("licenses")
        facts |= {
            "title": about.get("title") or about.get("name"),
            "model_family": about.get("family") or model.get("architecture"),
            "license": licenses[0] if isinstance(licenses, list) and licenses else facts["license"],
            "parameters_label": model.get("paramSize") or model.get("parameters"),
            "quantization": model.get("quantization") or model.get("precision"),
        }
    elif kind is Kind.MODELKIT:
        package, model = _object(config.get("package")), _object(config.get("model"))
        facts |= {
            "title": model.get("name") or package.get("name"),
            "license": model.get("license") or package.get("license") or facts["license"],
            "model_family": model.get("framework"),
        }
    return _plain(facts)


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in facts.items()
        if isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
    }
