"""The next token: from a row of logits to one id, as a request's options say.

The order is that of transformers and vLLM: constraints, penalties, temperature, then top-k, top-p and min-p.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

#: Tokens among which ``top_p`` and ``min_p`` mostly find theirs: sorting a whole vocabulary takes long.
_FEW = 512
#: What cannot be chosen.
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. A ``temperature`` of 0 takes the likeliest, and then nothing else of chance counts."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: dict[int, float] = field(default_factory=dict)
    seed: int | None = None
    top_logprobs: int | None = None

    @property
    def is_greedy(self) -> bool:
        """Whether chance has no part."""
        return self.temperature == 0 or self.top_k == 1 or self.top_p == 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A chosen token; ``top`` are the likeliest with their log probabilities, if they were asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Constraint(Protocol):
    """What an answer has to look like, token by token."""

    def allowed(self) -> Any:
        """Which tokens may come next: a boolean tensor ``[vocabulary]`` on the processor."""

    def take(self, token: int) -> None:
        """A token was chosen."""


class Sampler:
    """Chooses the tokens of one sequence.

    :param prompt: the prompt's tokens, which the repetition penalty counts too.
    """

    def __init__(self, sampling: Sampling, device: Any, prompt: list[int], constraint: Constraint | None) -> None:
        self.sampling = sampling
        self._constraint = constraint
        self._counts: Counter[int] = Counter()
        self._seen = set(prompt) if sampling.repetition_penalty != 1 else set()
        seed = random.getrandbits(63) if sampling.seed is None else sampling.seed % (1 << 63)
        # A generator on the processor gives the same numbers whatever the device is.
        self._generator = torch.Generator().manual_seed(seed)
        self.is_plain = (
            sampling.is_greedy and constraint is None and sampling.top_logprobs is None and not self._changes
        )
        self._device = device

    @property
    def _changes(self) -> bool:
        s = self.sampling
        return bool(s.logit_bias or s.presence_penalty or s.frequency_penalty or s.repetition_penalty != 1)

    def choose(self, logits: Any) -> Chosen:
        """The next token.

        :param logits: ``[vocabulary]``, on the model's device.
        :raises ValueError: the model computed no numbers.
        """
        row = logits.float()
        changed = self._change(row)
        if self._constraint is not None:
            allowed = self._constraint.allowed().to(row.device)
            changed = changed.masked_fill(~allowed[: row.shape[0]], _NEVER)
        best = changed.max()
        if not bool(torch.isfinite(best)):
            raise ValueError("the model computed no usable numbers (NaN or infinite): its weights may be damaged")
        token = int(changed.argmax()) if self.sampling.is_greedy else self._draw(changed)
        return self._told(row, token)

    def take(self, token: int) -> None:
        """Note what was chosen."""
        if self._changes:
            self._counts[token] += 1
            self._seen.add(token)
        if self._constraint is not None:
            self._constraint.take(token)

    def _change(self, row: Any) -> Any:
        s = self.sampling
        if not self._changes:
            return row
        row = row.clone()
        if s.repetition_penalty != 1 and self._seen:
            ids = self._ids(sorted(self._seen))
            old = row[ids]
            row[ids] = torch.where(old > 0, old / s.repetition_penalty, old * s.repetition_penalty)
        if self._counts and (s.presence_penalty or s.frequency_penalty):
            counts = torch.tensor(list(self._counts.values()), dtype=row.dtype, device=row.device)
            row[self._ids(list(self._counts))] -= s.presence_penalty + s.frequency_penalty * counts
        if s.logit_bias:
            bias = torch.tensor(list(s.logit_bias.values()), dtype=row.dtype, device=row.device)
            row[self._ids(list(s.logit_bias))] += bias
        return row

    def _ids(self, ids: list[int]) -> Any:
        return torch.tensor(ids, device=self._device)

    def _draw(self, row: Any) -> int:
        s = self.sampling
        row = row / s.temperature
        if s.top_k <= 0 and s.top_p >= 1 and s.min_p <= 0:
            return self._pick(row.softmax(-1))
        if s.top_k > 0:
            values, ids = torch.topk(row, min(s.top_k, row.shape[0]))  # sorted, the likeliest first
            probabilities = values.softmax(-1)
        else:
            probabilities, ids = self._likeliest(row.softmax(-1))
        if s.top_p < 1:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = probabilities.masked_fill(before >= s.top_p, 0)
        if s.min_p > 0:
            probabilities = probabilities.masked_fill(probabilities < s.min_p * probabilities[0], 0)
        return int(ids[self._pick(probabilities)])

    def _likeliest(self, probabilities: Any) -> tuple[Any, Any]:
        """The likeliest tokens, sorted: all that ``top_p`` and ``min_p`` leave, which seldom are many."""
        s = self.sampling
        values, ids = torch.topk(probabilities, min(_FEW, probabilities.shape[0]))
        enough = float(values.sum()) >= s.top_p or float(values[-1]) < s.min_p * float(values[0])
        return (values, ids) if enough else torch.sort(probabilities, descending=True)

    def _pick(self, shares: Any) -> int:
        """A place, by chance: a number between 0 and the sum of the shares, and the share that it falls into."""
        sums = shares.cumsum(-1)
        point = torch.rand((), generator=self._generator, dtype=torch.float64).item() * float(sums[-1])
        place = int(torch.searchsorted(sums, torch.tensor(point, dtype=sums.dtype, device=sums.device), right=True))
        return min(place, int(shares.nonzero()[-1]))  # rounding must not lead past the last that is possible

    def _told(self, row: Any, token: int) -> Chosen:
        most = self.sampling.top_logprobs
        if most is None:
            return Chosen(token)
        logprobs = row.log_softmax(-1)
        values, ids = torch.topk(logprobs, most) if most else (logprobs[:0], logprobs[:0])
        top = tuple(zip((int(i) for i in ids.tolist()), values.tolist(), strict=True))
        return Chosen(token, float(logprobs[token]), top)


def choose_all(logits: Any, samplers: list[Sampler]) -> list[Chosen | ValueError]:
    """The next token of every sequence; an error is that sequence's alone.

    :param logits: ``[sequences, vocabulary]``.
    """
    plain: list[int] = []
    if any(sampler.is_plain for sampler in samplers):
        plain = logits.argmax(-1).tolist()  # all at once: one wait for the device, and not one for each
    chosen: list[Chosen | ValueError] = []
    for index, sampler in enumerate(samplers):
        if sampler.is_plain:
            chosen.append(Chosen(plain[index]))
            continue
        try:
            chosen.append(sampler.choose(logits[index]))
        except ValueError as error:
            chosen.append(error)
    return chosen
