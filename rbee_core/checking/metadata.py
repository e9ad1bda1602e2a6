"""The rules for whoever publishes a plugin: what an index, an installer and a reader need to know of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..plugins.records import PluginRecord, normalise
from ..plugins.scaffold import gaps
from .files import own_folders, requirements
from .installed import Installed
from .rules import Finding, finding

#: Header → the rule that wants it, what is missing, and the key of ``[project]`` that says it.
_WANTED = {
    "Summary": ("no-summary", "has no summary", 'description = "…"'),
    "Requires-Python": ("no-requires-python", "does not say which versions of Python will do", 'requires-python = "…"'),
    "Keywords": ("no-keywords", "has no keywords", "keywords = […]"),
}
_AUTHORS = ("Author", "Author-email", "Maintainer", "Maintainer-email")
_TYPED = "Typing :: Typed"
#: What `rbee plugins new` and other templates leave, in any header; and addresses that lead nowhere (RFC 2606).
_PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|CHANGE[ _-]?ME|REPLACE[ _-]?ME|FILL[ _-]?IN|XXX+|YOU(?:R[ _-][A-Z]+)?)\b"
    r"|(?i:\byour[ _-](?:name|e?mail|organi[sz]ation)\b|\byou@|<(?:author|name|url|your [a-z ]+)>)"
    rf"|{re.escape(gaps.HOME)}"
)
_NOWHERE = re.compile(r"[@/.]example\.(?:com|org|net)\b|\.(?:example|invalid|test)\b|github\.com/(?:OWNER|YOU|USER)\b")


def check_metadata(record: PluginRecord, installed: Installed) -> Iterator[Finding]:
    """What is missing, or was left as a template had it."""
    for header, (rule, words, key) in _WANTED.items():
        if not installed.texts(header):
            yield finding(rule, words, f"In [project]: {key}")
    if not installed.description:
        yield finding("no-readme", "has no description", 'In [project]: readme = "README.md"')
    if not any(installed.texts(header) for header in _AUTHORS):
        yield finding("no-author", "has no author", 'In [project]: authors = [{ name = "…", email = "…" }]')
    yield from _licence(installed)
    addresses = [text.rpartition(",")[2].strip() for text in installed.texts("Project-URL")]
    if not any(re.match(r"https?://", one) for one in [*addresses, *installed.texts("Home-page")]):
        yield finding("no-urls", "has no address to go to", "In [project.urls]: Homepage, Source, Issues")
    yield from _core(installed)
    yield from _name(record)
    yield from _typed(record, installed)
    yield from _placeholders(installed)


def _licence(installed: Installed) -> Iterator[Finding]:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    expressions = installed.texts("License-Expression")
    classified = any(text.startswith("License ::") for text in installed.texts("Classifier"))
    hint = 'In [project]: license = "Apache-2.0" and license-files = ["LICENSE"]'
    if not expressions and not classified:
        yield finding("no-licence", "has no licence", hint)
        return
    for text in expressions:
        try:
            canonicalize_license_expression(text)
        except InvalidLicenseExpression:
            yield finding("no-licence", f"has the licence {text!r}, which is no SPDX expression", hint)
    if not installed.texts("License-File") and not _licence_files(installed):
        yield finding("no-licence", "has no file with its licence's text", hint)


def _core(installed: Installed) -> Iterator[Finding]:
    mine = [one for one in requirements(installed) if normalise(one.name) == "rbee-core"]
    hint = 'In [project]: dependencies = ["rbee-core>=…"], the first version with all that it uses'
    if not mine:
        yield finding("core-requirement", "does not require rbee-core", hint)
    elif not any(spec.operator in (">=", ">", "==", "~=", "===") for one in mine for spec in one.specifier):
        yield finding("core-requirement", "requires rbee-core of any version", hint)


def _name(record: PluginRecord) -> Iterator[Finding]:
    kinds = "vendor|backend|worker|command"
    if not re.fullmatch(rf"rbee-(?:{kinds})-[a-z0-9-]+|rbee-[a-z0-9]+", normalise(record.dist)):
        hint = f"Call it rbee-{record.kind}-{normalise(record.name)}: people find it, and install it by its short name."
        yield finding("dist-name", f"the distribution is called {record.dist}", hint)


def _typed(record: PluginRecord, installed: Installed) -> Iterator[Finding]:
    folders = own_folders(record)
    if not folders:
        return
    says, has = _TYPED in installed.texts("Classifier"), any((folder / "py.typed").is_file() for folder in folders)
    if says and not has:
        yield finding("typed", f"says {_TYPED!r}, but has no py.typed", "Put an empty py.typed beside its __init__.py.")
    elif has and not says:
        yield finding("typed", f"has py.typed, but does not say {_TYPED!r}", "Add it to the classifiers.")


def _placeholders(installed: Installed) -> Iterator[Finding]:
    for header in ("Summary", *_AUTHORS, "Home-page", "Project-URL", "Keywords"):
        for text in installed.texts(header):
            if _PLACEHOLDER.search(text) or (header != "Summary" and _NOWHERE.search(text)):
                yield finding("placeholder", f"{header} is still a template's: {text}", "Fill it in in pyproject.toml.")
    if match := re.search(r"\b(?:TODO|FIXME|CHANGE ?ME)\b.*", installed.description):
        yield finding("placeholder", f"the description says: {match[0][:60]}", "Fill it in in the README.")
    for path in _licence_files(installed):
        with path.open("rb") as file:
            if file.read(len(gaps.LICENCE)).decode("utf-8", "replace") == gaps.LICENCE:
                yield finding(
                    "placeholder", f"{path.name} has no licence's text yet", "Put the licence's text into it."
                )


def _licence_files(installed: Installed) -> list[Path]:
    names = r"(?i)(licen[cs]e|copying|notice)"
    places = [installed.location, installed.location / "licenses"]
    return [path for place in places for path in _in(place) if re.match(names, path.name) and path.is_file()]


def _in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
