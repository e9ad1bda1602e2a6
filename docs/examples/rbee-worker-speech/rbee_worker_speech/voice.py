"""The engine: eSpeak NG as a library, with one voice."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import espeakng_loader

#: Words a minute at speed 1, at least, and at most.
_USUAL, _SLOWEST, _FASTEST = 175, 80, 450
#: A voice file's attributes; others, which would have the engine read further files, are refused.
_ATTRIBUTES = {
    *("name", "language", "gender", "pitch", "formant", "echo", "flutter", "roughness", "voicing", "intonation"),
    *("breath", "breathw", "speed", "tone", "consonants", "stressLength", "stressAmp", "stressAdd", "stressRule"),
    *("phonemes", "dictrules", "replace", "words", "status", "maintainer"),
}
_LARGEST = 64 << 10
# Of the engine's header, speak_lib.h:
_SYNCHRONOUS, _DONT_EXIT, _RATE, _CHARACTER, _UTF8 = 2, 0x8000, 1, 1, 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Voice:
    """A voice that speaks, to many at once. There can be one in a process, as the engine keeps its state in globals.

    :raises ValueError: the file is no voice; it says why.
    """

    def __init__(self, file: Path) -> None:
        voice, language = _read(file)
        self._engine = load_engine()
        data = Path(espeakng_loader.get_data_path())
        os.chdir(data.parent)  # the engine takes no long paths
        self.rate: int = self._engine.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data.name), _DONT_EXIT)
        if self.rate <= 0:
            raise ValueError(f"eSpeak NG cannot read its own data in {data}")
        if self._engine.espeak_SetVoiceByName(language.encode()) != 0:
            raise ValueError(f"eSpeak NG does not know its language, {language!r}")
        with TemporaryDirectory() as folder:
            copy = Path(folder, "voice")
            copy.write_bytes(voice)
            if self._engine.espeak_ng_SetVoiceByFile(os.fsencode(copy)) != 0:
                raise ValueError("eSpeak NG cannot read it")
        self._callback = _Callback(self._heard)  # the engine keeps a pointer to it
        self._engine.espeak_SetSynthCallback(self._callback)
        self._asked: SimpleQueue[_Speech] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def speak(self, text: str, speed: float = 1.0) -> Iterator[bytes]:
        """16-bit samples, as they are made; who stops listening ends the work.

        :param speed: 1 is the voice's own.
        """
        speech = _Speech(text, min(_FASTEST, max(_SLOWEST, round(_USUAL * speed))))
        self._asked.put(speech)
        try:
            while piece := speech.pieces.get():
                yield piece
        finally:
            speech.unwanted = True

    def _work(self) -> None:
        """The engine's thread: one text after the other. A text takes a hundredth of the time it is heard for."""
        while True:
            self._now = self._asked.get()
            if not self._now.unwanted:
                text = self._now.text.encode("utf-8", "replace") + b"\0"
                self._engine.espeak_SetParameter(_RATE, self._now.rate, 0)
                self._engine.espeak_Synth(text, len(text), 0, _CHARACTER, 0, _UTF8, None, None)
            self._now.pieces.put(b"")

    def _heard(self, samples: int | None, count: int, events: int | None) -> int:
        """The engine has so many samples more; 1 ends the text."""
        if samples and count > 0:
            self._now.pieces.put(ctypes.string_at(samples, 2 * count))
        return int(self._now.unwanted)


class _Speech:
    """A text that is spoken: its pieces, the last one empty."""

    def __init__(self, text: str, rate: int) -> None:
        self.text, self.rate, self.unwanted = text, rate, False
        self.pieces: SimpleQueue[bytes] = SimpleQueue()


def load_engine() -> ctypes.CDLL:
    """The engine's library."""
    return ctypes.CDLL(espeakng_loader.get_library_path())


def engine_version() -> str:
    """What the library says of itself."""
    engine = load_engine()
    engine.espeak_Info.restype = ctypes.c_char_p
    version: bytes = engine.espeak_Info(None)
    return f"eSpeak NG {version.decode()}"


def _read(file: Path) -> tuple[bytes, str]:
    """A voice file and its language; the engine itself would take anything for one.

    :raises ValueError: it is none.
    """
    with file.open("rb") as opened:
        raw = opened.read(_LARGEST + 1)
    if len(raw) > _LARGEST or b"\0" in raw:
        raise ValueError("it is no voice of eSpeak NG, which is a short text")
    language = ""
    for number, line in enumerate(raw.decode("utf-8").splitlines(), 1):
        attribute, *values = line.partition("//")[0].split() or [""]
        if attribute and attribute not in _ATTRIBUTES:
            raise ValueError(f"its line {number} has an attribute that is not known here: {attribute[:40]!r}")
        if attribute in ("language", "phonemes") and not re.fullmatch(r"[a-z0-9-]{2,40}", values[0] if values else ""):
            raise ValueError(f"its line {number} does not name a {attribute}")
        if attribute == "language":
            language = language or values[0]
    if not language:
        raise ValueError("it has no line 'language …'")
    return raw, language
