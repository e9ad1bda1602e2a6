"""Every link of the documentation leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.markdown import ROOT, anchors, links, pages, title

ALL = [*pages(), *sorted((ROOT / "docs/examples").glob("*/*.md"))]


@pytest.mark.parametrize("page", dict.fromkeys(ALL), ids=title)
def test_a_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    broken = [link for link in links(page) if not _leads(page, link)]
    assert not broken, f"{title(page)} has links to nothing: {', '.join(broken)}"


def _leads(page: Path, link: str) -> bool:
    if "://" in link or link.startswith("mailto:"):
        return True
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target))
