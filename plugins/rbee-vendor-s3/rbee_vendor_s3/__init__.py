"""Models from S3 and what speaks its protocol, for rbee."""

from .vendor import S3Vendor

__all__ = ["S3Vendor"]
