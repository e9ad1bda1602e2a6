"""Documentation as its parts: code blocks with the remark before them, links, headings."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_REMARK = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block: its language, its text, the line it begins at, and the remark right before it."""

    language: str
    text: str
    line: int
    remark: str

    @property
    def kind(self) -> str:
        """The remark's first word: ``file``, ``run``, ``text``."""
        return self.remark.partition(":")[0].strip()

    @property
    def argument(self) -> str:
        """What follows the remark's colon."""
        return self.remark.partition(":")[2].strip()


def pages() -> list[Path]:
    """Every page of documentation, beside the examples' own."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    return sorted([*found, *(ROOT / "plugins").glob("*/*.md")])


def title(page: Path) -> str:
    """How a page is called in a test's name."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """A page's code blocks, in order."""
    found = []
    remark = ""
    for token in _tokens(page):
        if token.type == "fence":
            found.append(Block(token.info.strip(), token.content, (token.map or [0])[0] + 1, remark))
        if token.type == "html_block" and (match := _REMARK.fullmatch(token.content)):
            remark = match[1]
        elif token.level == 0:
            remark = ""
    return found


def links(page: Path) -> Iterator[str]:
    """Where a page's links and pictures lead."""
    for token in _inline(page):
        target = token.attrs.get("href") or token.attrs.get("src")
        if target:
            yield unquote(str(target))


def code_spans(page: Path) -> Iterator[str]:
    """The texts in backticks."""
    yield from (token.content for token in _inline(page) if token.type == "code_inline")


@cache
def anchors(page: Path) -> frozenset[str]:
    """What can follow ``#`` in a link to a page: its headings as GitHub spells them."""
    seen: Counter[str] = Counter()
    found = set()
    tokens = _tokens(page)
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        slug = _slug("".join(token.content for token in inline.children or ()))
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


def _slug(heading: str) -> str:
    kept = [c for c in heading.strip().lower() if c in " -_" or unicodedata.category(c)[0] in "LNM"]
    return "".join(kept).replace(" ", "-")


def _inline(page: Path) -> Iterator[Token]:
    for token in _tokens(page):
        yield from token.children or ()


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))
