"""Distributions that are good in every way but one: for each rule of ``rbee plugins check``, what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rbee_core.testing.dists import BACKEND, VENDOR, make_dist

GOOD = {
    "Summary": "Models from a shelf.",
    "License-Expression": "Apache-2.0",
    "License-File": "LICENSE",
    "Author": "Ada Lovelace",
    "Project-URL": "Homepage, https://shelf.dev",
    "Requires-Python": ">=3.11",
    "Requires-Dist": "rbee-core>=0.1",
    "Keywords": "models",
    "Description": "How to use it.",
}
API_VENDOR = VENDOR.replace("class Vendor:", "class Vendor:\n    rbee_api = 1\n")
API_BACKEND = BACKEND.replace("class Backend:", "class Backend:\n    rbee_api = 1\n")
COMMAND = "import typer\napp = typer.Typer()\n\n@app.command()\ndef go(times: int = 1): 'Go.'\n"
RECIPE = """
schema = 1
[worker]
id = "{name}"
name = "A worker"
description = "It works"
license = "MIT"
[build]
system = "pip"
features = ["cpu"]
default_feature = "cpu"
[build.pip]
requirements = []
include_self = true
[run]
entry = ["{python}", "-m", "it", "--model", "{model}", "--port", "{port}"]
"""
_ATTRIBUTES = {"vendor": ":Vendor", "backend": ":Backend", "worker": "", "command": ":app"}
_SOURCES = {"vendor": API_VENDOR, "backend": API_BACKEND, "worker": "raise SystemExit('executed')", "command": COMMAND}


@dataclass(frozen=True)
class Bad:
    """What is not as it should be.

    :param rule: the rule it breaks, and no other.
    :param says: words of the finding's message.
    :param where: the end of the finding's place.
    :param source: the module; a good one of its kind where not given.
    :param files: further files, by name beside the package: ``{package}`` is filled in. With one named
        ``{package}/…`` the module becomes a package.
    :param metadata: headers other than those of `GOOD`; ``None`` takes one away.
    :param value: the entry point's value.
    :param groups: further groups of entry points.
    :param damage: done to the folder once it is installed.
    """

    rule: str
    says: str
    where: str | None = None
    kind: str = "vendor"
    name: str | None = None
    dist: str | None = None
    source: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str | None] = field(default_factory=dict)
    value: str | None = None
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    damage: Callable[[Path, str], object] | None = None

    def install(self, site: Path, case: str) -> str:
        """Install it, and give the name of its entry point."""
        name, dist = self.name or case, self.dist or f"rbee-{self.kind}-{case}"
        package = dist.replace("-", "_")
        files = {key.replace("{package}", package): text for key, text in self.files.items()}
        if self.kind == "worker":
            files.setdefault(f"{package}/worker.toml", RECIPE)
        nested = any(key.startswith(f"{package}/") for key in files)
        main = f"{package}/__init__.py" if nested else f"{package}.py"
        files[main] = _SOURCES[self.kind] if self.source is None else self.source
        files = {key: text.replace("{name}", name).replace("{package}", package) for key, text in files.items()}
        headers = {key: value for key, value in {**GOOD, **self.metadata}.items() if value is not None}
        value = (self.value or f"{{package}}{_ATTRIBUTES[self.kind]}").replace("{package}", package)
        groups = {f"rbee.{self.kind}s": {name: value}, **self.groups}
        make_dist(site, dist, "1.0", groups, files, headers)
        if self.damage is not None:
            self.damage(site, package)
        return name


def with_vendor(old: str, new: str) -> str:
    """The good vendor with something else in it."""
    assert old in API_VENDOR
    return API_VENDOR.replace(old, new)


def _hook(text: str) -> str:
    return API_VENDOR + f"\n    @hookimpl\n    {text}\n"


def _write(name: str, text: str) -> Callable[[Path, str], object]:
    return lambda site, package: (site / name.replace("{package}", package)).write_text(text)


def _delete(name: str) -> Callable[[Path, str], object]:
    return lambda site, package: (site / name.replace("{package}", package)).unlink()


#: What is tried in a process that ends in time.
BAD: dict[str, Bad] = {
    # --- loading
    "no-module": Bad("entry-point", "the module nowhere_at_all, which is not there", value="nowhere_at_all:Vendor"),
    "no-attribute": Bad("entry-point", "has no 'Vender'; did you mean 'Vendor'?", value="{package}:Vender"),
    "no-value": Bad("entry-point", "does not name a module and an attribute", value="this is: no value!"),
    "raises": Bad("import", "ImportError: gone", "raises.py:3", source="# one\n\nraise ImportError('gone')"),
    "exits": Bad("import", "SystemExit: 3", "exits.py:2", source="import sys\nsys.exit(3)"),
    "syntax": Bad("import", "SyntaxError", "syntax.py:2", source="x = 1\ndef"),
    "own-part": Bad(
        "import", "own module rbee_vendor_own_part.lost", "__init__.py:1",
        source="import rbee_vendor_own_part.lost", files={"{package}/data.py": ""},
    ),
    "needs": Bad("dependency", "imports surely_absent, which", "needs.py:1", source="import surely_absent.part"),
    "requires": Bad(
        "dependency", "requires surely-absent>=2",
        metadata={"Requires-Dist": "surely-absent>=2\nRequires-Dist: rbee-core>=0.1"},
    ),
    "dies": Bad("crashes", "ended its process (exit status 0)", source="import os\nos._exit(0)"),
    "too-new": Bad("api-version", "wants API 7", source=with_vendor("rbee_api = 1", "rbee_api = 7")),
    "nothing": Bad("plugin-object", "is None", source="Vendor = None"),
    # --- hooks
    "misspelt": Bad(
        "unknown-hook", "'resolve_modle'; did you mean 'resolve_model'?", "misspelt.py:16",
        source=_hook("def resolve_modle(self, ref): pass"),
    ),
    "argument": Bad(
        "hook-argument", "supports_model takes 'reference'; it is offered ref", "argument.py:7",
        source=with_vendor("self, ref):", "self, reference):"),
    ),
    "is-async": Bad(
        "hook-form", "resolve_model is async", "is_async.py:16",
        source=_hook("async def resolve_model(self, ref): pass"),
    ),
    "yields": Bad(
        "hook-form", "resolve_model is a generator", "yields.py:16",
        source=_hook("def resolve_model(self, ref): yield"),
    ),
    "half": Bad(
        "missing-hook", "does not implement download_model",
        source=with_vendor("    @hookimpl\n    def download_model", "    def _download"),
    ),
    "fails": Bad(
        "hook-fails", "supports_model: ValueError: boom", "fails.py:9",
        source=with_vendor("return True", "raise ValueError('boom')"),
    ),
    "nonsense": Bad(
        "hook-fails", "returned 'yes' (str), not a bool", source=with_vendor("return True", "return 'yes'"),
    ),
    "blind": Bad(
        "hook-fails", "returned a device of backend 'other'", kind="backend",
        source=API_BACKEND.replace('backend="{name}"', 'backend="other"'),
    ),
    "foreign": Bad(
        "foreign-hook", "detect_hardware is a hook of backends", "foreign.py:16",
        source=_hook("def detect_hardware(self): return []"),
    ),
    "default": Bad(
        "hook-argument", "resolve_model takes 'fast'; it is offered ref, job", "default.py:16",
        source=_hook("def resolve_model(self, ref, fast=True): pass"),
    ),
    "unmarked": Bad(
        "unmarked-hook", "resolve_model has no @hookimpl", "unmarked.py:16",
        source=API_VENDOR + "\n    def resolve_model(self, ref): pass\n",
    ),
    "un_typable": Bad("scheme", "cannot be the scheme of a reference"),
    # --- workers and commands
    "no-recipe": Bad(
        "recipe", "carries no worker.toml", kind="worker", damage=lambda site, package: _never_there(site, package),
        files={"{package}/data.py": ""},
    ),
    "odd-recipe": Bad(
        "recipe", "describes 'another'", kind="worker",
        files={"{package}/worker.toml": RECIPE.replace("{name}", "another")},
    ),
    "half-recipe": Bad(
        "recipe", "worker.license: is missing", "worker.toml, worker.license", kind="worker",
        files={"{package}/worker.toml": RECIPE.replace('license = "MIT"\n', "")},
    ),
    "lone-recipe": Bad(
        "recipe", "names 'not_there', which is not installed here", "worker.toml, build.pip.include_packages",
        kind="worker",
        files={
            "{package}/worker.toml": RECIPE.replace("include_self", 'include_packages = ["not_there"]\ninclude_self')
        },
    ),
    "no-app": Bad("command-app", "is a int, not a typer.Typer", kind="command", source="app = 5"),
    "no-mount": Bad(
        "command-app", "cannot be mounted", kind="command",
        source=COMMAND.replace("times: int = 1", "times: 'Nowhere' = 1"),
    ),
    "no-help": Bad(
        "command-app", "the help of `rbee no-help", kind="command",
        source=COMMAND.replace("Typer()", "Typer(rich_markup_mode='rich')").replace("'Go.'", "'Go [/nowhere].'"),
    ),
    "hides": Bad("command-name", "'config' is a command of rbee itself", kind="command", name="config"),
    # --- what was installed
    "lost-file": Bad(
        "file-missing", "installed, but gone: lost_file.txt", files={"lost_file.txt": "x"},
        damage=_delete("lost_file.txt"),
    ),
    "hostile-record": Bad("file-missing", "gone: a b.txt, ", damage=lambda site, package: _add_hostile(site, package)),
    "no-record": Bad("file-changed", "its metadata is damaged", damage=lambda site, package: _damage(site, package)),
    "other-file": Bad(
        "file-changed", "changed since it was installed: other_file.txt", files={"other_file.txt": "x"},
        damage=_write("other_file.txt", "y"),
    ),
    "longer-file": Bad(
        "file-changed", "longer_file.txt", files={"longer_file.txt": "x"}, damage=_write("longer_file.txt", "xx"),
    ),
    "unrecorded": Bad(
        "file-unrecorded", "has a worker.toml, but it was not installed", kind="worker",
        damage=lambda site, package: _unlist(site, package),
    ),
    "outdated": Bad(
        "requirement", "requires typer>=99", metadata={"Requires-Dist": "typer>=99\nRequires-Dist: rbee-core>=0.1"},
    ),
    "misplaced": Bad(
        "unknown-group", "is declared in 'rbee.vendor', which nothing reads", groups={"rbee.vendor": {"lost": "x:y"}},
    ),
    # --- loading it well
    "heavy": Bad("heavy-import", "loading it imports rich", "heavy.py:1", source="import rich" + API_VENDOR),
    "heavy-inside": Bad(
        "heavy-import", "loading it imports rich", "rbee_vendor_heavy_inside/part.py:2",
        source="from .part import x" + API_VENDOR, files={"{package}/part.py": "x = 1\nimport rich"},
    ),
    "wide": Bad(
        "module-count", "most are of",
        source="import asyncio, unittest.mock, xmlrpc.server, http.server" + API_VENDOR,
    ),
    "loud": Bad("prints", "printed 'hello' while it was loaded", source="print('hello')" + API_VENDOR),
    "loud-below": Bad(
        "prints", "printed 'raw' in supports_model",
        source=with_vendor("return True", "import os; os.write(1, b'raw'); return True"),
    ),
    "twin": Bad("rival", "declares 'shared' too", kind="backend", name="shared"),
    # --- publishing
    "no-api": Bad("no-api-version", "which hook API", source=VENDOR),
    "strange": Bad("dist-name", "the distribution is called strange-thing", dist="strange-thing"),
    "summary": Bad("no-summary", "no summary", metadata={"Summary": None}),
    "readme": Bad("no-readme", "no description", metadata={"Description": None}),
    "unlicensed": Bad("no-licence", "has no licence", metadata={"License-Expression": None}),
    "own-licence": Bad(
        "no-licence", "'My own', which is no SPDX expression", metadata={"License-Expression": "My own"},
    ),
    "no-text": Bad("no-licence", "no file with its licence's text", metadata={"License-File": None}),
    "author": Bad("no-author", "no author", metadata={"Author": None}),
    "urls": Bad("no-urls", "no address", metadata={"Project-URL": None}),
    "keywords": Bad("no-keywords", "no keywords", metadata={"Keywords": None}),
    "python": Bad("no-requires-python", "which versions of Python", metadata={"Requires-Python": None}),
    "coreless": Bad("core-requirement", "does not require rbee-core", metadata={"Requires-Dist": None}),
    "any-core": Bad("core-requirement", "of any version", metadata={"Requires-Dist": "rbee-core"}),
    "says-typed": Bad(
        "typed", "has no py.typed", files={"{package}/data.py": ""}, metadata={"Classifier": "Typing :: Typed"},
    ),
    "is-typed": Bad("typed", "does not say 'Typing :: Typed'", files={"{package}/py.typed": ""}),
    "todo": Bad("placeholder", "Summary is still a template's", metadata={"Summary": "TODO: say what it is"}),
    "nowhere": Bad(
        "placeholder", "Author-email is still",
        metadata={"Author": None, "Author-email": "Your Name <you@example.com>"},
    ),
}  # fmt: skip

#: What hangs: it takes the whole time limit.
HANGING = {
    "stuck": Bad("hangs", "loading it took longer", source="import threading\nthreading.Event().wait()"),
    "stuck-in-hook": Bad(
        "hangs", "supports_model: took longer",
        source=with_vendor("return True", "import threading; threading.Event().wait()"),
    ),
}  # fmt: skip


def _never_there(site: Path, package: str) -> None:
    _unlist(site, package)
    (site / package / "worker.toml").unlink()


def _unlist(site: Path, package: str) -> None:
    record = site / f"{package}-1.0.dist-info" / "RECORD"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if "worker.toml" not in line))


def _add_hostile(site: Path, package: str) -> None:
    """Names that no file can have, and files that never end."""
    names = ["a\0b.txt", "x" * 5000, "/dev/zero", "../" * 40 + "dev/zero", str(site)]
    with (site / f"{package}-1.0.dist-info" / "RECORD").open("a") as record:
        record.writelines(f"{name},sha256=AAAA,5\n" for name in names)


def _damage(site: Path, package: str) -> None:
    with (site / f"{package}-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("x" * 200_000 + ",,\n")


def editable(site: Path, package: str) -> None:
    """Make it what ``pip install -e`` leaves: a checkout, whose files nobody listed."""
    _unlist(site, package)
    origin = '{"url": "file:///src", "dir_info": {"editable": true}}'
    (site / f"{package}-1.0.dist-info" / "direct_url.json").write_text(origin)
