"""Workers: found, built in environments of their own, started and watched (design §4, §8).

Importing this package costs nothing; each public name is loaded when it is first used. Backend plugins need
`build_pip_worker`, or the pieces it is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .environment import Environment, Tools, create_environment, install
    from .machine import Machine, this_machine
    from .pip_build import build_pip_worker, check_pip_build
    from .pip_options import merged_pip
    from .preflight import Needs, parallel_jobs
    from .runtime import StartOptions
    from .service import Workers
    from .toolchain import Toolkit, ToolkitSpec

__all__ = [
    "Environment",
    "Machine",
    "Needs",
    "StartOptions",
    "Toolkit",
    "ToolkitSpec",
    "Tools",
    "Workers",
    "build_pip_worker",
    "check_pip_build",
    "create_environment",
    "install",
    "merged_pip",
    "parallel_jobs",
    "this_machine",
]

_HOMES = {
    "Environment": "environment",
    "Machine": "machine",
    "Needs": "preflight",
    "StartOptions": "runtime",
    "Toolkit": "toolchain",
    "ToolkitSpec": "toolchain",
    "Tools": "environment",
    "Workers": "service",
    "build_pip_worker": "pip_build",
    "check_pip_build": "pip_build",
    "create_environment": "environment",
    "install": "environment",
    "merged_pip": "pip_options",
    "parallel_jobs": "preflight",
    "this_machine": "machine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
