"""Routing imports a vendor before anybody knows whether it is needed; so that is cheap."""

from __future__ import annotations

import subprocess
import sys


def test_importing_it_costs_little() -> None:
    code = "import sys, rbee_vendor_registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"urllib3", "requests", "ssl", "http.client", "zstandard", "cryptography"} & set(done.stdout.split())
