"""Models from this machine's own disk, for rbee."""

from .vendor import FileVendor

__all__ = ["FileVendor"]
