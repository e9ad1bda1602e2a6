"""From a request's fields to how its answers are made. What is not understood is refused, and not ignored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rbee_worker_kit.errors import ApiError
from rbee_worker_kit.requests import ChatCompletionRequest, CompletionRequest, Generation

from .sampling import Sampling

#: What other servers know and this one does not: to ignore it would be to answer something else.
_UNSUPPORTED = (
    "grammar", "tools", "functions", "echo", "suffix", "best_of", "audio", "modalities", "prediction", "mirostat",
    "dry_multiplier", "xtc_probability", "lora", "web_search_options",
)  # fmt: skip


def check_supported(asked: Generation) -> None:
    """Refuse what this engine cannot do.

    :raises ApiError: 400, naming the field.
    """
    for name, value in (asked.model_extra or {}).items():
        if name in _UNSUPPORTED and value not in (None, False, 0, 1, "", [], {}):
            raise _wrong(name, "is not supported by this engine (transformers)", "unsupported_parameter")


def sampling_of(asked: Generation, defaults: Mapping[str, Any], vocabulary: int) -> Sampling:
    """How tokens are chosen: what is asked for, else what the model's makers recommend, else OpenAI's defaults.

    :raises ApiError: 400, naming the field.
    """
    extra = asked.model_extra or {}

    def number(name: str, low: float, high: float, otherwise: float, *names: str) -> float:
        for key in (name, *names):
            value = extra.get(key)
            if value is not None:
                return _number(key, value, low, high)
        return float(defaults.get(name, otherwise))

    def given(name: str, otherwise: float) -> float:
        value = getattr(asked, name)
        return float(value if value is not None else defaults.get(name, otherwise))

    return Sampling(
        temperature=given("temperature", 1.0),
        top_p=given("top_p", 1.0),
        top_k=int(number("top_k", 0, 1 << 31, 0)),
        min_p=number("min_p", 0, 1, 0),
        presence_penalty=given("presence_penalty", 0),
        frequency_penalty=given("frequency_penalty", 0),
        repetition_penalty=number("repetition_penalty", 0.01, 10, 1, "repeat_penalty"),
        logit_bias=_bias(extra.get("logit_bias"), vocabulary),
        seed=asked.seed if asked.seed is None or asked.seed >= 0 else None,
        top_logprobs=_top_logprobs(asked),
    )


def schema_of(asked: Generation) -> dict[str, Any] | None:
    """The JSON schema that the answer has to follow, if one is asked for.

    OpenAI's ``response_format``, or llama.cpp's ``json_schema``.

    :raises ApiError: 400.
    """
    form = asked.response_format
    if form is None:
        schema = (asked.model_extra or {}).get("json_schema")
        return None if schema is None else _object("json_schema", schema)
    if form.type == "json_object":
        return {"type": "object"} if form.definition is None else form.definition
    return form.json_schema.definition if form.type == "json_schema" and form.json_schema is not None else None


def tokens_wanted(asked: Generation) -> int | None:
    """The most tokens an answer may have, if there is a limit."""
    limit = getattr(asked, "max_completion_tokens", None) or asked.max_tokens
    if limit is None:
        limit = (asked.model_extra or {}).get("n_predict")
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else None


def ignores_end(asked: Generation) -> bool:
    """Whether the answer goes on past its end (llama.cpp's ``ignore_eos``, for measuring)."""
    return bool((asked.model_extra or {}).get("ignore_eos"))


def stops_of(asked: Generation) -> list[str]:
    """The strings that end an answer."""
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    return [stop for stop in stops if stop]


def _top_logprobs(asked: Generation) -> int | None:
    if isinstance(asked, ChatCompletionRequest):
        return (asked.top_logprobs or 0) if asked.logprobs else None
    if isinstance(asked, CompletionRequest) and asked.logprobs is not None and asked.logprobs is not False:
        count = int(asked.logprobs)
        if not 0 <= count <= 20:
            raise _wrong("logprobs", "is not between 0 and 20")
        return count
    return None


def _bias(value: Any, vocabulary: int) -> dict[int, float]:
    if value is None:
        return {}
    bias = {}
    for key, amount in _object("logit_bias", value).items():
        if not key.isascii() or not key.isdigit() or int(key) >= vocabulary:
            raise _wrong("logit_bias", f"{key[:40]!r} is not a token of this model")
        bias[int(key)] = _number("logit_bias", amount, -100, 100)
    return bias


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(name, "is not a number")
    if not low <= value <= high:
        raise _wrong(name, f"is not between {low:g} and {high:g}")
    return float(value)


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, "is not an object")
    return value


def _wrong(name: str, reason: str, code: str = "invalid_value") -> ApiError:
    return ApiError(400, f"'{name}': {reason}", param=name, code=code)
