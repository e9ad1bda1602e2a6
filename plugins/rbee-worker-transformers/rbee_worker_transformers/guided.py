"""Answers that follow a JSON schema: llguidance says at each step which tokens may come next."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import torch
from rbee_worker_kit.errors import ApiError

from .loading import Loaded

#: Bytes of the largest schema.
MAX_SCHEMA = 256 << 10


class Grammars:
    """Makes constraints for one tokenizer."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    @cached_property
    def _tokenizer(self) -> Any:
        import llguidance.hf

        stops = sorted(self._loaded.stops)
        return llguidance.hf.from_tokenizer(self._loaded.tokenizer, n_vocab=self._loaded.vocabulary, eos_token=stops)

    def json(self, schema: dict[str, Any]) -> SchemaConstraint:
        """A constraint to a JSON schema.

        :raises ApiError: the schema cannot be followed.
        """
        from llguidance import LLMatcher

        text = json.dumps(schema)
        if len(text) > MAX_SCHEMA:
            raise _refused(f"is larger than {MAX_SCHEMA} bytes")
        try:
            grammar = LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_flexible": False})
            problem = LLMatcher.validate_grammar(grammar, self._tokenizer)
        except ValueError as error:
            problem = str(error)
        if problem:
            raise _refused(f"cannot be followed: {problem[:500]}")
        return SchemaConstraint(LLMatcher(self._tokenizer, grammar), self._loaded)


def _refused(reason: str) -> ApiError:
    return ApiError(400, f"The JSON schema {reason}", param="response_format", code="invalid_schema")


class SchemaConstraint:
    """The state of one answer."""

    def __init__(self, matcher: Any, loaded: Loaded) -> None:
        self._matcher = matcher
        self._size = loaded.vocabulary
        self._stops = sorted(loaded.stops)

    def allowed(self) -> Any:
        """Which tokens may come next; only an end, once the answer is complete."""
        mask = torch.zeros(self._size, dtype=torch.bool)
        if self._matcher.is_stopped():
            mask[self._stops] = True
            return mask
        words = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        bits = (words.unsqueeze(1) >> torch.arange(8, dtype=torch.uint8)) & 1
        found = bits.flatten()[: self._size].bool()
        mask[: found.shape[0]] = found
        return mask

    def take(self, token: int) -> None:
        """A token was chosen."""
        if not self._matcher.is_stopped():
            self._matcher.consume_token(token)
