"""Who is computed when: requests join and leave between the steps of the others.

One thread does all the computing. Each turn reads one part of one waiting prompt, then gives one token to every
sequence that runs: so a newcomer waits for a step, and not for the others' answers, and they wait for a part of its
prompt only.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Iterable

import torch

from .runner import Runner
from .sampling import choose_all
from .sequence import Sequence

log = logging.getLogger("rbee_worker_transformers")


class Scheduler:
    """Runs sequences, at most ``parallel`` at once."""

    def __init__(self, runner: Runner, parallel: int) -> None:
        self._runner = runner
        self._parallel = parallel
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._news = threading.Condition()
        self._submitted: list[Sequence] = []
        #: The most sequences that were computed in one step.
        self.widest = 0

    def start(self) -> None:
        """Compute, in a thread of its own, for as long as the process lives."""
        threading.Thread(target=self._run, name="scheduler", daemon=True).start()

    def submit(self, sequences: Iterable[Sequence]) -> None:
        """Take sequences, from any thread."""
        with self._news:
            self._submitted += sequences
            self._news.notify()

    def cancel(self, sequences: Iterable[Sequence]) -> None:
        """Nobody waits for these any more; from any thread."""
        for sequence in sequences:
            sequence.is_cancelled = True

    def _run(self) -> None:
        with torch.inference_mode():
            while True:
                self._hear_news()
                self._drop_cancelled()
                self._read_one()
                self._step()

    def _hear_news(self) -> None:
        with self._news:
            while not (self._submitted or self._waiting or self._running):
                self._news.wait()
            self._waiting += self._submitted
            self._submitted.clear()

    def _drop_cancelled(self) -> None:
        for sequence in [s for s in self._waiting if s.is_cancelled]:
            self._waiting.remove(sequence)
        for sequence in [s for s in self._running if s.is_cancelled]:
            self._leave(sequence)

    def _read_one(self) -> None:
        """Read a part of the first waiting prompt; once it is complete, its sequence runs."""
        if not self._waiting or len(self._running) >= self._parallel:
            return
        sequence = self._waiting[0]
        try:
            logits = self._runner.read(sequence.prompt)
            if logits is None:
                return
            self._waiting.popleft()
            if not self._choose([sequence], logits.unsqueeze(0)):
                return
            self._runner.add(sequence.prompt)
            self._running.append(sequence)
        except Exception as error:  # noqa: BLE001 — what computing raises ends what was computed, and no more
            if sequence in self._waiting:
                self._waiting.remove(sequence)
            self._failed([sequence], error)

    def _step(self) -> None:
        """One token for every sequence that runs."""
        if not self._running:
            return
        computed = list(self._running)
        try:
            logits = self._runner.step([sequence.tokens[-1] for sequence in computed])
            self.widest = max(self.widest, len(computed))
            going_on = self._choose(computed, logits)
            for sequence in computed:
                if sequence not in going_on:
                    self._leave(sequence)
        except Exception as error:  # noqa: BLE001 — see above
            for sequence in computed:
                if sequence in self._running:
                    self._leave(sequence)
            self._failed(computed, error)

    def _choose(self, sequences: list[Sequence], logits: torch.Tensor) -> list[Sequence]:
        """Choose each sequence's next token; those that go on."""
        going_on = []
        chosen = choose_all(logits, [sequence.sampler for sequence in sequences])
        for sequence, choice in zip(sequences, chosen, strict=True):
            if isinstance(choice, ValueError):
                sequence.fail(str(choice))
            elif not sequence.take(choice):
                going_on.append(sequence)
        return going_on

    def _leave(self, sequence: Sequence) -> None:
        index = self._running.index(sequence)
        self._runner.remove(index)
        self._running[index] = self._running[-1]
        self._running.pop()

    def _failed(self, sequences: list[Sequence], error: Exception) -> None:
        """Tell those it concerns. An accelerator that has failed once fails for good: then the process ends."""
        log.error("computing failed", exc_info=error)
        if isinstance(error, torch.OutOfMemoryError):
            message = (
                "The device's memory is full: use fewer or shorter requests at once, or start with less --context."
            )
        else:
            message = f"The engine failed: {type(error).__name__}: {error}"[:500]
        for sequence in sequences:
            sequence.fail(message)
        if type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error):
            log.critical("the accelerator cannot be used any more: %s", error)
            os._exit(1)
