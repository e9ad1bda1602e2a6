"""What every running worker answers, whatever it is for."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil  # noqa: TID253

from ...contracts import WorkerInfo
from ..drive_worker import Worker, wait_until
from .base import MODEL_ID, WORKER_ID, Base, Loading, processes
from .request import WorkerRequest

#: No JSON object, each in another way; the last is nested deeper than parsers go.
NOT_JSON = (b"{nope", b"", b"[1, 2]", b"\xff\xfe", b"[" * 100_000)


class AnswersContract(Base):
    """Requests and answers."""

    def test_it_is_ready_once_it_can_answer_and_not_before(
        self, worker: Worker, loading: Loading, question: WorkerRequest
    ) -> None:
        status, health = loading.health
        if status != 200:  # else it was ready at once
            assert (status, health) == (503, {"status": "starting"})
            first = loading.first
            assert first.status == 200 or (first.status, first.json()["error"]["code"]) == (503, "loading")
        assert worker.get("/health")[0] == 200
        question.verify(loading.answer)

    def test_its_info_says_what_runs_here(self, worker: Worker) -> None:
        status, answer = worker.get("/info")
        assert status == 200
        info = WorkerInfo.model_validate(answer)
        assert (info.id, info.model_id, info.status) == (WORKER_ID, MODEL_ID, "ready")
        assert info.port == worker.port
        assert info.implementation
        assert info.version not in ("", "0")

    def test_its_models_are_the_one_that_is_loaded(self, worker: Worker) -> None:
        status, listed = worker.get("/v1/models")
        assert (status, listed["object"]) == (200, "list")
        assert [(model["id"], model["object"]) for model in listed["data"]] == [(MODEL_ID, "model")]
        assert worker.get(f"/v1/models/{MODEL_ID}") == (200, listed["data"][0])
        status, answer = worker.get("/v1/models/gpt-4")
        assert (status, answer["error"]["code"]) == (404, "model_not_found")

    def test_many_are_answered_at_once(self, worker: Worker, question: WorkerRequest) -> None:
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: question.ask(worker), range(12)))
        for answer in answers:
            question.verify(answer)
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")

    def test_a_wrong_request_is_a_400_in_openais_shape(self, worker: Worker, question: WorkerRequest) -> None:
        wrong = [*question.wrong]
        if question.method == "POST":
            wrong += [(body, None) for body in NOT_JSON]
        for body, param in wrong:
            answer = worker.ask(question.method, question.path, body)
            assert answer.status == 400, f"{body!r:.200} was answered {answer.status}: {answer.body[:500]!r}"
            error = _error(answer.json())
            assert param is None or (error["param"] or "").startswith(param), f"{body!r:.200}: {error}"

    def test_what_is_too_large_is_refused_before_it_is_read(self, worker: Worker, question: WorkerRequest) -> None:
        with connected(worker) as connection:
            head = f"POST {question.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(12) in (b"HTTP/1.1 413", b"HTTP/1.0 413")

    def test_unknown_paths_and_methods_have_the_same_shape(self, worker: Worker, question: WorkerRequest) -> None:
        status, answer = worker.get("/nope")
        assert status == 404
        _error(answer)
        other = worker.ask("GET" if question.method != "GET" else "POST", question.path)
        assert other.status == 405
        _error(other.json())

    def test_a_web_page_from_elsewhere_is_refused(self, worker: Worker) -> None:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
            status, answer = worker.get("/v1/models", headers)
            assert (status, answer["error"]["code"]) == (403, "foreign_origin")
        assert worker.get("/v1/models", {"Origin": "http://localhost:3000"})[0] == 200

    def test_nothing_but_the_front_listens_and_on_loopback_only(self, worker: Worker) -> None:
        found = [c.laddr for p in processes(worker) for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert {(address.ip, address.port) for address in found} == {("127.0.0.1", worker.port)}

    def test_clients_that_go_away_do_no_harm(
        self, worker: Worker, question: WorkerRequest, long_question: WorkerRequest
    ) -> None:
        """One that has read the beginning of its answer, and others that have not had a byte yet."""
        sockets = [connected(worker) for _ in range(8)]
        try:
            for connection in sockets:
                connection.sendall(long_question.on_the_wire())
            assert sockets[0].recv(1)
        finally:
            for connection in sockets:
                connection.close()
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
        question.answered(worker)


def connected(worker: Worker) -> socket.socket:
    """A connection to a worker."""
    return socket.create_connection(("127.0.0.1", worker.port), timeout=60)


def _error(answer: Any) -> dict[str, Any]:
    """The error in an answer, which has OpenAI's shape."""
    error: dict[str, Any] = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error
