"""What a check looks for: every rule with its severity, and the finding that says a plugin breaks it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
#: ``error``: it does not work. ``warning``: it works, but its users suffer. ``note``: for whoever publishes it.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

#: Rule → its severity, and what it asks for.
RULES: dict[str, tuple[Severity, str]] = {
    "entry-point": ("error", "the entry point names a module, and something in it, that are there"),
    "import": ("error", "importing it raises nothing"),
    "dependency": ("error", "what it imports and requires is installed"),
    "hangs": ("error", "it does not take longer than the time limit"),
    "crashes": ("error", "it does not end the process it runs in"),
    "api-version": ("error", "it is made for the hook API that this rbee speaks"),
    "plugin-object": ("error", "what the entry point names is a plugin of its kind"),
    "unknown-hook": ("error", "every function marked with @hookimpl is a hook that there is"),
    "hook-argument": ("error", "a hook takes no argument but those it is offered"),
    "hook-form": ("error", "a hook is a plain function: neither async nor a generator"),
    "missing-hook": ("error", "it has the hooks without which its kind is of no use"),
    "hook-fails": ("error", "the hooks that can be tried without consequences answer, and with the right type"),
    "scheme": ("error", "a vendor's name can be the scheme of a reference"),
    "recipe": ("error", "a worker's worker.toml is there, complete, and about the worker that is declared"),
    "command-app": ("error", "a command mounts, and the help of all its commands can be written"),
    "command-name": ("error", "a command has a name that can be reached"),
    "file-missing": ("error", "every file that was installed with it is still there"),
    "file-changed": ("warning", "the files are those that were installed"),
    "file-unrecorded": ("warning", "a worker.toml is one of the files that were installed"),
    "requirement": ("warning", "what it requires is installed in a version that it accepts"),
    "foreign-hook": ("warning", "it has no hook that only plugins of another kind are asked"),
    "unmarked-hook": ("warning", "a method that is named like a hook is marked with @hookimpl"),
    "heavy-import": ("warning", "packages that take long to import are imported where they are used"),
    "module-count": ("warning", "loading it imports few modules"),
    "prints": ("warning", "nothing is printed to standard output"),
    "rival": ("warning", "nothing else that is installed answers to its name"),
    "unknown-group": ("warning", "its entry points are in groups that there are"),
    "no-api-version": ("note", "it says rbee_api, the hook API it is made for"),
    "dist-name": ("note", "the distribution's name says what it is: rbee-KIND-NAME"),
    "no-summary": ("note", "the metadata has a summary"),
    "no-readme": ("note", "the metadata has a description"),
    "no-licence": ("note", "the metadata has a licence expression or classifier, and the licence's text"),
    "no-author": ("note", "the metadata has an author"),
    "no-urls": ("note", "the metadata has an address to go to"),
    "no-keywords": ("note", "the metadata has keywords"),
    "no-requires-python": ("note", "the metadata says which versions of Python will do"),
    "core-requirement": ("note", "rbee-core is required, from some version on"),
    "typed": ("note", "py.typed and the classifier 'Typing :: Typed' come together"),
    "placeholder": ("note", "nothing is left of a template"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a plugin.

    ``rule`` is a key of `RULES`; ``message`` a sentence without its full stop; ``hint`` what to do about it; ``where``
    the place, ``package/module.py:12`` or a key of a file.
    """

    severity: Severity
    rule: str
    message: str
    hint: str | None = None
    where: str | None = None

    def row(self) -> dict[str, Any]:
        """As ``rbee plugins check --json`` has it."""
        return asdict(self)


def finding(rule: str, message: str, hint: str | None = None, where: str | None = None) -> Finding:
    """A finding with its rule's severity."""
    return Finding(RULES[rule][0], rule, message, hint, where)


def from_row(row: Any) -> Finding | None:
    """A finding as a child process told it; ``None`` for what is none."""
    if not isinstance(row, dict) or row.get("rule") not in RULES:
        return None
    texts = {key: str(row[key]) if row.get(key) else None for key in ("hint", "where")}
    return finding(str(row["rule"]), str(row.get("message")), **texts)
