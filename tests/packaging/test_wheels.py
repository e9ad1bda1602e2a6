"""What is in a wheel: all of its package, nothing else, and the same bytes wherever it is built."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from shutil import copyfile, copytree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import distributions
from .distributions import Distribution

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the build is waited for

#: Files that a wheel has from outside of its package: where they are in the checkout, and what becomes of them.
ALSO = {"rbee-vendor-demo": {"MODEL_CARD.md": "rbee_vendor_demo/MODEL_CARD.md"}}
#: Names of files that are tests. Templates of tests have another ending.
TEST = re.compile(r"(^|/)(tests?/|conftest\.py$|test_[^/]*\.py$|[^/]*_test\.py$)")
#: Frameworks, and what those who use them import too.
MADE_OF = {"fastapi": ("starlette", "pydantic")}
#: Python's own; `compression` from 3.14 on.
STDLIB = {*sys.stdlib_module_names, "compression"}


def test_a_wheel_has_every_file_of_its_package_and_nothing_else(dists: dict[str, Distribution]) -> None:
    for dist in dists.values():
        package = {f"{dist.package}/{name}": dist.folder / dist.package / name for name in _package(dist)}
        package |= {to: dist.folder / name for name, to in ALSO.get(dist.name, {}).items()}
        names = {name for name in dist.files if not name.startswith(f"{dist.info}/")}
        assert names == set(package), dist.name
        for name, source in package.items():
            assert dist.files[name] == source.read_bytes(), name
        assert f"{dist.package}/py.typed" in names


def test_a_wheel_has_what_is_not_code(dists: dict[str, Distribution]) -> None:
    # By name as well: what git does not have either is not missed above.
    for dist, name in {
        ("rbee-core", "testing/machines/rtx4090.json"),
        ("rbee-vendor-demo", "data/stories.gguf"),
        ("rbee-vendor-demo", "data/model.safetensors"),
        ("rbee-vendor-demo", "data/SHA256SUMS"),
        ("rbee-worker-llm", "worker.toml"),
        ("rbee-worker-transformers", "worker.toml"),
    }:
        assert dists[dist].files[f"{dists[dist].package}/{name}"]


def test_no_test_code_is_in_a_wheel(dists: dict[str, Distribution]) -> None:
    # rbee_core/testing is what authors test their plugins with; rbee's own servers and fixtures are in tests/support.
    guilty = [name for dist in dists.values() for name in dist.files if TEST.search(name)]
    guilty += [name for dist in dists.values() for name in dist.files if "training" in name or "__pycache__" in name]
    assert not guilty


def test_the_record_of_a_wheel_is_sound(dists: dict[str, Distribution]) -> None:
    for dist in dists.values():
        record = f"{dist.info}/RECORD"
        rows = list(csv.reader(dist.files[record].decode().splitlines()))
        assert sorted(name for name, _, _ in rows) == sorted(dist.files), dist.name
        for name, digest, size in rows:
            if name != record:
                taken = base64.urlsafe_b64encode(hashlib.sha256(dist.files[name]).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={taken}", str(len(dist.files[name]))), name


def test_an_sdist_has_what_its_wheel_is_built_from(dists: dict[str, Distribution]) -> None:
    for dist in dists.values():
        needed = {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", *ALSO.get(dist.name, {})}
        assert needed | {f"{dist.package}/{name}" for name in _package(dist)} <= dist.sdist_names, dist.name


def test_built_elsewhere_and_later_it_is_the_same_to_the_byte(dists: dict[str, Distribution], tmp_path: Path) -> None:
    elsewhere = copytree(dists["rbee-core"].folder, tmp_path / "elsewhere", copy_function=copyfile)  # other times
    # One with a README that is rewritten, and one with files from outside of its package.
    distributions.build(elsewhere, tmp_path / "out", "rbee-core", "rbee-vendor-demo")
    again = distributions.read(elsewhere, tmp_path / "out")
    assert set(again) == {"rbee-core", "rbee-vendor-demo"}
    for name, dist in again.items():
        assert dist.wheel.read_bytes() == dists[name].wheel.read_bytes(), name
        assert dist.sdist.read_bytes() == dists[name].sdist.read_bytes(), name


def test_what_is_imported_is_declared(dists: dict[str, Distribution]) -> None:
    """A package that comes only by way of another's requirements is gone with the other's next version."""
    brought_by = packages_distributions()
    undeclared = []
    for dist in dists.values():
        allowed = {canonicalize_name(one.name) for one in dist.metadata().requires_dist or []} | {dist.name}
        allowed |= {canonicalize_name(Requirement(text).name) for text in _worker_requirements(dists, dist)}
        allowed |= {part for whole in allowed for part in MADE_OF.get(whole, ())}
        for file, module in sorted(_imports(dist)):
            if module in STDLIB or module == dist.package:
                continue
            bringing = {canonicalize_name(name) for name in brought_by.get(module, [module])}
            if not bringing & allowed:
                undeclared.append(f"{file} imports {module}")
    assert not undeclared, "\n".join(undeclared)


def _package(dist: Distribution) -> list[str]:
    root = dist.folder / dist.package
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _imports(dist: Distribution) -> set[tuple[str, str]]:
    """The modules that a wheel's own modules import when they run, each with who does."""
    found = set()
    for file, content in dist.files.items():
        if not file.endswith(".py"):
            continue
        for node in ast.walk(_without_annotations(ast.parse(content))):
            if isinstance(node, ast.Import):
                found |= {(file, alias.name.split(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add((file, node.module.split(".")[0]))
    return found


def _without_annotations(tree: ast.Module) -> ast.Module:
    """The same without what stands under ``if TYPE_CHECKING:``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = [ast.Pass()]
    return tree


def _worker_requirements(dists: dict[str, Distribution], dist: Distribution) -> list[str]:
    """What the environment of a worker holds: that of its own recipe, or for the kit that of all who copy it in."""
    recipes = [one for one in dists.values() if f"{one.package}/worker.toml" in one.files]
    wanted: list[str] = []
    for one in recipes:
        if one is dist or dist.name == distributions.LIBRARY:
            table = tomllib.loads(one.files[f"{one.package}/worker.toml"].decode())
            pip = [table["build"]["pip"], *(part.get("pip", {}) for part in table.get("backend", {}).values())]
            wanted += [text for part in pip for text in part.get("requirements", [])]
    return wanted
