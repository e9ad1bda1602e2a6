"""A vendor, a backend and a worker that tell of every hook they are asked, in the order in which rbee asks them."""

from __future__ import annotations

from pathlib import Path

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import make_dist

_PLUGINS = """
import os
from rbee_core import hookimpl
from rbee_core.contracts import Device
from rbee_core.workers import build_pip_worker
from rbee_vendor_demo import DemoVendor


def _note(hook, **arguments):
    kinds = ",".join(f"{name}={type(value).__name__}" for name, value in arguments.items())
    with open(os.environ["WITNESS"], "a", encoding="utf-8") as file:
        file.write(f"{hook} {kinds}\\n")


class Vendor(DemoVendor):
    @hookimpl
    def supports_model(self, ref):
        _note("supports_model", ref=ref)
        return ref.rest.startswith("stories")

    @hookimpl
    def resolve_model(self, ref, job):
        _note("resolve_model", ref=ref, job=job)
        return super().resolve_model(ref, job)

    @hookimpl
    def download_model(self, ref, dest, job):
        _note("download_model", ref=ref, dest=dest, job=job)
        return super().download_model(ref, dest, job)

    @hookimpl
    def read_model(self, ref, name, start, length, job):
        _note("read_model", ref=ref, name=name, start=start, length=length, job=job)
        return super().read_model(ref, name, start, length, job)


class Backend:
    @hookimpl
    def detect_hardware(self):
        _note("detect_hardware")
        size = 8 << 30
        return [
            Device(id="GPU-0", backend="witness", name="W", memory_total=size, memory_free=size, architecture="x")
        ]

    @hookimpl
    def check_build(self, recipe, variant, dest, devices):
        _note("check_build", recipe=recipe, variant=variant, dest=dest, devices=devices)

    @hookimpl
    def build_worker(self, recipe, variant, dest, job, devices):
        _note("build_worker", recipe=recipe, variant=variant, dest=dest, job=job, devices=devices)
        return build_pip_worker(recipe, variant, dest, job)
"""
#: Its process ends at once: what is asked of plugins is over by then.
_RECIPE = """
schema = 1
[worker]
id = "witness-worker"
name = "Witness"
description = "A worker that ends as it starts"
license = "MIT"
[build]
system = "pip"
features = ["witness"]
default_feature = "witness"
[build.pip]
requirements = []
include_self = true
[run]
entry = ["{python}", "-m", "rbee_worker_witness", "--model", "{model}", "--port", "{port}"]
[capabilities]
supported_formats = ["gguf"]
"""


class Witness:
    """An rbee that has these plugins."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "asked"
        groups = {
            "rbee.vendors": {"witness": "witness_plugins:Vendor"},
            "rbee.backends": {"witness": "witness_plugins:Backend"},
            "rbee.workers": {"witness-worker": "rbee_worker_witness"},
        }
        files = {
            "witness_plugins.py": _PLUGINS,
            "rbee_worker_witness/__init__.py": "",
            "rbee_worker_witness/worker.toml": _RECIPE,
        }
        make_dist(folder / "site", "rbee-witness", "1.0", groups, files)
        self.rbee = RbeeHome(folder / "home", {"PYTHONPATH": str(folder / "site"), "WITNESS": str(self._log)})

    def asked(self, *command: str) -> list[tuple[str, dict[str, str]]]:
        """Run a command: the hooks it asks, in order, each with its arguments and their types."""
        self._log.unlink(missing_ok=True)
        self.ended = self.rbee(*command)
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        told = [line.partition(" ")[::2] for line in lines]
        return [(hook, dict(pair.split("=") for pair in pairs.split(",") if pair)) for hook, pairs in told]
