"""Models from any web address, for rbee."""

from .vendor import HttpVendor

__all__ = ["HttpVendor"]
