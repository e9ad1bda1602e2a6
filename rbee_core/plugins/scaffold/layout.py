"""Which files a new plugin has, and what is filled into them."""

from __future__ import annotations

from pathlib import Path
from string import Template

from ..._version import __version__
from .authors import Author
from .gaps import HOME
from .names import MEANS, Naming

#: ``*.tmpl``: `string.Template` texts, and thus ``$$`` for a dollar.
TEMPLATES = Path(__file__).parent / "templates"

#: File → template. ``PACKAGE`` stands for the package's folder.
_COMMON = {
    ".github/workflows/ci.yml": "common/ci.yml",
    ".gitignore": "common/gitignore",
    "pyproject.toml": "common/pyproject.toml",
}
_FILES = {
    "vendor": {"PACKAGE/__init__.py": "package.py"},
    "backend": {"PACKAGE/__init__.py": "package.py", "PACKAGE/detect.py": "detect.py"},
    "worker": {
        "PACKAGE/__init__.py": "package.py",
        "PACKAGE/__main__.py": "main.py",
        "PACKAGE/engine_child.py": "engine_child.py",
        "PACKAGE/generate.py": "generate.py",
        "PACKAGE/model.py": "model.py",
        "PACKAGE/worker.toml": "worker.toml",
    },
    "command": {"PACKAGE/__init__.py": "package.py", "PACKAGE/cli.py": "cli.py"},
}
_EVERY_KIND = {"README.md": "README.md", "tests/test_contract.py": "contract.py"}
_ATTRIBUTES = {"vendor": ":Vendor", "backend": ":Backend", "worker": "", "command": ".cli:app"}
_SUMMARIES = {
    "vendor": "Models by {name}: references, for rbee",
    "backend": "The {name} accelerators, for rbee",
    "worker": "The worker {name}, for rbee",
    "command": "The command rbee {name}",
}
_ENVIRONMENT = {"vendor": "{upper}_FOLDER", "backend": "{upper}_ROOT"}
_NEEDS = {"worker": ("rbee-worker-kit",), "command": ("typer>=0.26",)}
_TEST_NEEDS = {"worker": ("rbee-backend-cpu", "rbee-vendor-file"), "command": ("rbee-vendor-file",)}


def files(naming: Naming, author: Author, licence: str, licence_text: str) -> dict[str, str]:
    """All files of the distribution, by their path in it.

    :param licence: an SPDX expression.
    """
    values = _values(naming, author, licence)
    kind = naming.kind
    templates = _COMMON | {path: f"{kind}/{name}" for path, name in (_EVERY_KIND | _FILES[kind]).items()}
    found = {
        path.replace("PACKAGE", naming.package): _filled(TEMPLATES / f"{template}.tmpl", values)
        for path, template in templates.items()
    }
    found |= {"LICENSE": licence_text, f"{naming.package}/py.typed": ""}
    return dict(sorted(found.items()))


def entry_point(naming: Naming) -> str:
    """What the entry point names in code."""
    return naming.package + _ATTRIBUTES[naming.kind]


def _filled(template: Path, values: dict[str, str]) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(values)


def _values(naming: Naming, author: Author, licence: str) -> dict[str, str]:
    kind = naming.kind
    one = {"name": author.name} | ({"email": author.email} if author.email else {})
    return {
        "kind": kind,
        "name": naming.name,
        "upper": naming.upper,
        "dist": naming.dist,
        "package": naming.package,
        "entry": entry_point(naming),
        "means": MEANS[kind],
        "summary": _SUMMARIES[kind].format(name=naming.name),
        "variable": _ENVIRONMENT.get(kind, "").format(upper=naming.upper),
        "licence": licence,
        "author": "{ " + ", ".join(f"{key} = {_quoted(value)}" for key, value in one.items()) + " }",
        "home": HOME + naming.dist,
        "dependencies": ", ".join(_requirement(name) for name in ("rbee-core", *_NEEDS.get(kind, ()))),
        "test": ", ".join(_requirement(name) for name in ("rbee-core[test]", *_TEST_NEEDS.get(kind, ()))),
    }


def _requirement(name: str) -> str:
    """Of rbee's own distributions: no older than this rbee, whose hooks and rules were written for."""
    series = ".".join(__version__.split(".")[:2])
    return _quoted(f"{name}>={series}" if name.startswith("rbee-") else name)


def _quoted(text: str) -> str:
    """A basic string of TOML; what is printable needs no more."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
