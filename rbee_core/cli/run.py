"""``rbee run``: everything needed, then the answer streamed to standard output, or to a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import output, run_speech
from .narrate import narrated_job
from .options import Json, download_options, facade
from .worker_options import Model, WorkerOptions, prepare, with_worker_options

if TYPE_CHECKING:
    from ..contracts import ModelEntry
    from ..workers.client import Question
    from ..workers.runtime import Started

app = typer.Typer()


@app.command()
@with_worker_options
def run(
    model: Model,
    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="What to ask; - reads it from standard input.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Instructions that go before the conversation.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of an answer.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2, help="0 always takes the likeliest token.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same answer.")] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", dir_okay=False, help="The file to write the answer to: a text, or speech as WAV."
        ),
    ] = None,
    *,
    wanted: WorkerOptions,
    as_json: Json = False,
) -> None:
    """Ask a model: download it, build its worker and start it if need be, and stream the answer.

    Without a prompt it is read from standard input; on a terminal a conversation begins. A voice speaks the prompt.
    """
    if to is not None and not to.parent.is_dir():
        raise UsageError(f"--output {to}: there is no folder {to.parent}", "Name a file in a folder that exists.")
    asked = _prompt(prompt, as_json=as_json)
    sampling = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    sampling = {key: value for key, value in sampling.items() if value is not None}
    with narrated_job(download_options(offline=wanted.offline), json=as_json) as job:
        speech = run_speech.Wish(asked, to, as_json, {"system": system, **sampling})
        ready = prepare(model, job, wanted, accept=speech.check)
        entry = ready.entry
        with facade().workers.started(ready.recipe, ready.variant, entry, ready.options, job) as started:
            if not ready.recipe.is_language:
                result = speech.speak(started)
            elif asked is None:
                _converse(started, entry, system, sampling)
                return
            else:
                result = _ask(started, _question(entry, asked, system, sampling), show=not as_json and to is None)
                if to is not None:
                    with speech.opened() as file:
                        file.write(result["text"].encode())
    if as_json:
        output.print_json({**result, "worker": started.worker.worker, "device": started.worker.device})


def _prompt(given: str | None, *, as_json: bool) -> str | None:
    """The prompt, or ``None`` for a conversation.

    :raises UsageError: there is none.
    """
    if given is None and sys.stdin is not None and sys.stdin.isatty() and not as_json:
        return None
    if given is None or given == "-":
        given = sys.stdin.read() if sys.stdin is not None else ""
    if not given.strip():
        raise UsageError("The prompt is empty.", 'Say what to ask: rbee run MODEL "…"')
    return given


def _question(entry: ModelEntry, prompt: str, system: str | None, sampling: dict[str, Any]) -> Question:
    """A chat where the model has a chat template; else its prompt is simply continued."""
    from ..workers.client import Question

    if not entry.metadata.get("chat_template"):
        return Question(prompt=f"{system}\n\n{prompt}" if system else prompt, options=sampling)
    messages = [{"role": "system", "content": system}] if system else []
    return Question([*messages, {"role": "user", "content": prompt}], options=sampling)


def _ask(started: Started, question: Question, *, show: bool) -> dict[str, Any]:
    """Ask, and show the answer as it comes."""
    from ..workers.client import Answer

    began = time.monotonic()
    answer = Answer(started.worker.url, question)
    pieces = []
    for piece in answer:
        pieces.append(piece)
        if show:
            sys.stdout.write(piece)
            sys.stdout.flush()
    text = "".join(pieces)
    if show and not text.endswith("\n"):
        sys.stdout.write("\n")
        sys.stdout.flush()
    return {
        "text": text,
        "tokensGenerated": answer.usage.get("completion_tokens"),
        "promptTokens": answer.usage.get("prompt_tokens"),
        "durationMs": round((time.monotonic() - began) * 1000),
    }


def _converse(started: Started, entry: ModelEntry, system: str | None, sampling: dict[str, Any]) -> None:
    """Ask and answer in turn until end of input."""
    messages = [{"role": "system", "content": system}] if system else []
    output.note(f"Talking to {entry.id}. Ctrl-D ends it.")
    while (line := _read_line()) is not None:
        if not line.strip():
            continue
        question = _question(entry, line, system, sampling)
        if question.prompt is None:
            messages.append({"role": "user", "content": line})
            question.messages = list(messages)
        text = _ask(started, question, show=True)["text"]
        messages.append({"role": "assistant", "content": text})


def _read_line() -> str | None:
    sys.stderr.write("> ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None
