"""Small closed and open vocabularies that several contracts share."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class ArtifactStatus(StrEnum):
    """How far an artifact has come. ``Downloading`` also stands for "known, but not here yet"."""

    AVAILABLE = "Available"
    DOWNLOADING = "Downloading"
    FAILED = "Failed"


class LifecycleState(StrEnum):
    """Whether a model is offered for use. A retired one stays on disk and runs only when asked for by name."""

    ACTIVE = "Active"
    RETIRED = "Retired"


_NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

#: What a worker is built for: ``cpu``, ``cuda``, ``rocm``, ``metal``, or any name a third-party backend brings.
WorkerType = Annotated[str, StringConstraints(pattern=_NAME)]
#: An operating system: ``linux``, ``macos``, ``windows``.
Platform = Annotated[str, StringConstraints(pattern=_NAME)]
#: A machine architecture as the field spells it: ``x86_64``, ``aarch64``, …
Architecture = Annotated[str, StringConstraints(pattern=_NAME)]

#: Length in hex digits of each digest algorithm that rbee knows.
DIGEST_LENGTHS = {"sha256": 64, "sha512": 128, "sha384": 96, "sha1": 40, "md5": 32}
_DIGEST = re.compile(r"([A-Za-z0-9_+.-]+):([0-9A-Fa-f]+)")


class Digest(str):
    """A content digest, ``algorithm:hex`` in lower case (OCI image spec, "Digests").

    :raises ValueError: not of that form, an algorithm rbee does not know, or the wrong number of digits. An unknown
        algorithm is an error and never "not checked".
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        match = _DIGEST.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a digest: {text!r} (expected algorithm:hex)")
        algorithm, digits = match[1].lower(), match[2].lower()
        if algorithm not in DIGEST_LENGTHS:
            raise ValueError(f"unknown digest algorithm {algorithm!r} (known: {', '.join(DIGEST_LENGTHS)})")
        if len(digits) != DIGEST_LENGTHS[algorithm]:
            raise ValueError(f"a {algorithm} digest has {DIGEST_LENGTHS[algorithm]} hex digits, this has {len(digits)}")
        return super().__new__(cls, f"{algorithm}:{digits}")

    @property
    def algorithm(self) -> str:
        """The algorithm's name, e.g. ``sha256``."""
        return self.split(":", 1)[0]

    @property
    def hex(self) -> str:
        """The digits alone."""
        return self.split(":", 1)[1]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        algorithms = "|".join(DIGEST_LENGTHS)
        return {"type": "string", "pattern": f"^({algorithms}):[0-9a-f]+$"}
