"""Workers as JSON rows (design §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .discovery import Found

if TYPE_CHECKING:
    from .service import Workers


def row(workers: Workers, found: Found) -> dict[str, Any]:
    """A row of ``workers list --json``; a broken description is one with its ``reason`` and no variants."""
    recipe = found.recipe
    shared = {"source": found.origin.source, "location": found.location, "dist": found.origin.dist}
    if recipe is None:
        empty = {"name": found.id, "version": found.origin.version, "description": "", "license": None}
        lists: dict[str, Any] = {
            "features": [],
            "defaultFeature": None,
            "capabilities": {},
            "platforms": {},
            "variants": [],
        }
        return {"id": found.id, **empty, **shared, **lists, "status": "error", "reason": found.reason}
    variants = []
    for variant in recipe.variants():
        reason = workers.obstacle(recipe, variant)
        variants.append(
            {
                "id": variant.id,
                "feature": variant.feature,
                "platforms": variant.platforms,
                "buildable": reason is None,
                "reason": reason,
            }
        )
    return {
        "id": recipe.id,
        "name": recipe.name,
        "version": recipe.version,
        "description": recipe.description,
        "license": recipe.license,
        **shared,
        "features": recipe.build.features,
        "defaultFeature": recipe.build.default_feature,
        "capabilities": recipe.capabilities.wire(),
        "platforms": recipe.platforms,
        "variants": variants,
        "status": "ok",
        "reason": None,
    }
