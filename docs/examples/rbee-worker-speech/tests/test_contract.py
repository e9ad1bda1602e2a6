"""The worker is really built, started and asked: what is asked of every worker, and whether it speaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rbee_core.testing.drive_worker import Worker
from rbee_core.testing.worker_contract import Build, WorkerAnswer, WorkerContract, WorkerRequest

VOICE = Path(__file__).parents[1] / "voices" / "english.voice"
SPEECH, RATE = "/v1/audio/speech", 22050
WRONG = [
    ({}, "input"),
    ({"input": 7}, "input"),
    ({"input": " \n"}, "input"),
    ({"input": "a" * 4097}, "input"),
    ({"input": "a", "speed": 9}, "speed"),
    ({"input": "a", "voice": "nobody"}, "voice"),
    ({"input": "a", "response_format": "mp3"}, "response_format"),
]


def is_sound(answer: WorkerAnswer) -> None:
    """A WAV file of more than half a second, which is not silent."""
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.body[:4] + answer.body[8:16] == b"RIFFWAVEfmt "
    samples = memoryview(answer.body[44:]).cast("h")
    assert len(samples) > RATE / 2
    assert max(samples) > 1000


class TestWorker(WorkerContract):
    """All the rules of a worker: https://rbee.dev has them, and each failure says what to do."""

    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls) -> str:
        return "speech-cpu"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> str:
        return f"file:{VOICE}"

    @pytest.fixture(scope="class")
    @classmethod
    def question(cls) -> WorkerRequest:
        return WorkerRequest(SPEECH, {"input": "Open the red door."}, check=is_sound, wrong=WRONG)

    @pytest.fixture(scope="class")
    @classmethod
    def long_question(cls) -> WorkerRequest:
        """Four minutes, of which a connection holds a part."""
        return WorkerRequest(SPEECH, {"input": "The quick brown fox. " * 190}, check=is_sound)

    @pytest.fixture(scope="class")
    @classmethod
    def damaged_model(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The first half of a voice file is a voice file, too."""
        damaged = tmp_path_factory.mktemp("damaged") / "none.voice"
        damaged.write_text("name none\npitch 80 118\n")
        return damaged

    @pytest.mark.parametrize("order", ["open the red door", "close the blue window", "paint the green table"])
    def test_what_it_says_is_understood(self, worker: Worker, heard: Callable[[bytes, int], str], order: str) -> None:
        for speed in (1.0, 1.2):
            asked = {"input": f"{order}.", "speed": speed, "response_format": "pcm"}
            answer = worker.ask("POST", SPEECH, asked)
            assert (answer.status, answer.headers["content-type"]) == (200, "audio/pcm")
            assert heard(answer.body, RATE) == order

    def test_a_higher_speed_takes_less_time(self, worker: Worker) -> None:
        lengths = [
            len(worker.ask("POST", SPEECH, {"input": "Open the red door.", "speed": speed}).body)
            for speed in (0.5, 1.0, 2.5)
        ]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] > 1.5 * lengths[1] > 2.5 * lengths[2]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("name x\n", "it has no line 'language"),
            ("language tlh-klingon\n", "eSpeak NG does not know its language, 'tlh-klingon'"),
            ("language en\nmbrola us1 us1\n", "its line 2 has an attribute that is not known here: 'mbrola'"),
            ("language en\nphonemes ../../secret\n", "its line 2 does not name a phonemes"),
            ("GGUF\0\0", "it is no voice of eSpeak NG"),
        ],
    )
    def test_what_is_no_voice_is_told(self, build: Build, tmp_path: Path, text: str, reason: str) -> None:
        file = tmp_path / "x.voice"
        file.write_text(text)
        with build.start(tmp_path / "w", model=file) as worker:
            assert worker.process.wait(60) == 1
            assert reason in worker.log.read_text()
