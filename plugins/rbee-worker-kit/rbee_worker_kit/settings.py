"""A worker's command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .program import Program

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
#: Layers on the GPU when nothing is said: all there are.
ALL_LAYERS = -1


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of a worker.

    :param context: tokens each request may use, prompt and answer together.
    :param parallel: requests computed at once.
    :param threads: threads to compute on, at most; 0: as many as there are cores.
    :param gpu_layers: layers of the model on the GPU, the output counting as one more; `ALL_LAYERS` for all.
    :param tensor_split: layers on each GPU; empty leaves it to the engine.
    :param idle_timeout: seconds without a request after which the worker ends by itself, or ``None``.
    :param api_key: what clients must send as a bearer token, or ``None``.
    :param watch_fd: a file descriptor whose end of file ends the worker (its starter has died), or ``None``.
    """

    model: Path
    model_id: str
    worker_id: str
    device: str = "CPU-0"
    host: str = "127.0.0.1"
    port: int = 0
    context: int = 4096
    parallel: int = 4
    kv_type: str = "f16"
    threads: int = 0
    gpu_layers: int = ALL_LAYERS
    tensor_split: tuple[float, ...] = ()
    idle_timeout: float | None = None
    api_key: str | None = None
    ready_file: Path | None = None
    watch_fd: int | None = None


def parse(program: Program, argv: list[str]) -> Settings:
    """Read the command line; what is wrong is said on stderr, with exit status 2."""
    parser = _parser(program)
    given = parser.parse_args(argv)
    model = Path(given.model)
    if program.model_is == "file" and not model.is_file():
        parser.error(f"--model {model}: no such file")
    if program.model_is == "folder" and not model.is_dir():
        parser.error(f"--model {model}: no such folder")
    api_key = _api_key(parser, given.api_key_file)
    if api_key is None and not _is_loopback(given.host):
        parser.error(f"--host {given.host} can be reached from other machines: give an API key (--api-key-file FILE)")
    settings = Settings(
        model=model,
        model_id=given.model_id or (model.stem if program.model_is == "file" else model.resolve().name),
        worker_id=given.worker_id,
        device=given.device,
        host=given.host,
        port=given.port,
        context=given.context,
        parallel=given.parallel,
        kv_type=given.kv_type,
        threads=given.threads,
        gpu_layers=given.gpu_layers,
        tensor_split=given.tensor_split,
        idle_timeout=given.idle_timeout,
        api_key=api_key,
        ready_file=Path(given.ready_file) if given.ready_file else None,
        watch_fd=given.watch_fd,
    )
    try:
        program.check_settings(settings)
    except ValueError as error:
        parser.error(str(error))
    return settings


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program.package, description=program.description, allow_abbrev=False)
    parser.add_argument("--model", required=True, help=program.model_help)
    parser.add_argument("--model-id", default="", help="what clients call the model (default: its file's name)")
    parser.add_argument("--worker-id", default=program.worker_id)
    parser.add_argument("--device", default="CPU-0", help="what it runs on, as GET /info tells it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_number(0, 65535), default=0, help="0 takes a free one")
    parser.add_argument("--context", type=_number(1, 1 << 24), default=4096, help="tokens per request")
    parser.add_argument("--parallel", type=_number(1, 256), default=4, help="requests computed at once")
    parser.add_argument(
        "--kv-type", choices=program.kv_types, default=program.kv_types[0], help="how the KV cache is stored"
    )
    parser.add_argument("--threads", type=_number(0, 4096), default=0, help="at most; 0: as many as there are cores")
    parser.add_argument(
        "--gpu-layers", type=_number(ALL_LAYERS, 1 << 16), default=ALL_LAYERS,
        help="layers on the GPU, the output counting as one more; -1: all",
    )  # fmt: skip
    parser.add_argument("--tensor-split", type=_shares, default=(), help="layers on each GPU, such as 20,13")
    parser.add_argument("--idle-timeout", type=_seconds, help="end after so many seconds without a request")
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


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not 0 < len(shares) <= 64 or not all(0 <= share < 1e6 for share in shares) or not any(shares):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of layers such as 20,13")
    return shares


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


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


def default_threads(weights: int, at_most: int = 0) -> int:
    """How many threads pay off: as many as there are cores for us, fewer where the weights (bytes) are few.

    :param at_most: a bound that somebody knows better, who can tell cores from their threads; 0: none.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, at_most or cores, weights // BYTES_PER_THREAD))
