"""Moving bytes: copy or receive a file while hashing it, resumable, cancellable, with progress.

What a vendor needs in its ``download_model``: `copy_file` for bytes on this machine, `receive` for bytes that arrive.
"""

from .copy import copy_file, hash_file, link_file
from .tally import Tally

__all__ = ["Tally", "copy_file", "hash_file", "link_file"]
