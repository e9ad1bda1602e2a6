"""Models: from a reference to verified files and an entry in the catalog."""

from .provisioner import ModelProvisioner, Resolution

__all__ = ["ModelProvisioner", "Resolution"]
