"""From a request's text to tokens: the chat template, the tokenizer, and what fits."""

from __future__ import annotations

from typing import Any

from rbee_worker_kit.errors import ApiError
from rbee_worker_kit.requests import ChatCompletionRequest, CompletionRequest, Generation, Message

from .loading import Loaded


def prompts_of(asked: Generation, loaded: Loaded) -> list[list[int]]:
    """The prompts of a request, as tokens: one of a chat, one or more of a completion.

    :raises ApiError: 400: it is no text, or has no room for an answer.
    """
    if isinstance(asked, ChatCompletionRequest):
        prompts, param = [_chat(asked, loaded)], "messages"
    else:
        assert isinstance(asked, CompletionRequest)
        prompts, param = _texts(asked.prompt, loaded), "prompt"
    for prompt in prompts:
        if not prompt:
            raise ApiError(400, f"'{param}': is empty", param=param)
        if not all(0 <= token < loaded.vocabulary for token in prompt):
            raise ApiError(400, f"'{param}': tokens are from 0 to {loaded.vocabulary - 1}", param=param)
        if len(prompt) >= loaded.context:
            raise ApiError(
                400,
                f"The request has {len(prompt)} tokens, and the context of this model is {loaded.context} here.",
                param=param,
                code="context_length_exceeded",
            )
    return prompts


def _chat(asked: ChatCompletionRequest, loaded: Loaded) -> list[int]:
    tokenizer = loaded.tokenizer
    if not tokenizer.chat_template:
        raise ApiError(400, "This model has no chat template: ask it by /v1/completions.", code="no_chat_template")
    messages = [_message(number, message) for number, message in enumerate(asked.messages)]
    extra = (asked.model_extra or {}).get("chat_template_kwargs")
    options = {key: value for key, value in (extra if isinstance(extra, dict) else {}).items() if key in _OPTIONS}
    try:
        # The template is the model's: it runs in a sandbox of transformers', which changes nothing and calls nothing.
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **options)
    except Exception as error:  # noqa: BLE001 — a template may raise anything
        raise ApiError(400, f"The model's chat template refuses this: {error}"[:500], param="messages") from None
    return _tokens(tokenizer, text, special=False)


#: The options of chat templates that a request may set; the others are arguments of the tokenizer.
_OPTIONS = ("enable_thinking", "thinking", "reasoning_effort", "date_string")


def _message(number: int, message: Message) -> dict[str, Any]:
    content = message.content
    if isinstance(content, list):
        parts = []
        for part in content:
            if part.get("type") != "text" or not isinstance(part.get("text"), str):
                where = f"messages.{number}.content"
                raise ApiError(400, f"'{where}': only text is understood here", param=where, code="unsupported_value")
            parts.append(part["text"])
        content = "\n".join(parts)
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": content or ""}


def _texts(prompt: str | list[str] | list[int] | list[list[int]], loaded: Loaded) -> list[list[int]]:
    if isinstance(prompt, str):
        return [_tokens(loaded.tokenizer, prompt, special=True)]
    if prompt and isinstance(prompt[0], int):
        prompt = [prompt]
    if not prompt:
        raise ApiError(400, "'prompt': is empty", param="prompt")
    found = []
    for part in prompt:
        if isinstance(part, str):
            found.append(_tokens(loaded.tokenizer, part, special=True))
            continue
        assert isinstance(part, list)
        found.append(list(part))
    return found


def _tokens(tokenizer: Any, text: str, *, special: bool) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=special, truncation=False, verbose=False)["input_ids"]
    return ids
