"""The kit for authors of plugins: what a good plugin is, as tests, and what tests of plugins need.

pytest finds the fixtures by itself (`pytest_plugin`): ``rbee``, an rbee with a home of its own; ``plugin_sandbox``, in
which nothing else that is installed is seen; ``file_server``, whose pages can be made to fail; ``fake_hardware``; and
``shared_home``, in which workers are built once.

Contracts, which an author subclasses:

- `VendorContract` with a `VendorModel`, and `FaultMatrix` with an `Upstream` for vendors that fetch over HTTP
- `BackendContract` with a `BackendMachine`
- `WorkerContract` with a `WorkerRequest` that a `WorkerAnswer` answers, and `LanguageWorkerContract` on top
- `CommandContract`

What stands behind the fixtures, for tests that need it otherwise: `RbeeHome` and `clean_env` (the command line as a
process), `PluginSandbox`, `FileServer` with `FAULTS`, `Fault` and `FaultProxy`, `FakeHardware` with the machines of
`machines`, and `make_dist`, a distribution written by hand. `hostile` has names that files must not have, `trees` a
machine's small files as one text, `drive` calls a vendor's hooks without the core around them.

Each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .backend_contract import BackendContract, BackendMachine
    from .cli import RbeeHome, clean_env
    from .command_contract import CommandContract
    from .dists import make_dist
    from .fake_hardware import FakeHardware
    from .faults import FAULTS, Fault, FaultMatrix, FaultProxy, Upstream
    from .file_server import FileServer
    from .sandbox import PluginSandbox
    from .vendor_contract import VendorContract, VendorModel
    from .worker_contract import LanguageWorkerContract, WorkerAnswer, WorkerContract, WorkerRequest

__all__ = [
    "FAULTS",
    "BackendContract",
    "BackendMachine",
    "CommandContract",
    "FakeHardware",
    "Fault",
    "FaultMatrix",
    "FaultProxy",
    "FileServer",
    "LanguageWorkerContract",
    "PluginSandbox",
    "RbeeHome",
    "Upstream",
    "VendorContract",
    "VendorModel",
    "WorkerAnswer",
    "WorkerContract",
    "WorkerRequest",
    "clean_env",
    "make_dist",
]

_HOMES = {
    "backend_contract": ("BackendContract", "BackendMachine"),
    "cli": ("RbeeHome", "clean_env"),
    "command_contract": ("CommandContract",),
    "dists": ("make_dist",),
    "fake_hardware": ("FakeHardware",),
    "faults": ("FAULTS", "Fault", "FaultMatrix", "FaultProxy", "Upstream"),
    "file_server": ("FileServer",),
    "sandbox": ("PluginSandbox",),
    "vendor_contract": ("VendorContract", "VendorModel"),
    "worker_contract": ("LanguageWorkerContract", "WorkerAnswer", "WorkerContract", "WorkerRequest"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    return value
