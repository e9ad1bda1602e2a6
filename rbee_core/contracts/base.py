"""The two bases of every contract: how it is spelt in JSON, and how it is written out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class SnakeContract(BaseModel):
    """A contract whose JSON names are its Python names."""

    # Unknown keys are kept: a newer rbee's file, read and written by this one, must lose nothing.
    model_config = ConfigDict(extra="allow", validate_assignment=True)

    def wire(self) -> dict[str, Any]:
        """This object as JSON-ready data, spelt as on the wire; fields that are not set are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Contract(SnakeContract):
    """A contract whose JSON is camelCase on the wire and snake_case in files that people read. Both are accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    def disk(self) -> dict[str, Any]:
        """This object as JSON-ready data in snake_case, as ``catalog.json`` holds it."""
        return self.model_dump(mode="json", by_alias=False, exclude_none=True)
