"""Models from Oracle Object Storage, for rbee."""

from .vendor import OracleVendor

__all__ = ["OracleVendor"]
