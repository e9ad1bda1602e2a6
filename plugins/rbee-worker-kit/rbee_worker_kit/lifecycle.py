"""From the bound port to the last request: loading, being told to stop, draining."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import threading

from .process import Engine, EngineError
from .program import Program
from .settings import DRAIN_SECONDS, QUEUE, Settings
from .state import State
from .upstream import Upstream, UpstreamError

log = logging.getLogger("rbee_worker_kit")


async def serve(program: Program, settings: Settings) -> int:
    """Run the worker until it is told to stop, or was idle for as long as it may be.

    :returns: the exit status: 0 when told to stop or idle, 1 when the engine failed.
    """
    listener = _bind(settings)
    state = State()
    state.port = listener.getsockname()[1]
    _report(settings, state.port)
    stop = asyncio.Event()
    _listen_for_the_end(settings, stop)
    engine = Engine(program, settings)
    try:
        # The engine begins to load while the HTTP server is still being imported.
        await engine.spawn()
        from .web import http_server

        server = http_server(program, settings, state)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            return await _live(program, settings, state, engine, stop)
        finally:
            state.is_stopping = True
            await engine.stop()
            server.should_exit = True
            await serving
    finally:
        await engine.stop()


async def _live(program: Program, settings: Settings, state: State, engine: Engine, stop: asyncio.Event) -> int:
    stopped = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(_start(program, settings, state, engine))
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        log.info("stopping: told so while loading")
        starting.cancel()
        return 0
    try:
        starting.result()
    except (EngineError, UpstreamError) as error:
        log.error("%s", error)
        return 1
    log.info("ready on http://%s:%d", settings.host, state.port)
    ended = asyncio.create_task(engine.ended())
    idle = asyncio.create_task(_idle(settings, state))
    await asyncio.wait({ended, stopped, idle}, return_when=asyncio.FIRST_COMPLETED)
    idle.cancel()
    if ended.done():
        log.error("The engine %s", ended.result())
        return 1
    if stopped.done():  # whoever reads the log later sees that this was no crash
        log.info("stopping: told so, with %d requests in hand", state.requests)
    await _drain(state)
    return 0


async def _idle(settings: Settings, state: State) -> None:
    """Wait until the worker was idle for as long as it may be: without a limit, forever."""
    if settings.idle_timeout is None:
        await asyncio.Event().wait()
        return
    state.asked()  # the time counts from here, and not from the start
    await state.idle_for(settings.idle_timeout)
    log.info("stopping: no request for %g s (--idle-timeout)", settings.idle_timeout)


async def _start(program: Program, settings: Settings, state: State, engine: Engine) -> None:
    log.info("loading %s", settings.model)
    await engine.loaded()
    upstream = Upstream(engine.address, engine.key, settings.parallel + QUEUE)
    for endpoint in program.endpoints():
        if endpoint.probe is None or endpoint.task not in engine.tasks:
            continue
        probe = await upstream.post(endpoint.path, endpoint.probe)
        if await probe.status() != 200:
            raise EngineError(f"The engine loaded the model but cannot answer: {(await probe.body())[:500]!r}")
        await probe.body()
    state.tasks = engine.tasks
    state.upstream = upstream


async def _drain(state: State) -> None:
    """Take nothing new, and let what is in hand end, for a while."""
    state.is_stopping = True
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await state.idle()
    except TimeoutError:
        log.warning("stopping now: %d requests are cut off", state.requests)


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SystemExit(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
    return listener


def _report(settings: Settings, port: int) -> None:
    """Tell the starter the port, in one step: the file is not there, or complete."""
    if settings.ready_file is None:
        return
    partial = settings.ready_file.with_suffix(".partial")
    partial.write_text(json.dumps({"pid": os.getpid(), "host": settings.host, "port": port}), encoding="utf-8")
    partial.replace(settings.ready_file)


def _listen_for_the_end(settings: Settings, stop: asyncio.Event) -> None:
    """SIGTERM, SIGINT, or the end of the watched file descriptor."""
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, end)
    if settings.watch_fd is not None:
        fd = settings.watch_fd

        def watch() -> None:
            with contextlib.suppress(OSError):
                while os.read(fd, 4096):
                    pass
            end()

        threading.Thread(target=watch, daemon=True).start()
