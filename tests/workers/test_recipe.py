"""``worker.toml``: what may stand in it, and that all that is wrong with one is said at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from rbee_core.workers.recipe import Origin, RecipeError, read_recipe

#: Seed 004's example, to the letter.
SEED = """
[worker]
id = "llm-worker"
name = "LLM Worker"
description = "Candle-based LLM inference worker"
license = "GPL-3.0-or-later"

[build]
features = ["cpu", "cuda", "metal", "rocm"]
default_feature = "cpu"

[capabilities]
supported_formats = ["gguf", "safetensors"]
max_context_length = 32768
supports_streaming = true
supports_batching = false

[platforms]
linux = ["x86_64", "aarch64"]
macos = ["aarch64"]
windows = ["x86_64"]
"""

FULL = """
schema = 1

[worker]
id = "llama-cpp"
name = "llama.cpp"
description = "LLM inference"
license = "MIT"
version = "0.3.0"

[build]
system = "pip"
features = ["cpu", "cuda"]
default_feature = "cpu"
pip = { requirements = ["xllamacpp==1.0"] }

[backend.cuda]
pip = { index_url = "https://wheels.example/cu128" }
platforms = { linux = ["x86_64"] }
env = { GGML_CUDA = "1" }

[run]
entry = ["{python}", "-m", "server", "--port", "{port}", "--model", "{model}", ["--ctx", "{context}"]]

[x-notes]
anything = true
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "worker.toml").write_text(text)
    return folder


def problems(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(folder, text))
    found: dict[str, str] = {}
    for problem in caught.value.problems:
        found[problem.key] = f"{found.get(problem.key, '')} {problem.text}"
    return found


def test_the_seeds_example_is_read_with_the_version_of_the_crate_beside_it(tmp_path: Path) -> None:
    write(tmp_path, SEED)
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "llm-worker-rbee"\nversion = "0.4.7"\n')
    recipe = read_recipe(tmp_path)
    assert (recipe.id, recipe.version, recipe.license) == ("llm-worker", "0.4.7", "GPL-3.0-or-later")
    assert [v.id for v in recipe.variants()] == [f"llm-worker-{f}" for f in ("cpu", "cuda", "metal", "rocm")]
    assert recipe.variants()[1].platforms == {
        "linux": ["x86_64", "aarch64"],
        "macos": ["aarch64"],
        "windows": ["x86_64"],
    }
    assert recipe.capabilities.wire() == {
        "requiredFiles": [],
        "supportedFormats": ["gguf", "safetensors"],
        "maxContextLength": 32768,
        "supportsStreaming": True,
        "supportsBatching": False,
        "architectures": [],
        "kvTypes": [],
        "partialOffload": False,
        "multiDevice": False,
    }


def test_a_feature_may_have_platforms_of_its_own(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, FULL))
    assert recipe.variant("cuda").platforms == {"linux": ["x86_64"]}
    assert recipe.variant("cpu").platforms == {}


@pytest.mark.parametrize(
    ("version", "files", "expected"),
    [
        ('version_from = { file = "pyproject.toml" }', {"pyproject.toml": '[project]\nversion = "2.1"'}, "2.1"),
        ("", {"pyproject.toml": '[project]\nversion = "2.2"'}, "2.2"),
        (
            "",
            {
                "Cargo.toml": "[package]\nversion.workspace = true",
                "../../Cargo.toml": '[workspace.package]\nversion = "0.9.1"',
            },
            "0.9.1",
        ),
        (
            """version_from = { file = "CMakeLists.txt", pattern = 'VERSION "([0-9.]+)"' }""",
            {"CMakeLists.txt": 'project(x)\nset(VERSION "3.0.1")\n'},
            "3.0.1",
        ),
    ],
)
def test_the_version_is_read_where_it_is_kept(
    tmp_path: Path, version: str, files: dict[str, str], expected: str
) -> None:
    folder = write(tmp_path / "bin" / "worker", FULL.replace('version = "0.3.0"', version))
    for name, text in files.items():
        (folder / name).write_text(text)
    recipe = read_recipe(folder)
    assert recipe.version == expected


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("", "worker.version"),
        ('version = "1 2"', "worker.version"),
        ("version = 3", "worker.version"),
        ('version = "1"\nversion_from = { file = "x" }', "worker.version"),
        ('version_from = { file = "../outside.toml" }', "worker.version_from.file"),
        ('version_from = { file = "missing.toml" }', "worker.version_from.file"),
        ('version_from = { file = "notes.txt" }', "worker.version_from.pattern"),
        ("""version_from = { file = "notes.txt", pattern = "(" }""", "worker.version_from.pattern"),
        ("""version_from = { file = "notes.txt", pattern = "(z)" }""", "worker.version_from.pattern"),
        ('version_from = { file = "Cargo.toml" }', "Cargo.toml"),
    ],
)
def test_a_version_that_cannot_be_read_is_named(tmp_path: Path, version: str, key: str) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "notes.txt").write_text("no version here")
    (folder / "Cargo.toml").write_text("[package]\nversion.workspace = true\n" if "Cargo" in version else "[workspace]")
    if not version:
        (folder / "Cargo.toml").unlink()
    assert key in problems(folder, FULL.replace('version = "0.3.0"', version))


