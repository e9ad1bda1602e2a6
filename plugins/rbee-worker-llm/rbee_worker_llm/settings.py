"""The worker's command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")

#: Requests taken at once, running or waiting for a slot; one more is told to come back.
MAX_REQUESTS = 512
#: Requests that wait inside the engine besides those it computes, so that a slot is never idle; others wait outside.
QUEUE = 8
#: Bytes of the largest request body.
MAX_BODY = 32 << 20
#: Seconds that requests in flight are given to end once the worker was told to stop.
DRAIN_SECONDS = 8.0
#: Weights that make one more thread worth its synchronisation: a tiny model is quickest on one.
BYTES_PER_THREAD = 16 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of the worker.

    :param context: tokens each request may use, prompt and answer together.
    :param parallel: requests computed at once.
    :param api_key: what clients must send as a bearer token, or ``None``.
    :param watch_fd: a file descriptor whose end of file ends the worker (its starter has died), or ``None``.
    """

    model: Path
    model_id: str
    worker_id: str
    device: str
    host: str
    port: int
    context: int
    parallel: int
    kv_type: str
    threads: int
    api_key: str | None
    ready_file: Path | None
    watch_fd: int | None


def parse(argv: list[str]) -> Settings:
    """Read the command line; what is wrong is said on stderr, with exit status 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    model = Path(given.model)
    if not model.is_file():
        parser.error(f"--model {model}: no such file")
    api_key = _api_key(parser, given.api_key_file)
    if api_key is None and not _is_loopback(given.host):
        parser.error(f"--host {given.host} can be reached from other machines: give an API key (--api-key-file FILE)")
    return Settings(
        model=model,
        model_id=given.model_id or model.stem,
        worker_id=given.worker_id,
        device=given.device,
        host=given.host,
        port=given.port,
        context=given.context,
        parallel=given.parallel,
        kv_type=given.kv_type,
        threads=given.threads or default_threads(model),
        api_key=api_key,
        ready_file=Path(given.ready_file) if given.ready_file else None,
        watch_fd=given.watch_fd,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rbee_worker_llm", description=__doc__, allow_abbrev=False)
    parser.add_argument("--model", required=True, help="the GGUF file; of a split model its first part")
    parser.add_argument("--model-id", default="", help="what clients call the model (default: the file's name)")
    parser.add_argument("--worker-id", default="llm-worker")
    parser.add_argument("--device", default="CPU-0")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_number(0, 65535), default=0, help="0 takes a free one")
    parser.add_argument("--context", type=_number(1, 1 << 24), default=4096, help="tokens per request")
    parser.add_argument("--parallel", type=_number(1, 256), default=4, help="requests computed at once")
    parser.add_argument("--kv-type", choices=KV_TYPES, default="f16", help="how the KV cache is stored")
    parser.add_argument("--threads", type=_number(0, 4096), default=0, help="0: as many as pay off")
    parser.add_argument("--api-key-file", help="a file with the key; else the environment's RBEE_API_KEY, if set")
    parser.add_argument("--ready-file", help="where to write {pid, host, port} as JSON once the port is bound")
    parser.add_argument("--watch-fd", type=_number(0, 1 << 16), help="end when this file descriptor does")
    return parser


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse_number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return parse_number


def _api_key(parser: argparse.ArgumentParser, file: str | None) -> str | None:
    if file is None:
        return os.environ.get("RBEE_API_KEY") or None
    try:
        key = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"--api-key-file {file}: {error}")
    if not key or len(key.split()) != 1:
        parser.error(f"--api-key-file {file}: expected one key, on one line")
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_threads(model: Path) -> int:
    """How many threads pay off: as many as there are cores for us, fewer where the weights are few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, model.stat().st_size // BYTES_PER_THREAD))
