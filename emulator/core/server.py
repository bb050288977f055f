"""A program that serves HTTP as a process: its socket, its signals and its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Protocol

import structlog
import uvicorn

from meshtwin.emulator.core.http_limits import LimitedProtocol
from meshtwin.emulator.core.supervised import call_from_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from meshtwin.emulator.core.settings import ProgramSettings

log = structlog.get_logger(__name__)

_KEEP_ALIVE = 60
"""Seconds an idle connection is kept: longer than SDKs pause between two calls."""


class Program(Protocol):
    """What is served: made and run in one event loop."""

    async def start(self) -> None:
        """Get ready, before connections are accepted."""
        ...

    async def wait_until_unusable(self) -> None:
        """Returns, or raises the reason, when the program cannot go on; waits for ever where it can."""
        ...

    async def close(self) -> None:
        """Release everything, whether it was started or not."""
        ...


def listen(settings: ProgramSettings) -> socket.socket:
    """The socket of the settings' address.

    Raises:
        OSError: it cannot be had.
    """
    return socket.create_server((settings.host, settings.port), backlog=2048)


def serve(
    make: Callable[[str], tuple[Program, ASGIApp]], listening: socket.socket, *, exit_with_stdin: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT, or the end of stdin; then close the program, and return.

    `make` gets the URL at which the program will be reached. Once connections are accepted, prints
    `{"url": "http://host:port"}` on stdout.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(make, listening, exit_with_stdin=exit_with_stdin))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415  # there is none on Windows

    return uvloop.new_event_loop


class _Server(uvicorn.Server):
    """Uvicorn, without its signal handling, which would end the process by the signal."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


async def _serve(
    make: Callable[[str], tuple[Program, ASGIApp]], listening: socket.socket, *, exit_with_stdin: bool
) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    program, app = make(url)
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        lifespan="off",  # its failures would be swallowed, and its end skipped on a second Ctrl-C
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config, lambda: _announce(url))
    stopped = asyncio.Event()

    def stop() -> None:
        server.should_exit = True
        stopped.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if exit_with_stdin:
        _when_stdin_ends(lambda: call_from_thread(loop, stop))
    try:
        if await _is_started(program, stopped):
            await _served(server, listening, program, stop)
    finally:
        log.info("stopping")
        await program.close()
        log.info("stopped")


async def _is_started(program: Program, stopped: asyncio.Event) -> bool:
    """Start the program; False where a signal to stop came first."""
    starting, stopping = asyncio.ensure_future(program.start()), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
        return not stopped.is_set()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


async def _served(
    server: uvicorn.Server, listening: socket.socket, program: Program, stop: Callable[[], None]
) -> None:
    """Serve until the server is told to stop, or the program cannot go on: its reason is raised then."""
    failing = asyncio.ensure_future(program.wait_until_unusable())
    failing.add_done_callback(lambda _: stop())
    try:
        await server.serve(sockets=[listening])
        if failing.done():
            await failing
    finally:
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)


def _announce(url: str) -> None:
    log.info("ready", url=url)
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def _when_stdin_ends(call: Callable[[], object]) -> None:
    """Call when the other end of stdin is closed. A thread, for stdin may be of any kind."""

    def watch() -> None:
        descriptor = sys.stdin.fileno()
        with contextlib.suppress(OSError):
            while os.read(descriptor, 4096):
                pass
        call()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
