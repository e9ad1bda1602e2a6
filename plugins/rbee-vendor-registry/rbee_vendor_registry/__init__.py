"""Models kept as artifacts in OCI registries."""

from .vendor import RegistryVendor

__all__ = ["RegistryVendor"]
