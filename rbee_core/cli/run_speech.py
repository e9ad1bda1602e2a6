"""``rbee run`` with a worker that is none of language models: what it can be asked, and where its answer goes."""

from __future__ import annotations

import errno
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import ErrorCode, RbeeError, UsageError
from . import output

if TYPE_CHECKING:
    from ..contracts import WorkerRecipe
    from ..workers.runtime import Started


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command was given.

    :param text: the prompt; ``None`` for a conversation.
    :param to: the file that was asked for.
    :param options: those that mean something to language models only; ``None`` where not given.
    """

    text: str | None
    to: Path | None
    as_json: bool
    options: Mapping[str, object]

    def check(self, recipe: WorkerRecipe) -> None:
        """See that a worker can be asked this.

        :raises UsageError: it cannot, with what can be done instead.
        """
        if recipe.is_language:
            if self.text is None and self.to is not None:
                raise UsageError("A conversation has no --output.", 'Say what to ask: rbee run MODEL "…" --output FILE')
            return
        if recipe.kind != "speech":
            raise UsageError(
                f"{recipe.id} runs models of the kind {recipe.kind!r}, which rbee run cannot ask.",
                "Serve the model, and ask it there: rbee serve MODEL",
            )
        for name, value in self.options.items():
            if value is not None:
                raise UsageError(f"--{name.replace('_', '-')} means nothing to a voice ({recipe.id}).", "Leave it out.")
        if self.text is None:
            raise UsageError(
                "A voice holds no conversation.", 'Say what to speak: rbee run MODEL "…" --output FILE.wav'
            )
        if self.to is None and (self.as_json or sys.stdout.isatty()):
            where = "beside --json" if self.as_json else "to a terminal"
            raise UsageError(
                f"Speech is not written {where}.",
                "Name a file for it: --output FILE.wav. Or send it on: rbee run MODEL … | aplay",
            )

    def speak(self, started: Started) -> dict[str, Any]:
        """Have the text spoken, into the file or to standard output; what ``--json`` prints of it."""
        from ..workers.client import Spoken

        began, size = time.monotonic(), 0
        with self.opened() as file:
            for piece in Spoken(started.worker.url, self.text or "", started.worker.model):
                size += len(piece)
                file.write(piece)
            if self.to is not None:
                _tell_length(file, size)
        if self.to is not None and not self.as_json:
            output.note(f"Wrote {self.to} ({size} bytes).")
        return {
            "text": None,
            "tokensGenerated": None,
            "promptTokens": None,
            "durationMs": round((time.monotonic() - began) * 1000),
            "output": str(self.to),
            "size": size,
        }

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Where the answer goes. A file is there when all of it is; what breaks off leaves an older one as it was."""
        if self.to is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        part = self.to.with_name(f"{self.to.name}.part")
        try:
            with part.open("w+b") as file:
                yield file
            part.replace(self.to)
        except OSError as error:
            raise RbeeError(
                ErrorCode.INSUFFICIENT_DISK if error.errno == errno.ENOSPC else ErrorCode.UNSAFE_PATH,
                f"{self.to} cannot be written: {error.strerror or error}",
                "Name another file: --output FILE",
            ) from None
        finally:
            part.unlink(missing_ok=True)


def _tell_length(file: BinaryIO, size: int) -> None:
    """Put a WAV file's length where one that was streamed says that it is unknown."""
    file.seek(0)
    head = file.read(44)
    if head[:4] + head[8:16] + head[36:40] == b"RIFFWAVEfmt data":
        for place, length in ((4, size - 8), (40, size - 44)):
            file.seek(place)
            file.write(struct.pack("<I", min(length, 0xFFFFFFFF)))
