"""The store on disk: content-addressed blobs, models linked to them, the catalog that lists them (design §5)."""

from __future__ import annotations

from .catalog import FsCatalog
from .catalog_file import Catalog
from .catalog_store import CatalogStore
from .digest import Outcome, Verdict, verify_digest
from .disk import require_space
from .locks import Holder, lock
from .names import check_id, check_name, escape_id, safe_join
from .store import Removed, Store

__all__ = [
    "Catalog",
    "CatalogStore",
    "FsCatalog",
    "Holder",
    "Outcome",
    "Removed",
    "Store",
    "Verdict",
    "check_id",
    "check_name",
    "escape_id",
    "lock",
    "require_space",
    "safe_join",
    "verify_digest",
]
