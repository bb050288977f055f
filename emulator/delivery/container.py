"""POST /invocations: one request to a container, over a connection that is kept for the next."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.delivery.payload import CHUNK, Payload, spool

if TYPE_CHECKING:
    from emulator.delivery.objects import Input
    from emulator.fleet.launcher import Address
    from emulator.queue.request import AsyncRequest

_CONNECT_SECONDS = 2.0

_KEEP_SECONDS = 1.0
"""Servers close idle connections (gunicorn after 2 s, uvicorn after 5); one younger than this is still open.
A request sent into a connection that is just being closed could not be told from one that was processed."""


class Cut(StrEnum):
    """Why the emulator itself shut a connection."""

    TIMED_OUT = "timed out"
    INSTANCE_LOST = "instance lost"
    LET_GO = "let go"


class NotConnectedError(Exception):
    """The container does not accept connections: the request has not reached it."""


class NoAnswerError(Exception):
    """The connection ended before the answer was complete."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A container's answer. `body` is None where it was not read, as it did not say how long it is."""

    status: int
    content_type: str | None
    body: Payload | None


class ContainerClient:
    """Connections to one container, for use from many threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()

    def connect(self) -> http.client.HTTPConnection:
        """An open connection. NotConnectedError where the container accepts none."""
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _KEEP_SECONDS and _is_open(connection.sock):
                    return connection
                connection.close()
        connection = http.client.HTTPConnection(*self._address, timeout=_CONNECT_SECONDS, blocksize=CHUNK)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NotConnectedError(f"{self._address.host}:{self._address.port}: {error}") from error
        connection.sock.settimeout(None)
        return connection

    def keep(self, connection: http.client.HTTPConnection) -> None:
        """Take a connection back whose answer has been read to its end."""
        if connection.sock is None:
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


class Invocation:
    """One request in a container's hands; it may be cut short from another thread."""

    def __init__(self) -> None:
        self.cut: Cut | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def abort(self, cut: Cut) -> None:
        """Shut the connection, so that the thread which waits for the answer stops waiting."""
        with self._lock:
            if self.cut is None:
                self.cut = cut
            if self._socket is not None:
                _shut(self._socket)

    def send(
        self, client: ContainerClient, request: AsyncRequest, body: Input, *, require_content_length: bool
    ) -> Answer:
        """Send `request` with `body`, and read the answer.

        NotConnectedError where it cannot be sent, NoAnswerError where the connection ends early; `cut` says
        whether that was the emulator's doing. What `body` raises while it is read comes through.
        """
        connection = client.connect()
        finished = False
        try:
            with self._lock:
                if self.cut is not None:
                    raise NoAnswerError(f"not sent: {self.cut}")
                self._socket = connection.sock
            answer = _exchange(connection, request, body, require_content_length)
            finished = answer.body is not None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._socket = None
                reusable = finished and self.cut is None
            if reusable:
                client.keep(connection)
            else:
                connection.close()
        return answer


def _exchange(
    connection: http.client.HTTPConnection, request: AsyncRequest, body: Input, require_content_length: bool
) -> Answer:
    connection.putrequest("POST", "/invocations", skip_accept_encoding=True)
    for name, value in invocation_headers(request, body).items():
        connection.putheader(name, value.encode())
    try:
        connection.endheaders(body.content)
    except (BrokenPipeError, ConnectionResetError):
        # A container may refuse a body before it has read all of it; its answer says why.
        if connection.sock is None:
            raise
    _acknowledge_quickly(connection.sock)
    response = connection.getresponse()
    content_type = response.getheader("Content-Type")
    is_success = 200 <= response.status < 300  # noqa: PLR2004  # HTTP's classes
    if response.length is None and is_success and require_content_length:
        response.close()
        return Answer(response.status, content_type, None)
    expected = response.length
    payload = spool(response, expected, content_type)
    if expected is not None and payload.length < expected:
        raise http.client.IncompleteRead(b"", expected - payload.length)
    return Answer(response.status, content_type, payload)


def invocation_headers(request: AsyncRequest, body: Input) -> dict[str, str]:
    """What a container sees; `sagemaker-async.md` 2.3 has the evidence for each.

    The value of X-Amzn-SageMaker-Forwarded-Api is undocumented for asynchronous calls; the operation's name
    is used, as it is for the synchronous ones.
    """
    headers = {
        "Content-Type": request.content_type or body.content_type or "binary/octet-stream",
        "Content-Length": str(body.length),
        "X-Amzn-SageMaker-Inference-Id": request.inference_id,
        "X-Amzn-SageMaker-Forwarded-Api": "InvokeEndpointAsync",
    }
    if request.accept is not None:
        headers["Accept"] = request.accept
    if request.custom_attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = request.custom_attributes
    return headers


def _acknowledge_quickly(connected: socket.socket) -> None:
    # Many small servers write headers and body in two packets, and wait with the second for the first one's
    # acknowledgement, which Linux holds back for 40 ms.
    if hasattr(socket, "TCP_QUICKACK"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _is_open(connected: socket.socket) -> bool:
    """Whether the other side has neither closed the connection nor sent what nobody asked for."""
    try:
        connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
