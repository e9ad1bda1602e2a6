"""What a wheel says of itself, which is what an index shows and an installer goes by."""

from __future__ import annotations

import re

import pytest
from packaging.specifiers import SpecifierSet

from rbee_core.plugins.first_party import DISTRIBUTIONS

from .distributions import LIBRARY, ROOT, Distribution

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the build is waited for

PYTHON = "Programming Language :: Python :: 3."


def test_metadata_is_complete(dists: dict[str, Distribution]) -> None:
    # That every classifier is one there is, the build has seen to.
    for name, dist in dists.items():
        said = dist.metadata()
        assert said.name == name
        assert said.summary
        assert said.author
        assert {"Homepage"} <= set(said.project_urls or {}), name
        assert all(url.startswith("https://") for url in (said.project_urls or {}).values()), name
        assert "rbee" in (said.keywords or []), name
        classifiers = said.classifiers or []
        assert "Typing :: Typed" in classifiers, name
        for start in ("Development Status", "Environment", "Intended Audience", "Operating System", "Topic"):
            assert [one for one in classifiers if one.startswith(f"{start} :: ")], f"{name}: {start}"


def test_the_licence_is_said_and_there(dists: dict[str, Distribution]) -> None:
    for name, dist in dists.items():
        said = dist.metadata()
        assert (said.license_expression, said.license_files) == ("Apache-2.0", ["LICENSE"]), name
        assert dist.files[f"{dist.info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes(), name
        # An index refuses a classifier beside an expression (PEP 639).
        assert not [one for one in said.classifiers or [] if one.startswith("License")], name


def test_each_python_that_is_named_is_one_that_is_let_in(dists: dict[str, Distribution]) -> None:
    minors = {name: _minors(dist) for name, dist in dists.items()}
    assert len(set(map(tuple, minors.values()))) == 1, minors
    for name, dist in dists.items():
        required = dist.metadata().requires_python
        assert isinstance(required, SpecifierSet), name
        lowest = min(minors[name])
        assert f"3.{lowest}" in required, name
        assert f"3.{lowest - 1}" not in required, name


def test_the_readme_stands_without_the_repository(dists: dict[str, Distribution]) -> None:
    for name, dist in dists.items():
        said = dist.metadata()
        assert said.description_content_type == "text/markdown", name
        assert said.description, name
        assert said.description.startswith(f"# {name}" if name != "rbee-core" else "# rbee"), name
        inward = [link for link in re.findall(r"\]\(([^)]+)\)", said.description) if not link.startswith("https:")]
        assert not inward, name
        assert "```mermaid" not in said.description, name


def test_a_plugin_names_the_oldest_core_it_works_with_and_no_newest(dists: dict[str, Distribution]) -> None:
    core = dists["rbee-core"].metadata().version
    for name, dist in dists.items():
        ours = {one.name: one for one in dist.metadata().requires_dist or [] if one.name in dists}
        if name in ("rbee-core", LIBRARY):
            assert not {one for one in ours.values() if one.marker is None}, name
            continue
        assert "rbee-core" in ours, name
        for one in ours.values():
            assert [bound.operator for bound in one.specifier] == [">="], f"{name}: {one}"
        assert core is not None
        assert core in ours["rbee-core"].specifier, name


def test_all_is_every_first_party_plugin(dists: dict[str, Distribution]) -> None:
    requires = dists["rbee-core"].metadata().requires_dist or []
    extra = {one.name for one in requires if one.marker is not None and one.marker.evaluate({"extra": "all"})}
    assert extra == set(dists) - {"rbee-core", LIBRARY} == {one.dist for one in DISTRIBUTIONS}


def _minors(dist: Distribution) -> list[int]:
    """The minor versions of Python 3 that the classifiers name."""
    return sorted(int(one.removeprefix(PYTHON)) for one in dist.metadata().classifiers or [] if one.startswith(PYTHON))
