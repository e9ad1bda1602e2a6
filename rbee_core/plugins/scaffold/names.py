"""What a new plugin may be called; each refusal says the rule."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import UsageError
from ..first_party import DISTRIBUTIONS
from ..missing import FIRST_PARTY
from ..records import KINDS, normalise

if TYPE_CHECKING:
    from ..records import PluginRecord

#: Characters of a name: what a worker's id may have.
LONGEST = 40
#: What a name is, by kind.
MEANS = {
    "vendor": "the scheme of its references",
    "backend": "the kind of hardware",
    "worker": "the worker's id",
    "command": "the command",
}
_GRAMMAR = re.compile(r"[a-z](?:-?[a-z0-9])+")
_RULE = "A name has lower-case letters and digits, single dashes between them, a letter first, and 2 to 40 of them all."
#: First-party distributions that bring no plugin, but have a plugin's name.
_LIBRARIES = frozenset({"rbee-worker-kit"})


@dataclass(frozen=True, slots=True)
class Naming:
    """What a new plugin's parts are called."""

    kind: str
    name: str

    @property
    def dist(self) -> str:
        """The distribution, and the folder it is written to: ``rbee-vendor-shelf``."""
        return f"rbee-{self.kind}-{self.name}"

    @property
    def package(self) -> str:
        """The Python package: ``rbee_vendor_shelf``."""
        return self.dist.replace("-", "_")

    @property
    def upper(self) -> str:
        """How environment variables spell the name: ``MY_SHELF``."""
        return self.name.replace("-", "_").upper()


def named(kind: str, name: str, installed: Iterable[PluginRecord], commands: Collection[str]) -> Naming:
    """The names of a new plugin, if it may be called so.

    :param installed: the plugins of this environment.
    :param commands: rbee's own commands.
    :raises UsageError: it may not; the message has the rule.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind!a} is no kind of plugin.", f"Use one of: {', '.join(KINDS)}.")
    _check_spelling(kind, name)
    naming = Naming(kind, name)
    _check_python(naming)
    _check_ours(naming, commands)
    _check_installed(naming, installed)
    return naming


def resembles(naming: Naming) -> str:
    """A first-party distribution that its own could be taken for, or nothing."""
    from ..installing.trust import resembled

    return resembled(naming.dist)


def _check_spelling(kind: str, name: str) -> None:
    short = re.fullmatch(r"rbee[-_](?:(vendor|backend|worker|command)[-_])?(.*)", name, re.IGNORECASE | re.DOTALL)
    if short:
        mended = f"Say the short form: rbee plugins new {(short[1] or kind).lower()} {short[2]}"
        raise UsageError(
            f"{name[:60]!a} begins as the distribution will: 'rbee-{kind}-' is put before the name by itself.",
            mended if _GRAMMAR.fullmatch(short[2]) else _RULE,
        )
    if len(name) > LONGEST:
        raise UsageError(f"{name[:60]!a} has {len(name)} characters; a name has at most {LONGEST}.", _RULE)
    if not _GRAMMAR.fullmatch(name):
        mended = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        hint = f"{_RULE} For example: {mended}" if _GRAMMAR.fullmatch(mended) else _RULE
        raise UsageError(f"{name!a} cannot be {MEANS[kind]}.", hint)


def _check_python(naming: Naming) -> None:
    """A module or a variable of the name would hide something of Python's."""
    plain = naming.name.replace("-", "_")
    if keyword.iskeyword(plain) or keyword.issoftkeyword(plain):
        raise UsageError(f"'{naming.name}' is a word of the Python language, which no module can be called.", _OTHER)
    if plain in sys.stdlib_module_names:
        raise UsageError(
            f"'{naming.name}' is a module of Python's standard library, which one of that name would hide.", _OTHER
        )


_OTHER = "Take another name: what it is for, or who it is from."


def _check_ours(naming: Naming, commands: Collection[str]) -> None:
    """The core's names, and those of what this project publishes."""
    kind, name = naming.kind, naming.name
    if kind == "command" and name in commands:
        raise UsageError(f"`rbee {name}` is a command of rbee itself, and those come first.", _OTHER)
    owner = next((one.dist for one in DISTRIBUTIONS if one.kind == kind and name in one.names), None)
    if kind == "command" and f"rbee-{name}" in FIRST_PARTY:
        owner = f"rbee-{name}"
    if owner is not None:
        raise UsageError(
            f"The {kind} '{name}' comes with {owner}, which is first-party: two would be a conflict.",
            f"{_OTHER} Where rivals are meant, `rbee plugins prefer {name} DIST` chooses; name it by what differs.",
        )
    if naming.dist in FIRST_PARTY | _LIBRARIES:
        raise UsageError(f"{naming.dist} is a first-party distribution, and the package index has it already.", _OTHER)
    if kind == "worker" and (feature := _backend_at_the_end(name)):
        raise UsageError(
            f"'{name}' ends in '-{feature}', as the variant for that backend does that every worker has.",
            f"Leave it out: {name.removesuffix(f'-{feature}')} is then built as {name}.",
        )


def _backend_at_the_end(name: str) -> str | None:
    backends = [backend for one in DISTRIBUTIONS if one.kind == "backend" for backend in one.names]
    return next((backend for backend in backends if name.endswith(f"-{backend}")), None)


def _check_installed(naming: Naming, installed: Iterable[PluginRecord]) -> None:
    for record in installed:
        if normalise(record.dist) == naming.dist:
            raise UsageError(f"{record.title} is installed here: a distribution's name is given once.", _OTHER)
        if record.kind == naming.kind and record.name.lower() == naming.name:
            raise UsageError(
                f"{record.title} is installed here and has the {record.kind} '{record.name}': two would be a conflict.",
                f"{_OTHER} Or uninstall the other first: rbee plugins uninstall {record.dist}",
            )
