"""Every rule of ``rbee plugins check`` is broken by a plugin that breaks no other; one that breaks none is clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rbee_core.checking.rules import RULES
from rbee_core.testing.cli import RbeeHome

from .bad_plugins import BAD, HANGING, Bad, editable

Results = dict[str, dict[str, Any]]


class Site:
    """A folder of plugins, checked once, and an rbee that sees them."""

    def __init__(self, folder: Path, cases: dict[str, Bad], *options: str) -> None:
        self.names = {case: bad.install(folder / "site", case) for case, bad in cases.items()}
        self.rbee = RbeeHome(folder / "home", {"PYTHONPATH": str(folder / "site")})
        self.done = self.rbee("plugins", "check", *set(self.names.values()), *options, "--json", timeout=280)
        self.results = {row["dist"]: row for row in json.loads(self.done.stdout)["results"]}

    def result(self, case: str, bad: Bad) -> dict[str, Any]:
        found: dict[str, Any] = self.results[bad.dist or f"rbee-{bad.kind}-{case}"]
        return found


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Everything bad at once, and the other one that answers to the name of `twin`."""
    good = {kind: Bad("", "", kind=kind) for kind in ("vendor", "backend", "worker", "command")}
    good["editable"] = Bad("", "", kind="worker", damage=editable)
    both = {"rbee.backends": {"good-both": "rbee_vendor_good_both:Vendor"}}
    good["both"] = Bad("", "", source=BAD["foreign"].source, groups=both)
    other = Bad("rival", "declares 'shared' too", kind="backend", name="shared")
    return Site(
        tmp_path_factory.mktemp("bad"), {**BAD, "other-twin": other, **{f"good-{k}": b for k, b in good.items()}}
    )


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("hanging"), HANGING, "--timeout", "3")


def test_every_rule_has_a_plugin_that_breaks_it() -> None:
    assert {bad.rule for bad in [*BAD.values(), *HANGING.values()]} == set(RULES)


@pytest.mark.parametrize("case", BAD)
def test_a_plugin_breaks_the_one_rule(case: str, site: Site) -> None:
    _is_found(case, BAD[case], site)


@pytest.mark.parametrize("case", HANGING)
def test_a_plugin_that_hangs(case: str, hanging: Site) -> None:
    _is_found(case, HANGING[case], hanging)


def _is_found(case: str, bad: Bad, site: Site) -> None:
    result = site.result(case, bad)
    assert {found["rule"] for found in result["findings"]} == {bad.rule}, result["findings"]
    found = result["findings"][0]
    severity = RULES[bad.rule][0]
    assert found["severity"] == severity
    assert bad.says in found["message"]
    assert bad.where is None or str(found["where"]).endswith(bad.where), found
    assert result["outcome"] == ("fail" if severity == "error" else "pass")
    assert (result["status"] in ("error", "incompatible")) == (severity == "error")


def test_one_object_may_be_of_two_kinds(site: Site) -> None:
    results = json.loads(site.rbee("plugins", "check", "good-both", "--json").stdout)["results"]
    assert {row["kind"]: row["findings"] for row in results} == {"vendor": [], "backend": []}


@pytest.mark.parametrize("case", ["vendor", "backend", "worker", "command", "editable"])
def test_a_good_plugin_is_told_nothing(case: str, site: Site) -> None:
    kind = "worker" if case == "editable" else case
    result = site.results[f"rbee-{kind}-good-{case}"]
    assert (result["outcome"], result["findings"], result["heavy"]) == ("pass", [], {})
    assert (result["modules"] is None) == (kind == "worker")


def test_what_loading_took_is_told(site: Site) -> None:
    heavy = site.result("heavy-inside", BAD["heavy-inside"])
    assert heavy["heavy"] == {"rich": "rbee_vendor_heavy_inside/part.py:2"}
    assert heavy["modules"] > site.result("loud", BAD["loud"])["modules"] == 1
    assert heavy["importMs"] > 0


def test_the_exit_status_follows_errors_and_with_strict_warnings_too(site: Site) -> None:
    assert site.done.returncode == 1
    assert site.rbee("plugins", "check", "heavy", "summary").returncode == 0
    done = site.rbee("plugins", "check", "heavy", "summary", "--strict", "--json")
    assert done.returncode == 1
    assert {row["name"]: row["outcome"] for row in json.loads(done.stdout)["results"]} == {
        "heavy": "fail",
        "summary": "pass",
    }
    # Strict is this once: nothing is remembered of it.
    listed = json.loads(site.rbee("plugins", "list", "--json").stdout)["plugins"]
    assert {row["name"]: row["status"] for row in listed}["heavy"] == "active"


@pytest.mark.parametrize("width", [60, 200])
def test_at_a_glance(width: int, site: Site) -> None:
    names = ("argument", "heavy", "urls", "good-vendor")
    done = site.rbee("plugins", "check", *names, env={"COLUMNS": str(width)})
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(done.stdout.split())
    assert "failed vendor argument (rbee-vendor-argument 1.0)" in text
    assert "error supports_model takes 'reference'; it is offered ref" in text
    assert "warning loading it imports rich (rbee_vendor_heavy.py:1)" in text
    assert "note to publish it: has no address to go to" in text
    assert "3 passed, 1 failed; 1 error, 1 warning, 1 note." in text


def test_what_concerns_a_whole_distribution_is_shown_once(tmp_path: Path) -> None:
    both = {"one": "rbee_vendor_pair:Vendor", "two": "rbee_vendor_pair:Vendor"}
    Bad("", "", groups={"rbee.vendors": both}, metadata={"Summary": None}).install(tmp_path / "site", "pair")
    rbee = RbeeHome(tmp_path / "home", {"PYTHONPATH": str(tmp_path / "site")})
    done = rbee("plugins", "check", "rbee-vendor-pair")
    assert done.stdout.count("has no summary") == 1
    rows = json.loads(rbee("plugins", "check", "rbee-vendor-pair", "--json").stdout)["results"]
    assert [[found["rule"] for found in row["findings"]] for row in rows] == [["no-summary"], ["no-summary"]]


def test_a_distribution_whose_groups_nothing_reads_is_told_of(tmp_path: Path) -> None:
    Bad("", "", dist="rbee-vendor-lost", groups={"rbee.vendors": {}, "rbee.vendor": {"lost": "x:y"}}).install(
        tmp_path / "site", "lost"
    )
    rbee = RbeeHome(tmp_path / "home", {"PYTHONPATH": str(tmp_path / "site")})
    done = rbee("plugins", "check", "rbee-vendor-lost")
    assert done.returncode == 1
    assert "'rbee.vendor', which nothing reads" in done.stderr
    assert "Did you mean 'rbee.vendors'?" in done.stderr


def test_nothing_is_wrong_with_the_plugins_of_rbee(rbee: RbeeHome) -> None:
    done = rbee("plugins", "check", "--strict", "--json", timeout=200)
    results = json.loads(done.stdout)["results"]
    wrong = [(row["name"], one) for row in results for one in row["findings"] if one["severity"] != "note"]
    assert wrong == []
    assert done.returncode == 0
    assert {row["name"] for row in results} >= {"demo", "hf", "cuda", "llm-worker"}
    assert all(row["importMs"] is not None and row["heavy"] == {} for row in results if row["kind"] != "worker")