def test_a_packaged_worker_has_its_distributions_version_and_no_other(tmp_path: Path) -> None:
    text = FULL.replace('version = "0.3.0"', "")
    assert read_recipe(write(tmp_path, text), Origin("package", "some-dist", "7.1")).version == "7.1"
    with pytest.raises(RecipeError, match=r"worker\.version: is '0\.3\.0', but some-dist is 7\.1"):
        read_recipe(write(tmp_path, FULL), Origin("package", "some-dist", "7.1"))


BROKEN: list[tuple[str, str, str, str]] = [
    # what is replaced, by what, the key, a part of the message
    ("schema = 1", "schema = 2", "schema", "a newer rbee"),
    ("schema = 1", 'schema = "1"', "schema", "allowed: 1"),
    ('id = "llama-cpp"', 'id = "Llama"', "worker.id", "lower-case"),
    ('id = "llama-cpp"', 'id = "a--b"', "worker.id", "lower-case"),
    ('id = "llama-cpp"', "", "worker.id", "is missing"),
    ('name = "llama.cpp"', 'name = ""', "worker.name", "at least 1"),
    ('name = "llama.cpp"', 'name = "a\\u202eb"', "worker.name", "do not print"),
    ('license = "MIT"', "licence = 'MIT'", "worker.licence", "is not known"),
    ('license = "MIT"', "", "worker.license", "is missing"),
    ('system = "pip"', 'system = "make"', "build.system", "'pip', 'cmake'"),
    ('features = ["cpu", "cuda"]', "features = []", "build.features", "at least 1"),
    ('features = ["cpu", "cuda"]', 'features = ["cpu", "cpu", "cuda"]', "build.features", "twice"),
    ('features = ["cpu", "cuda"]', 'features = "cpu"', "build.features", "list"),
    ('default_feature = "cpu"', 'default_feature = "tpu"', "build.default_feature", "allowed: cpu, cuda"),
    ('pip = { requirements = ["xllamacpp==1.0"] }', "", "build.pip", "requirements = […]"),
    ('"xllamacpp==1.0"', '"--index-url=http://evil"', "build.pip.requirements.0", "not a requirement"),
    ('"xllamacpp==1.0"', '"-r evil.txt"', "build.pip.requirements.0", "not a requirement"),
    ('"xllamacpp==1.0"', "3", "build.pip.requirements.0", "string"),
    ('["xllamacpp==1.0"] }', '["x"], include_self = true }', "build.pip.include_self", "package"),
    ("https://wheels.example", "https://me:secret@wheels.example", "backend.cuda.pip.index_url", "without credentials"),
    ("[backend.cuda]", "[backend.rocm]", "backend.rocm", "is no feature"),
    ('GGML_CUDA = "1"', 'LD_PRELOAD = "/x.so"', "backend.cuda.env.LD_PRELOAD", "not allowed"),
    ('GGML_CUDA = "1"', '"a b" = "1"', "backend.cuda.env.a b", "not allowed"),
    ("GGML_CUDA = \"1\"", "GGML_CUDA = 1", "backend.cuda.env.GGML_CUDA", "string"),
    ("{port}", "{prot}", "run.entry", "{prot}"),
    ('["--ctx", "{context}"]', '"--ctx", "{context}"', "run.entry", "may have no value"),
    ('["--ctx", "{context}"]', '["--ctx"]', "run.entry", "without a placeholder"),
    ('"--model", "{model}", ', "", "run.entry", "lacks the placeholder {model}"),
    ("[run]\nentry =", '[run]\nprotocol = "grpc"\nentry =', "run.protocol", "openai"),
    ("[run]\nentry =", '[run]\npost_install = "rm -rf /"\nentry =', "run.post_install", "is not known"),
    ("[run]\nentry =", '[run]\nhealth = { path = "health" }\nentry =', "run.health.path", "/health"),
    ("[x-notes]", "[notes]", "notes", "is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "message"), BROKEN, ids=lambda value: None)
def test_what_is_not_allowed_is_named_with_its_key(tmp_path: Path, old: str, new: str, key: str, message: str) -> None:
    assert old in FULL
    found = problems(tmp_path, FULL.replace(old, new))
    assert message in found[key]


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    text = FULL.replace('id = "llama-cpp"', 'id = "X"').replace('license = "MIT"', "").replace("[x-notes]", "[notes]")
    assert {"worker.id", "worker.license", "notes"} <= set(problems(tmp_path, text))
    both = FULL.replace('default_feature = "cpu"', 'default_feature = "tpu"').replace("{port}", "{prot}")
    assert {"build.default_feature", "run.entry"} <= set(problems(tmp_path / "b", both))


@pytest.mark.parametrize("text", ["= nonsense", "worker = 3", "[worker]\nid = 'a'\n[worker]", "\x00"])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError):
        read_recipe(write(tmp_path, text))


def test_a_missing_huge_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path)
    (tmp_path / "worker.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not TOML"):
        read_recipe(tmp_path)
    with (tmp_path / "worker.toml").open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(RecipeError, match="larger"):
        read_recipe(tmp_path)


