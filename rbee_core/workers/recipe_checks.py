"""The rules of ``worker.toml``: its keys and their types, then what they mean together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contracts.common import Architecture, Platform, WorkerType
from ..contracts.recipe import (
    BackendSection,
    BuildSection,
    Capabilities,
    HealthCheck,
    PipBuild,
    RunSection,
    WorkerId,
    WorkerRecipe,
)
from .placeholders import ALWAYS, PLACEHOLDERS, used

#: The schema this rbee reads; a later one is refused, an ``x-…`` table is ignored.
SCHEMA = 1

_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
#: Variables that would make the loader, the shell or the interpreter run something else.
_ENV_DENIED = re.compile(r"(LD_.*|DYLD_.*|PATH|HOME|BASH_ENV|ENV|IFS|SHELL|PYTHON(PATH|HOME|STARTUP|INSPECT)|RBEE_.*)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the key's path in the file (empty for the file itself), and what."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


class _WorkerTable(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    id: WorkerId
    name: str = Field(min_length=1, max_length=80)
    description: str = Field(min_length=1, max_length=200)
    license: str = Field(min_length=1, max_length=200)
    kind: str | None = None
    keywords: list[str] = Field(default_factory=list, max_length=10)
    homepage: str | None = Field(default=None, pattern=r"^https?://")


class _File(BaseModel):
    """The whole file, for its types."""

    model_config = ConfigDict(extra="allow")

    worker: _WorkerTable
    build: BuildSection
    run: RunSection | None = None
    backend: dict[WorkerType, BackendSection] = Field(default_factory=dict)
    capabilities: Capabilities = Field(default_factory=Capabilities)
    platforms: dict[Platform, list[Architecture]] = Field(default_factory=dict)


#: Table → the keys it may have. Other schema-1 tables (``sources``, ``depends``, …) are for the tools that use them.
_KEYS: dict[str, set[str]] = {
    "": {"schema", "worker", "build", "run", "backend", "capabilities", "platforms", "sources", "depends", "resources"},
    "worker": {
        *_WorkerTable.model_fields, "namespace", "readme", "repository", "license_files", "maintainers", "version",
        "version_from", "dynamic", "release", "provides", "conflicts", "replaces",
    },
    "build": {
        *BuildSection.model_fields, "directory", "env", "cmake_args", "cargo_args", "targets", "network", "memory_mb",
        "disk_mb", "tests",
    },
    "build.pip": {*PipBuild.model_fields, "package", "extras", "constraints", "require_hashes"},
    "backend.*": {
        *BackendSection.model_fields, "cmake_args", "cargo_features", "pip_extras", "pip_index", "priority",
        "conflicts_with_backends",
    },
    "backend.*.pip": {*PipBuild.model_fields},
    "run": {*RunSection.model_fields, "install", "shutdown", "env", "sandbox"},
    "run.health": {*HealthCheck.model_fields, "expect", "interval_s"},
    "capabilities": {
        *Capabilities.model_fields, "tasks", "libraries", "languages", "min_parameters_b", "max_parameters_b",
    },
}  # fmt: skip


def check_shape(table: dict[str, Any]) -> list[Problem]:
    """Unknown keys, missing keys and wrong types, all of them."""
    schema = table.get("schema", SCHEMA)
    if type(schema) is not int or schema < 1:
        return [Problem("schema", f"is {schema!r}; allowed: {SCHEMA}")]
    if schema > SCHEMA:
        return [Problem("schema", f"is {schema}; this rbee reads {SCHEMA}: a newer rbee is needed")]
    return [*_unknown_keys(table), *_wrong_types(table)]


def _unknown_keys(table: dict[str, Any]) -> list[Problem]:
    problems = []
    for pattern, allowed in _KEYS.items():
        for where, found in _tables(table, pattern):
            for key in found:
                if key not in allowed and not str(key).startswith("x-"):
                    path = f"{where}.{key}" if where else key
                    allowed_here = ", ".join(sorted(allowed))
                    problems.append(Problem(path, f"is not known; {where or 'the file'} has {allowed_here}"))
    return problems


def _tables(table: dict[str, Any], pattern: str) -> list[tuple[str, dict[str, Any]]]:
    """The tables that a dotted path with ``*`` names, each with its own path."""
    found: list[tuple[str, Any]] = [("", table)]
    for part in pattern.split(".") if pattern else []:
        found = [
            (f"{where}.{key}" if where else key, inner)
            for where, outer in found
            if isinstance(outer, dict)
            for key, inner in outer.items()
            if part in ("*", key)
        ]
    return [(where, inner) for where, inner in found if isinstance(inner, dict)]


def _wrong_types(table: dict[str, Any]) -> list[Problem]:
    try:
        _File.model_validate(table, strict=True)
    except ValidationError as error:
        seen: dict[str, Problem] = {}
        for item in error.errors(include_url=False, include_context=True):
            # A union's branches (text, or a list of texts) each report their own: the key is told once.
            key = ".".join(str(part) for part in item["loc"] if part not in ("str", "list[str]", "[key]"))
            seen.setdefault(key, Problem(key, _worded(item)))
        return list(seen.values())
    return []


_ALLOWED_ID = "lower-case letters and digits, with single dashes between, a letter first, at most 40"


def _worded(item: Any) -> str:
    kind, value = item["type"], item.get("input")
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch":
        allowed = {"id": _ALLOWED_ID, "homepage": "an http(s) address"}.get(str(item["loc"][-1]), "lower-case names")
        return f"is {value!r}; allowed: {allowed}"
    message = str(item["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    shown = repr(value)
    return f"is {shown if len(shown) <= 60 else shown[:57] + '…'}; allowed: {message}"


# --- what the keys mean together --------------------------------------------------------------------------------------


def check_meaning(recipe: WorkerRecipe, folder: Path) -> list[Problem]:
    """What types cannot say."""
    return [*_check_texts(recipe), *_check_features(recipe), *_check_pip(recipe, folder), *_check_run(recipe)]


def _check_texts(recipe: WorkerRecipe) -> list[Problem]:
    return [
        Problem(f"worker.{key}", "has characters that do not print; allowed: one line of plain text")
        for key in ("name", "description", "license")
        if not getattr(recipe, key).isprintable()  # nor are zero-width and bidirectional marks
    ]


def _check_features(recipe: WorkerRecipe) -> list[Problem]:
    features = recipe.build.features
    listed = ", ".join(features)
    problems = []
    if len(set(features)) < len(features):
        problems.append(Problem("build.features", "names one twice"))
    if recipe.build.default_feature not in features:
        problems.append(Problem("build.default_feature", f"is {recipe.build.default_feature!r}; allowed: {listed}"))
    problems += [
        Problem(f"backend.{name}", f"is no feature of this worker; allowed: {listed}")
        for name in recipe.backend
        if name not in features
    ]
    for name, section in recipe.backend.items():
        for variable in section.env:
            if not _ENV_NAME.fullmatch(variable) or _ENV_DENIED.fullmatch(variable):
                allowed = "capital letters, digits and _, and none that changes which program runs"
                problems.append(Problem(f"backend.{name}.env.{variable}", f"is not allowed; allowed: {allowed}"))
    return problems


def _check_pip(recipe: WorkerRecipe, folder: Path) -> list[Problem]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    sections = {"build.pip": recipe.build.pip} | {f"backend.{name}.pip": s.pip for name, s in recipe.backend.items()}
    features, problems = recipe.build.features, []
    if recipe.build.system == "pip" and not all(recipe.build.pip or sections.get(f"backend.{f}.pip") for f in features):
        problems.append(Problem("build.pip", "is missing; allowed: { requirements = […], include_self = true }"))
    names: set[str] = set()
    for where, pip in sections.items():
        for index, text in enumerate(pip.requirements if pip else []):
            try:
                names.add(canonicalize_name(Requirement(text).name))
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                problems.append(Problem(f"{where}.requirements.{index}", f"{text!r} is not a requirement: {reason}"))
    for where, pip in sections.items():
        if pip:
            problems += _check_pip_section(where, pip, names, folder)
    return problems


def _check_pip_section(where: str, pip: PipBuild, names: set[str], folder: Path) -> list[Problem]:
    """One section; ``names`` are those of all requirements."""
    from packaging.utils import canonicalize_name

    problems = []
    if pip.index_url and not re.match(r"https?://[^@\s]+$", pip.index_url):
        problems.append(Problem(f"{where}.index_url", "allowed: an http(s) address without credentials"))
    if pip.include_self and not (folder / "__init__.py").is_file():
        problems.append(Problem(f"{where}.include_self", "is true, but worker.toml does not lie in a package"))
    for name in pip.include_packages:
        if included_package(name) is None:
            problems.append(Problem(f"{where}.include_packages", f"names {name!r}, which is not installed here"))
    for name in pip.from_source:
        if canonicalize_name(name) not in names:
            problems.append(Problem(f"{where}.from_source", f"names {name!r}, which is none of the requirements"))
    if pip.prebuilt and len(pip.from_source) != 1:
        problems.append(Problem(f"{where}.prebuilt", "needs a from_source beside it that names one distribution"))
    for number, prebuilt in enumerate(pip.prebuilt):
        for key in prebuilt.model_extra or {}:
            problems.append(Problem(f"{where}.prebuilt.{number}.{key}", "is not known; allowed: index, requires"))
    return problems


def included_package(name: str) -> Path | None:
    """The folder of a package that is installed beside rbee, by its import name; found, not imported."""
    from importlib.util import find_spec

    if not name.isidentifier():  # with dots in it, its parent would be imported
        return None
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None


def _check_run(recipe: WorkerRecipe) -> list[Problem]:
    if recipe.run is None:
        return []
    problems = []
    for key, entry in (("run.entry", recipe.run.entry), ("run.check", recipe.run.check or [])):
        known = PLACEHOLDERS if key == "run.entry" else {"python": "", "prefix": ""}
        for name in sorted(used(entry) - set(known)):
            problems.append(Problem(key, f"has the placeholder {{{name}}}; allowed: {', '.join(known)}"))
        bare = used([part for part in entry if isinstance(part, str)])
        for name in sorted(bare & set(PLACEHOLDERS) - ALWAYS):
            problems.append(
                Problem(key, f'{{{name}}} may have no value: put it into a list of its own, ["--…", "{{{name}}}"]')
            )
        if any(isinstance(part, list) and not used([part]) for part in entry):
            problems.append(Problem(key, "has a list without a placeholder: write its parts directly"))
    for name in sorted({"model", "port"} - used(recipe.run.entry)):
        problems.append(Problem("run.entry", f"lacks the placeholder {{{name}}}"))
    if not recipe.run.health.path.startswith("/"):
        problems.append(Problem("run.health.path", f"is {recipe.run.health.path!r}; allowed: a path such as /health"))
    return problems
