"""Trains twice with `--quick`, in two processes, and compares what comes out: `python check_reproducible.py`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import export


def main() -> None:
    """Fails with the name of the first file that differs."""
    script = Path(__file__).with_name("train.py")
    with tempfile.TemporaryDirectory() as scratch:
        outs = [Path(scratch, "first"), Path(scratch, "second")]
        for seed, out in enumerate(outs, start=1):
            environment = os.environ | {"PYTHONHASHSEED": str(seed)}  # what Python itself shuffles must not matter
            subprocess.run([sys.executable, str(script), "--quick", "--out", str(out)], check=True, env=environment)
        for name in export.SHIPPED:
            assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name
    print("both runs gave the same bytes")


if __name__ == "__main__":
    main()
