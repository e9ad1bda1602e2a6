"""Models from the Hugging Face Hub, for rbee."""

from .vendor import HuggingFaceVendor

__all__ = ["HuggingFaceVendor"]
