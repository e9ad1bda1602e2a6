"""``worker.toml``: how a worker is described, built and started. Declarative only: no shell text anywhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Contract
from .common import Architecture, Platform, WorkerType

#: A worker's id: lower-case words joined by single dashes, starting with a letter, at most 40 characters.
WorkerId = Annotated[str, StringConstraints(pattern=r"^[a-z](?:-?[a-z0-9])+$", max_length=40)]


#: ``namespace :: feature :: value`` (PEP 825).
Property = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]+ :: [a-z0-9_.]+ :: [a-z0-9_.]+$", max_length=200)]


class PrebuiltIndex(Contract):
    """An index of prebuilt wheels that the engine's own description names, and for what devices these wheels are.

    ``index`` is the last part of its address (``cu128``); ``requires`` as in `BackendSection`, but a device has to tell
    all of it of itself.
    """

    index: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=40)]
    requires: list[Property] = Field(default_factory=list)


class PipBuild(Contract):
    """What a ``pip`` build installs into the worker's environment: requirement strings (PEP 508), and where from.

    ``include_self`` copies the Python package that carries the ``worker.toml`` in beside them, and ``include_packages``
    others that are installed beside it, by import name, so that no index needs to know them. ``from_source`` names
    distributions whose prebuilt wheels are for other hardware: they are compiled here. ``prebuilt`` lists the indexes,
    the best first, on which the publisher of the one that is named there has wheels for this hardware after all: these
    are looked for before. ``torch_backend`` says which of PyTorch's builds to take, in uv's words (``cpu``, ``cu128``,
    ``rocm6.4``; ``auto`` for what the driver allows).
    """

    requirements: list[str] = Field(default_factory=list)
    index_url: str | None = None
    include_self: bool = False
    include_packages: list[str] = Field(default_factory=list)
    from_source: list[str] = Field(default_factory=list)
    prebuilt: list[PrebuiltIndex] = Field(default_factory=list)
    torch_backend: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cu\d{2,3}|rocm\d[\d.]*|xpu)$")] | None = None


class BuildSection(Contract):
    """``[build]``: the build system and the features (one variant each)."""

    system: Literal["pip", "cmake", "cargo", "prebuilt"] | None = None
    features: list[WorkerType] = Field(min_length=1)
    default_feature: WorkerType
    pip: PipBuild | None = None
    timeout_s: int = Field(default=3600, gt=0)


class BackendSection(Contract):
    """``[backend.<feature>]``: what differs for one feature from ``[build]`` and ``[platforms]``.

    ``requires``: what a device has to be, as properties of PEP 825 (``nvidia :: cuda_version_lower_bound :: 12.4``,
    ``x86_64 :: level :: v3``): one of several values of a property, and every property.
    """

    pip: PipBuild | None = None
    requires: list[Property] = Field(default_factory=list)
    platforms: dict[Platform, list[Architecture]] | None = None
    env: dict[str, str] = Field(default_factory=dict)


class HealthCheck(Contract):
    """How to tell that a started worker is ready: a path that answers 200, within a time."""

    path: str = "/health"
    start_timeout_s: float = Field(default=120, gt=0)


class RunSection(Contract):
    """``[run]``: the command line, as an argv with closed placeholders, and the protocol it then speaks.

    A list within ``entry`` is left out when a placeholder in it has no value: ``["--threads", "{threads}"]``. ``check``
    is run once after a build and has to succeed; ``grace_s`` is the time between being told to stop and being killed.
    """

    entry: list[str | list[str]] = Field(min_length=1)
    protocol: Literal["openai"] = "openai"
    health: HealthCheck = Field(default_factory=HealthCheck)
    check: list[str] | None = None
    grace_s: float = Field(default=10, gt=0)


class Capabilities(Contract):
    """``[capabilities]``: what the worker can load and do.

    ``engine`` says whose rules its memory follows (``llama.cpp``, ``pytorch``), so that it can be planned for.
    ``partial_offload``: some layers may lie on the GPU and the rest in memory; ``multi_device``: they may be spread
    over several GPUs. ``architectures`` are the models it knows, by the name their files give; none: all.
    ``required_files`` says more of what it loads than the format's name: a pattern for each file that a model has to
    have (``*.onnx.json``), which matters for the formats ``onnx`` and ``other``.
    """

    supported_formats: list[str] = Field(default_factory=list)
    required_files: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(default_factory=list)
    max_context_length: int | None = Field(default=None, gt=0)
    supports_streaming: bool = False
    supports_batching: bool = False
    engine: str | None = None
    architectures: list[str] = Field(default_factory=list)
    kv_types: list[str] = Field(default_factory=list)
    partial_offload: bool = False
    multi_device: bool = False


class WorkerRecipe(Contract):
    """One worker, as its ``worker.toml`` describes it (seed 004, and what building needs).

    ``kind`` is what it is for, an open set: ``llm`` (so is one that names none), ``speech`` (OpenAI's
    ``/v1/audio/speech``), or anything else, which ``rbee serve`` starts and ``rbee run`` cannot ask.

    ``location`` is the folder the file lies in and ``source`` how it was found (``local | package | remote |
    community``): both are set by discovery, never read from the file.
    """

    id: WorkerId
    name: str
    version: str
    description: str
    license: str
    kind: str | None = None
    keywords: list[str] = Field(default_factory=list)
    homepage: str | None = None
    build: BuildSection
    run: RunSection | None = None
    backend: dict[WorkerType, BackendSection] = Field(default_factory=dict)
    capabilities: Capabilities = Field(default_factory=Capabilities)
    platforms: dict[Platform, list[Architecture]] = Field(default_factory=dict)
    source: Literal["local", "package", "remote", "community"] = "local"
    location: str = ""
    dist: str | None = None
    digest: str | None = None

    @property
    def is_language(self) -> bool:
        """Whether its models are of language: they have a context, and answer in text."""
        return self.kind in (None, "llm")

    def variants(self) -> list[WorkerVariant]:
        """One variant per feature, the default feature first, then in the file's order."""
        ordered = sorted(self.build.features, key=lambda feature: feature != self.build.default_feature)
        return [self.variant(feature) for feature in ordered]

    def variant(self, feature: str) -> WorkerVariant:
        """The variant for one feature, with its own platforms or else the recipe's."""
        own = self.backend.get(feature)
        platforms = own.platforms if own is not None and own.platforms is not None else self.platforms
        return WorkerVariant(id=f"{self.id}-{feature}", worker=self.id, feature=feature, platforms=platforms)


class WorkerVariant(Contract):
    """A worker built for one hardware feature: ``llm-worker-cuda``. ``platforms`` maps system to architectures."""

    id: str
    worker: WorkerId
    feature: WorkerType
    platforms: dict[Platform, list[Architecture]] = Field(default_factory=dict)
