"""From a request to the sequences that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rbee_worker_kit.errors import ApiError
from rbee_worker_kit.requests import ChatCompletionRequest, Generation

from .answers import Answer
from .guided import Grammars
from .loading import Loaded
from .options import check_supported, ignores_end, sampling_of, schema_of, stops_of, tokens_wanted
from .prompts import prompts_of
from .runner import Prompt
from .sampling import Sampler
from .scheduler import Scheduler
from .sequence import Sequence, Step
from .text import TextStream

#: Answers to one request: prompts, times ``n``.
MAX_ANSWERS = 256
#: Tokens before an answer that its first ones are read in the context of.
_CONTEXT = 8


@dataclass(slots=True)
class Work:
    """A request that is being answered."""

    sequences: list[Sequence]
    answer: Answer


class Service:
    """Answers requests with one loaded model."""

    def __init__(self, loaded: Loaded, scheduler: Scheduler, model_id: str) -> None:
        self.loaded = loaded
        self.scheduler = scheduler
        self._model_id = model_id
        self._grammars = Grammars(loaded)

    def prepare(self, asked: Generation, tell: Callable[[Step], None]) -> Work:
        """What answers a request; `Scheduler.submit` starts it.

        :param tell: gets every step of every answer, in the scheduler's thread.
        :raises ApiError: the request is wrong, or asks for what this engine cannot do.
        """
        check_supported(asked)
        prompts = prompts_of(asked, self.loaded)
        if len(prompts) * (asked.n or 1) > MAX_ANSWERS:
            raise ApiError(400, f"One request has at most {MAX_ANSWERS} answers.", code="too_many_answers")
        sequences: list[Sequence] = []
        for prompt in prompts:
            for number in range(asked.n or 1):
                sequences.append(self._sequence(asked, prompt, len(sequences), number, tell))
        answer = Answer(
            self._model_id,
            chat=isinstance(asked, ChatCompletionRequest),
            count=len(sequences),
            prompt_tokens=sum(len(prompt) for prompt in prompts),
            tokenizer=self.loaded.tokenizer,
        )
        return Work(sequences, answer)

    def _sequence(
        self, asked: Generation, prompt: list[int], index: int, number: int, tell: Callable[[Step], None]
    ) -> Sequence:
        loaded = self.loaded
        sampling = sampling_of(asked, loaded.defaults, loaded.vocabulary)
        if sampling.seed is not None:
            sampling = replace(sampling, seed=sampling.seed + number)  # one request's answers differ
        schema = schema_of(asked)
        constraint = self._grammars.json(schema) if schema is not None else None
        room = loaded.context - len(prompt)
        return Sequence(
            index=index,
            prompt=Prompt(prompt),
            sampler=Sampler(sampling, loaded.device, prompt, constraint),
            text=TextStream(loaded.tokenizer, prompt[-_CONTEXT:], stops_of(asked)),
            most=min(tokens_wanted(asked) or room, room),
            stops=frozenset() if ignores_end(asked) else loaded.stops,
            tell=tell,
        )
