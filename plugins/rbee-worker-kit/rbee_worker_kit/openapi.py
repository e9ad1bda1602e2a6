"""The API's document, where the routes alone do not say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from .errors import ErrorBody

#: The refusals, for the document.
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "The request is wrong; `param` names the field"},
    401: {"model": ErrorBody, "description": "No API key, or the wrong one"},
    404: {"model": ErrorBody, "description": "Another model than the loaded one was asked for"},
    413: {"model": ErrorBody, "description": "The body is too large"},
    503: {"model": ErrorBody, "description": "The model is still loading, or the worker is stopping"},
}


def body_of(shape: type[BaseModel]) -> dict[str, Any]:
    """A request body that the route reads by itself."""
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}},
    }


def document(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> None:
    """Add to the generated document what is read by hand: the request bodies' schemas, and the bearer key."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document: dict[str, Any] = generate()
            schemas = document["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for operation in (operation for path in document["paths"].values() for operation in path.values()):
                operation["responses"].pop("422", None)  # what cannot be read is a 400 here
            for shape in bodies:
                schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= schema.pop("$defs", {})
                schemas[shape.__name__] = schema
            document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{}, {"key": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
