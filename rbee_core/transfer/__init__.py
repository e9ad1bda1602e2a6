"""Moving bytes: copy or receive a file while hashing it, resumable, cancellable, with progress.

What a vendor needs in its ``download_model``: `copy_file` or `link_file` for bytes on this machine, `receive_all` (or
`receive`) for bytes that arrive, described as `Source`, and `read_range` for a part of them. `listen` and `Retry` are
the same care for other slow calls.
"""

from .copy import copy_file, hash_file, link_file, open_regular
from .listen import listen
from .part import kept_size
from .read import read_range
from .receive import receive, receive_all
from .retry import Retry
from .source import ContentChangedError, RestartNeeded, Source, TryLaterError
from .tally import Tally

__all__ = [
    "ContentChangedError",
    "RestartNeeded",
    "Retry",
    "Source",
    "Tally",
    "TryLaterError",
    "copy_file",
    "hash_file",
    "kept_size",
    "link_file",
    "listen",
    "open_regular",
    "read_range",
    "receive",
    "receive_all",
]
