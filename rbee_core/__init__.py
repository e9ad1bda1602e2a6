"""rbee: any AI model, from anywhere, onto any hardware.

Importing this package costs nothing: each public name is loaded when it is first used. A plugin needs
``from rbee_core import hookimpl`` and the contracts.
"""

from ._version import __version__

# As in `typing`, which would be half of what `rbee --version` loads.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import ErrorCode, RbeeError
    from .hookspecs import hookimpl
    from .jobs import Job, JobOptions
    from .rbee import Rbee
    from .refs import ModelRef

__all__ = ["ErrorCode", "Job", "JobOptions", "ModelRef", "Rbee", "RbeeError", "__version__", "hookimpl"]

_HOMES = {
    "ErrorCode": "errors",
    "RbeeError": "errors",
    "hookimpl": "hookspecs",
    "Job": "jobs",
    "JobOptions": "jobs",
    "ModelRef": "refs",
    "Rbee": "rbee",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
