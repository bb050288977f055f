"""A request's head has an end, in bytes and in seconds, on uvicorn's servers and on moto's."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn
from uvicorn.server import ServerState
from werkzeug.serving import make_server

from meshtwin.cloud.local.moto.handler import Handler
from meshtwin.emulator.core.http_limits import LimitedProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from starlette.types import Receive, Scope, Send

KIND = pytest.mark.parametrize("serving", ["uvicorn", "moto"])
START = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def _asgi(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _wsgi(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "0")])
    return []


@contextmanager
def _uvicorn() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    state = ServerState()
    config = uvicorn.Config(_asgi, http=LimitedProtocol, log_config=None, timeout_keep_alive=60)

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0)

    async def close() -> None:
        server.close()
        for connection in state.connections:
            connection.transport.abort()
        await asyncio.sleep(0)

    server = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _moto() -> Iterator[int]:
    server = make_server("127.0.0.1", 0, _wsgi, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(serving: str, sent: Iterable[bytes]) -> bytes:
    """The first line that comes back, empty where the connection is closed without one."""
    with (
        (_uvicorn if serving == "uvicorn" else _moto)() as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        try:
            for data in sent:
                connection.sendall(data)
        except ConnectionError:
            pass  # the answer is there already
        with connection.makefile("rb") as lines:
            return lines.readline().rstrip()


@KIND
@pytest.mark.parametrize(
    "headers",
    [
        (b"X: a\r\n" * 20_000, b"\r\n"),
        (b"X: ", *[b"a" * 10_000] * 8),
        (b"X: " + b"a" * 70_000 + b"\r\n\r\n",),
    ],
    ids=["many", "without end", "large"],
)
def test_a_head_that_is_too_long_is_refused(serving: str, headers: tuple[bytes, ...]) -> None:
    assert b" 431 " in answer(serving, [START, *headers])


@KIND
def test_one_that_is_not_is_served(serving: str) -> None:
    value = b"X: " + b"a" * 60_000 + b"\r\n\r\n"
    assert b" 200 " in answer(serving, [START, value[:30_000], value[30_000:]])


@KIND
def test_a_head_that_does_not_end_is_not_waited_for(serving: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtwin.emulator.core.http_limits.HEAD_SECONDS", 0.1)
    monkeypatch.setattr("meshtwin.cloud.local.moto.handler.HEAD_SECONDS", 0.1)
    assert b" 200 " not in answer(serving, [START])
