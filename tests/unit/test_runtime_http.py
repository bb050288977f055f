"""The container's door: what a client sends is bounded in size and in time, and a web page is no client."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from meshtwin.runtime.contract import ErrorResponse, Health
from meshtwin.runtime.http import app, limits
from meshtwin.runtime.http.guard import Guard, is_loopback
from meshtwin.runtime.http.limits import MAX_HEAD_BYTES, BoundedProtocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meshtwin.runtime.jobs.service import Service

PING = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ANSWERED = b""
POST = b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Idle:
    """A service that is ready and has nothing to do."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()

    def health(self) -> Health:
        return Health(state="ready")


def talk(*pieces: bytes, during: Callable[[Idle], Awaitable[None]] | None = None) -> bytes:
    """What a connection says to these bytes until it is closed; at ANSWERED an answer is awaited first."""

    async def conversation() -> bytes:
        service = Idle()
        guarded = Guard(
            app.create_app(cast("Service", service)), lambda reason: app.invalid(reason, status=403)
        )
        config = uvicorn.Config(guarded, log_config=None, lifespan="off", ws="none", timeout_keep_alive=60)
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            said = b""
            for piece in pieces:
                if piece == ANSWERED:
                    said += await reader.readuntil(b"}")
                else:
                    writer.write(piece)
                    await writer.drain()
            if during is not None:
                await during(service)
            said += await reader.read()
            writer.close()
        return said

    return asyncio.run(conversation())


def answer(said: bytes) -> tuple[int, Any]:
    """Status and document of the last answer."""
    last = said[said.rindex(b"HTTP/1.1 ") :]
    head, _, body = last.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def refused(said: bytes, status: int, words: str) -> None:
    found, document = answer(said)
    error = ErrorResponse.model_validate(document).error
    assert (found, error.code, error.retryable) == (status, "invalid_request", False)
    assert words in error.message


MORE = b"X: a\r\n" * (MAX_HEAD_BYTES // 6 + 3000)
LONG = b"a" * (MAX_HEAD_BYTES + 20_000)
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
TOO_MUCH = {
    "many headers, and no end of them": [PING + MORE],
    "one header without an end": [PING + b"X: " + LONG],
    "a path without an end": [b"GET /" + LONG],
    "the second request's headers": [PING + b"\r\n", ANSWERED, PING + MORE],
    "headers after a body": [CHUNKED + b"1\r\n{\r\n0\r\n" + MORE],
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_headers_have_a_limit(name: str) -> None:
    said = talk(*TOO_MUCH[name])
    # Where an answer may be under way, the connection is closed.
    if name != "headers after a body":
        refused(said, 431, f"more than {MAX_HEAD_BYTES} bytes")


def test_headers_below_the_limit_and_many_requests_on_one_connection_are_served() -> None:
    long = b"X: " + b"a" * (MAX_HEAD_BYTES - 200) + b"\r\n"
    # Two at once, and one in pieces.
    request = PING + long + b"\r\n"
    served = (PING + b"\r\n" + PING + b"\r\n", request[:30_000], request[30_000:], *[ANSWERED] * 3)
    said = talk(*served, b"nonsense\r\n\r\n")
    assert said.count(b"HTTP/1.1 200 OK") == 3
    refused(said, 400, "Invalid HTTP request")


def test_a_body_may_be_larger_than_headers() -> None:
    body = b'{"stage": "%b"}' % (b"x" * 3 * MAX_HEAD_BYTES)
    request = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    refused(talk(request + body[:9], body[9:]), 400, "stage")
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    chunked = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    refused(talk(chunked + pieces, b"0\r\n\r\n"), 400, "stage")


def test_headers_and_bodies_that_do_not_come_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(app, "BODY_SECONDS", 0.05)
    refused(talk(PING), 408, "headers did not arrive")
    refused(talk(PING + b"\r\n", ANSWERED, PING), 408, "headers did not arrive")
    refused(talk(POST + b"Content-Length: 100\r\n\r\n{"), 408, "body did not arrive")


def test_a_container_that_stops_waits_for_no_body() -> None:
    async def stop(service: Idle) -> None:
        service.stopping.set()

    request = POST + b"Connection: close\r\nContent-Length: 100\r\n\r\n{"
    status, document = answer(talk(request, during=stop))
    assert (status, document["error"]["code"]) == (503, "not_ready")


@pytest.mark.parametrize(
    "headers",
    [
        b"Host: evil.example",
        b"Host: 127.0.0.1.evil.example",
        b"Host: [",
        b"Host: 127.0.0.1:8080\r\nOrigin: http://evil.example",
        b"Host: 127.0.0.1:8080\r\nOrigin: http://127.0.0.1:9090",
        b"Host: 127.0.0.1:8080\r\nOrigin: null",
        b"Host: localhost\r\nSec-Fetch-Site: cross-site",
    ],
)
def test_a_page_of_another_origin_is_refused(headers: bytes) -> None:
    for line in (b"GET /ping", b"POST /invocations"):
        said = talk(line + b" HTTP/1.1\r\n" + headers + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        refused(said, 403, "")


@pytest.mark.parametrize(
    "headers",
    [
        b"Host: localhost:8080\r\nOrigin: http://localhost:8080",
        b"Host: [::1]:8080",
        b"Host: runtime:8080",
        b"Host: host.docker.internal:8080",
        b"Host: model.localhost",
    ],
)
def test_names_of_this_machine_are_served(headers: bytes) -> None:
    status, _ = answer(talk(b"GET /ping HTTP/1.1\r\n" + headers + b"\r\nConnection: close\r\n\r\n"))
    assert status == 200


def test_only_loopback_is_guarded() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "runtime.internal")))
