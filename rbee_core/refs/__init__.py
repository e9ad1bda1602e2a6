"""Model references: one grammar for everything a person may type as "which model"."""

from .model_ref import ACCEPTED_FORMS, ModelRef

__all__ = ["ACCEPTED_FORMS", "ModelRef"]