def test_the_digest_follows_the_description_and_the_package(tmp_path: Path) -> None:
    text = FULL.replace('["xllamacpp==1.0"] }', '["x"], include_self = true }')
    write(tmp_path, text)
    (tmp_path / "__init__.py").write_text("")
    first = read_recipe(tmp_path).digest
    assert read_recipe(tmp_path).digest == first
    (tmp_path / "module.py").write_text("x = 1")
    second = read_recipe(tmp_path).digest
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.pyc").write_text("x")
    assert first != second == read_recipe(tmp_path).digest


def test_our_own_workers_pins_are_the_ones_that_are_checked_here() -> None:
    """The worker's types are checked against what ``constraints.txt`` pins: it must be what the worker installs."""
    root = Path(__file__).parents[2]
    pins = set((root / "constraints.txt").read_text().splitlines())
    for package in ("rbee-worker-llm/rbee_worker_llm", "rbee-worker-transformers/rbee_worker_transformers"):
        table: dict[str, Any] = tomllib.loads((root / "plugins" / package / "worker.toml").read_text())
        requirements = table["build"]["pip"]["requirements"]
        shared = [r for r in requirements if r.split("==")[0] in ("fastapi", "uvicorn", "httptools")]
        assert len(shared) == 3
        assert set(shared) <= pins


def test_prebuilt_indexes_are_checked(tmp_path: Path) -> None:
    lists = [
        '[{ index = "https://wheels.example/cu128" }]',  # the address is the engine's to tell
        '[{ index = "cu128", requires = ["sm_90"] }]',
        '[{ requires = [] }]',
    ]  # fmt: skip
    for number, wrong in enumerate(lists):
        text = FULL.replace('index_url = "https://wheels.example/cu128"', f"prebuilt = {wrong}")
        (key,) = problems(tmp_path / str(number), text)
        assert key.startswith("backend.cuda.pip.prebuilt.0.")
    told = problems(
        tmp_path / "alone",
        FULL.replace("pip = { index_url", 'pip = { prebuilt = [{ index = "a", url = "b" }], index_url'),
    )
    assert "from_source" in told["backend.cuda.pip.prebuilt"]
    assert "is not known" in told["backend.cuda.pip.prebuilt.0.url"]
