"""A 70B model on a 24 GB card, on two of them, and in 8 GB of memory: what the plan says, to the letter.

The texts are in ``golden/``. After a change that is meant to change them, run the tests with ``RBEE_WRITE_GOLDEN=1``,
and read them as somebody who asked for advice.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.machines import load

from .models import make_model, make_siblings

GOLDEN = Path(__file__).parent / "golden"
#: The sizes of other quantizations, as shares of Q4_K_M (of Llama 3.3 70B's at the Hub).
OTHERS = {"Q8_0": 1.76, "Q6_K": 1.36, "Q5_K_M": 1.17, "Q3_K_M": 0.81, "Q2_K": 0.62, "IQ2_XS": 0.5, "IQ1_M": 0.39}


@pytest.fixture(scope="module")
def model(shelf: Path) -> Path:
    folder = shelf / "expert"
    folder.mkdir()
    path = make_model(folder, "70B")
    make_siblings(path, OTHERS)
    return path


@pytest.mark.parametrize(
    ("name", "machine", "options", "code"),
    [
        ("70b-on-24gb", "rtx4090", [], None),
        ("70b-on-2x24gb", "2x-rtx3090", [], None),
        ("70b-in-8gb", "vps-8gb", [], "INSUFFICIENT_RAM"),
        ("70b-on-24gb-context", "rtx4090", ["--context", "131072", "--parallel", "4"], "INSUFFICIENT_RAM"),
    ],
)
def test_it_reads_like_an_experts_advice(
    name: str, machine: str, options: list[str], code: str | None, model: Path, rbee: RbeeHome
) -> None:
    done = rbee("plan", str(model), *options, env={**load(machine).env(), "COLUMNS": "200"})
    assert done.returncode == (1 if code else 0), done.stderr
    text = (done.stdout + done.stderr).replace(str(model.parent), "/models")
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    assert "\x1b" not in text
    assert (f"({code})" in text) if code else not done.stderr
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("RBEE_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_what_the_error_advises_fits(model: Path, rbee: RbeeHome) -> None:
    env = load("vps-8gb").env()
    done = rbee("plan", str(model.with_name("70B-Q4_K_M.gguf")), "--json", env=env)
    document, error = json.loads(done.stdout), json.loads(done.stderr)["error"]
    assert (done.returncode, document["chosen"], error["code"]) == (1, None, "INSUFFICIENT_RAM")
    assert document["advice"]
    assert error["hint"] == " ".join(advice["text"] for advice in document["advice"])
    assert document["memory"][0]["free"] < 0
    # On a machine with more memory the advice is one of the other files, and that has a plan.
    hybrid = load("hybrid-pe").env()
    document = json.loads(rbee("plan", str(model), "--json", env=hybrid).stdout)
    assert document["chosen"] is None
    ref = next(advice["option"] for advice in document["advice"] if advice["option"])
    assert ref.startswith("file:")
    # These files are nothing but holes: their headers cannot be read, and the plan says so.
    document = json.loads(rbee("plan", ref, "--json", env=hybrid).stdout)
    assert document["chosen"]["memoryRequired"] <= document["chosen"]["memoryAvailable"]
    assert "guessed" in " ".join(document["notes"])
