"""Forward passes: reading a prompt in, and one more token for every sequence that runs.

`Rows` computes all sequences in one pass; `OneByOne` gives each its own pass and its own cache, for models whose state
is not only keys and values (recurrent ones) or that do not stand being padded. Which one, a trial at the start says.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any, Protocol

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from .cache import RowCache, single_cache
from .loading import Loaded

log = logging.getLogger("rbee_worker_transformers")

#: Tokens of a prompt that are read in one pass, so that the others need not wait for the whole of a long one.
CHUNK = 512
#: How far the probabilities of the next token may be apart, alone and in a batch: rounding, but no error.
_TOLERANCE = 0.05


class Prompt:
    """A prompt that is being read in: what is read of it, and the cache it is read into."""

    __slots__ = ("cache", "done", "ids")

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids
        self.done = 0
        self.cache: Any = None


class Runner(Protocol):
    """Computes one model."""

    @property
    def passes(self) -> int:
        """Forward passes so far."""

    def read(self, prompt: Prompt) -> Any | None:
        """Read some more of a prompt; the logits ``[vocabulary]`` after its last token, or ``None`` until then."""

    def add(self, prompt: Prompt) -> None:
        """Take a prompt that was read in, as the last sequence."""

    def remove(self, index: int) -> None:
        """Drop a sequence; the last one takes its place."""

    def step(self, tokens: list[int]) -> Any:
        """One more token for every sequence; the logits after it: ``[sequences, vocabulary]``."""


class _Forward:
    """The model's forward, with the arguments it takes."""

    def __init__(self, loaded: Loaded) -> None:
        self._model = loaded.model
        self._device = loaded.device
        self._takes = set(inspect.signature(loaded.model.forward).parameters)
        # Some recurrent models call it so.
        self._cache_name = "cache_params" if "cache_params" in self._takes else "past_key_values"
        self.passes = 0

    def __call__(self, ids: list[list[int]], cache: Any, mask: Any = None, positions: Any = None) -> Any:
        """The output; only the last token's logits are computed, where the model can do that."""
        tokens = torch.tensor(ids, device=self._device)
        given: dict[str, Any] = {self._cache_name: cache, "use_cache": True}
        if mask is not None:
            given["attention_mask"] = mask
        if positions is not None and "position_ids" in self._takes:
            given["position_ids"] = positions
        if "logits_to_keep" in self._takes:
            given["logits_to_keep"] = 1
        self.passes += 1
        return self._model(tokens, **given)


class OneByOne:
    """Every sequence with a pass of its own."""

    def __init__(self, loaded: Loaded) -> None:
        self._forward = _Forward(loaded)
        self._config = loaded.model.config
        self._caches: list[Any] = []

    @property
    def passes(self) -> int:
        """Forward passes so far."""
        return self._forward.passes

    def read(self, prompt: Prompt) -> Any | None:
        """Read the whole prompt: not every recurrent layer can go on from a state with more than one token."""
        prompt.cache = DynamicCache(config=self._config)
        out = self._forward([prompt.ids], prompt.cache)
        prompt.done = len(prompt.ids)
        return out.logits[0, -1]

    def add(self, prompt: Prompt) -> None:
        """Take a prompt that was read in."""
        self._caches.append(prompt.cache)

    def remove(self, index: int) -> None:
        """Drop a sequence; the last one takes its place."""
        self._caches[index] = self._caches[-1]
        self._caches.pop()

    def step(self, tokens: list[int]) -> Any:
        """One more token for every sequence."""
        rows = [
            self._forward([[token]], cache).logits[0, -1] for token, cache in zip(tokens, self._caches, strict=True)
        ]
        return torch.stack(rows)


class Rows:
    """All sequences in one pass."""

    def __init__(self, loaded: Loaded, layers: int, parallel: int, context: int) -> None:
        self._forward = _Forward(loaded)
        self._layers = layers
        self._rows = RowCache(layers, parallel, context, loaded.kv_type, loaded.device)

    def take_memory(self) -> None:
        """Take the memory of all rows now, so that what does not fit is told before anybody waits for an answer."""
        prompt = Prompt([1])
        self.read(prompt)
        self.add(prompt)
        self.remove(0)

    @property
    def passes(self) -> int:
        """Forward passes so far."""
        return self._forward.passes

    def read(self, prompt: Prompt) -> Any | None:
        """Read the prompt's next `CHUNK` tokens."""
        if prompt.cache is None:
            prompt.cache = single_cache(self._layers)
        part = prompt.ids[prompt.done : prompt.done + CHUNK]
        out = self._forward([part], prompt.cache)
        prompt.done += len(part)
        return out.logits[0, -1] if prompt.done == len(prompt.ids) else None

    def add(self, prompt: Prompt) -> None:
        """Take a prompt that was read in, as the last row."""
        self._rows.add(prompt.cache)
        prompt.cache = None

    def remove(self, index: int) -> None:
        """Drop a row; the last one takes its place."""
        self._rows.remove(index)

    def step(self, tokens: list[int]) -> Any:
        """One more token for every row, in one pass."""
        mask, positions = self._rows.before_step()
        out = self._forward([[token] for token in tokens], self._rows.cache, mask, positions)
        self._rows.after_step()
        return out.logits[:, -1]


def make_runner(loaded: Loaded, parallel: int) -> Runner:
    """The quickest that gives what the model gives: in a trial, two sequences together are what each is alone."""
    layers = _attention_layers(loaded)
    if layers is not None and loaded.context >= _TRIAL_LENGTH + 2:
        try:
            fits = _agrees(Rows(loaded, layers, 2, _TRIAL_LENGTH + 2), OneByOne(loaded))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 — a model's own code may raise anything when it is padded
            log.info("this model cannot be batched: %s", error)
            fits = False
        if fits:
            rows = Rows(loaded, layers, parallel, loaded.context)
            rows.take_memory()
            return rows
        log.info("the model's answers differ in a batch: requests are computed one by one, side by side")
    return OneByOne(loaded)


def _attention_layers(loaded: Loaded) -> int | None:
    """How many layers the cache has, if all of them are plain attention."""
    try:
        layers = DynamicCache(config=loaded.model.config).layers
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
    return len(layers) if layers and plain else None


_TRIAL_LENGTH = 12


def _agrees(rows: Rows, alone: OneByOne) -> bool:
    """Whether two sequences of different length get the same next tokens together as each gets alone."""
    prompts = [list(range(1, 1 + _TRIAL_LENGTH)), [3, 5, 7]]
    expected = []
    for ids in prompts:
        prompt = Prompt(ids)
        alone.read(prompt)
        alone.add(prompt)
        together = Prompt(ids)
        while rows.read(together) is None:
            pass
        rows.add(together)
    expected = alone.step([2, 4]).float().softmax(-1)
    found = rows.step([2, 4]).float().softmax(-1)
    for runner in (rows, alone):
        runner.remove(1)
        runner.remove(0)
    return bool(((found - expected).abs().max() < _TOLERANCE).item())
