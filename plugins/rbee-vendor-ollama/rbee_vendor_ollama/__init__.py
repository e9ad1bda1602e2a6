"""Models from Ollama's registry and from registries like it."""

from .vendor import OllamaVendor

__all__ = ["OllamaVendor"]
