"""The tutorials are followed: their code is the examples', their commands are run and print what they are said to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.markdown import ROOT, Block, blocks, title
from support.stranger import Environment
from support.walkthrough import Walkthrough, commands, excerpt_of, prints

PAGES = [*sorted((ROOT / "docs/tutorials").glob("*.md")), ROOT / "docs/publishing.md"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.make(tmp_path_factory.mktemp("stranger") / "env", pip=True)


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_block_says_what_it_is(page: Path) -> None:
    unmarked = [block.line for block in blocks(page) if block.kind not in ("file", "run", "text")]
    assert not unmarked, f"{title(page)}: put `<!-- file: … -->`, `<!-- run -->` or `<!-- text -->` before {unmarked}"


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_the_code_is_that_of_the_examples(page: Path) -> None:
    other = [f"line {block.line}: {block.argument}" for block in _of(page, "file") if not excerpt_of(block)]
    assert not other, f"{title(page)} shows other code than there is: {other}"


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", [page for page in PAGES if any(b.kind == "run" for b in blocks(page))], ids=title)
def test_its_steps_can_be_followed(page: Path, environment: Environment, tmp_path: Path) -> None:
    with Walkthrough(tmp_path / "work", environment) as walk:
        for block in blocks(page):
            walk.follow(block)


def _of(page: Path, kind: str) -> Iterator[Block]:
    return (block for block in blocks(page) if block.kind == kind)


def test_what_is_shown_is_compared_with_what_is_printed() -> None:
    block = Block("console", "$ a \\\n  b\n$ c\nx … y\n…\nend\n", 1, "run")
    assert commands(block) == [("a \\\n  b", []), ("c", ["x … y", "…", "end"])]
    said = commands(block)[1][1]
    assert prints("x 1 2 y\nmore\nand more\nend\n", said)
    assert prints("x 1 y\nend", said)
    assert not prints("x 1 y\nend\nand more", said)
    assert not prints("x 1 z\nend", said)


def test_other_code_than_the_examples_is_noticed() -> None:
    name = "docs/examples/rbee-vendor-webdav/rbee_vendor_webdav/sums.py"
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert excerpt_of(Block("python", "\n".join(lines[3:9]), 1, f"file: {name}"))
    assert not excerpt_of(Block("python", "\n".join([*lines[3:8], lines[9]]), 1, f"file: {name}"))
