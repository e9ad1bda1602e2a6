"""The shared types: pure data, depending on nothing else of rbee, so that everything else may depend on them.

Artifacts (models, workers on disk, devices) speak camelCase JSON; the running-worker contract speaks snake_case, as the
original system's did. Every model reads both spellings.
"""

from .base import Contract, SnakeContract
from .common import Architecture, ArtifactStatus, Digest, LifecycleState, Platform, WorkerType
from .device import Device
from .download import DownloadedFile, DownloadResult, ManifestFile, ModelManifest
from .job import JobEvent, Level
from .model import ModelEntry, ModelFile, ModelFormat
from .recipe import (
    BackendSection,
    BuildSection,
    Capabilities,
    PipBuild,
    RunSection,
    WorkerRecipe,
    WorkerVariant,
)
from .worker import WorkerBinary, WorkerHeartbeat, WorkerInfo, WorkerStatus

__all__ = [
    "Architecture",
    "ArtifactStatus",
    "BackendSection",
    "BuildSection",
    "Capabilities",
    "Contract",
    "Device",
    "Digest",
    "DownloadResult",
    "DownloadedFile",
    "JobEvent",
    "Level",
    "LifecycleState",
    "ManifestFile",
    "ModelEntry",
    "ModelFile",
    "ModelFormat",
    "ModelManifest",
    "PipBuild",
    "Platform",
    "RunSection",
    "SnakeContract",
    "WorkerBinary",
    "WorkerHeartbeat",
    "WorkerInfo",
    "WorkerRecipe",
    "WorkerStatus",
    "WorkerType",
    "WorkerVariant",
]
