"""``rbee run`` takes the engine that the model's format needs, without being told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.workers import build_once
from support.hub import FakeHub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(shared_home: RbeeHome) -> RbeeHome:
    """The shared home, with both workers and both twins of the demo model."""
    build_once(shared_home, "llm-worker-cpu", "demo:stories")
    build_once(shared_home, "transformers-worker-cpu", "demo:stories-safetensors")
    return shared_home


def test_the_safetensors_twin_answers_through_pytorch(home: RbeeHome) -> None:
    options = ("--json", "--temperature", "0", "--max-tokens", "16", "--offline")
    done = home("run", "demo:stories-safetensors", "Tell me a story about a fox.", *options)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["worker"], answer["device"]) == ("transformers-worker-cpu", "CPU-0")
    assert len(answer["text"].split()) > 5
    assert answer["tokensGenerated"] == 16


@pytest.mark.parametrize(
    ("model", "variant"),
    [("demo:stories", "llm-worker-cpu"), ("demo:stories-safetensors", "transformers-worker-cpu")],
)
def test_the_format_decides(home: RbeeHome, model: str, variant: str) -> None:
    done = home("plan", model, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chosen"]["variant"] == variant


@pytest.mark.parametrize(
    ("files", "variant"),
    [
        (("stories.gguf",), "llm-worker-cpu"),
        (
            ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
            "transformers-worker-cpu",
        ),
    ],
)
def test_a_repository_of_the_hub_runs_on_the_engine_of_its_format(
    home: RbeeHome, hub: FakeHub, tmp_path: Path, files: tuple[str, ...], variant: str
) -> None:
    import rbee_vendor_demo

    data = Path(rbee_vendor_demo.__file__).parent / "data"
    hub.repo("org/stories", {name: (data / name).read_bytes() for name in files})
    own = RbeeHome(tmp_path / "rbee", {**home.env, **hub.env()})
    own.path.mkdir()
    (own.path / "data").symlink_to(home.path / "data", target_is_directory=True)
    done = own("run", "hf:org/stories", "Tell me a story.", "--json", "--max-tokens", "8", timeout=300)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["worker"], answer["tokensGenerated"]) == (variant, 8)
