"""POST /invocations: one request to a container, over a connection that is kept for the next."""

from __future__ import annotations

import socket
import threading
import time
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.delivery.wire import Answer, Connection, EndOfStreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.fleet.launcher import Address
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

_KEEP_SECONDS = 1.0
"""Servers close idle connections (gunicorn after 2 s, uvicorn after 5); one younger than this is still open.
A request sent into a connection that is just being closed could not be told from one that was processed."""


class Cut(StrEnum):
    """Why the emulator itself shut a connection."""

    TIMED_OUT = "timed out"
    INSTANCE_LOST = "instance lost"
    LET_GO = "let go"
    CANCELLED = "cancelled"


class NotConnectedError(Exception):
    """The container accepts no connections, or no requests: it has not taken this one."""


class NoAnswerError(Exception):
    """The connection ended before the answer was complete."""


class ContainerClient:
    """Connections to one container, for use from many threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[tuple[float, Connection]] = []
        """The longest idle first."""
        self._tidying: threading.Timer | None = None
        self._lock = threading.Lock()

    def connect(self) -> Connection:
        """An open connection. NotConnectedError where the container accepts none."""
        with self._lock:
            while self._idle:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _KEEP_SECONDS and connection.is_open():
                    return connection
                connection.close()
        try:
            return Connection(self._address)
        except OSError as error:
            raise NotConnectedError(f"{self._address}: {error}") from error

    def keep(self, connection: Connection) -> None:
        """Take a connection back whose answer has been read to its end.

        It is closed once it is too old to be used again: a server that has one thread alone answers nobody
        else while it is open, not even /ping.
        """
        with self._lock:
            self._idle.append((time.monotonic(), connection))
            if self._tidying is None:
                self._tidy_up_in(_KEEP_SECONDS)

    def check_ready(self, timeout: float) -> None:
        """NotConnectedError where /ping answers otherwise than with 200; no answer in time says nothing."""
        # A server with one thread answers while no other connection is open.
        self.close()
        connection = HTTPConnection(*self._address, timeout=timeout)
        try:
            connection.request("GET", "/ping")
            status = connection.getresponse().status
        except TimeoutError:
            return
        except (OSError, HTTPException) as error:
            raise NotConnectedError(f"status 503, and /ping: {error}") from error
        finally:
            connection.close()
        if status != HTTPStatus.OK:
            raise NotConnectedError(f"status 503, and /ping: {status}")

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _tidy_up_in(self, seconds: float) -> None:
        self._tidying = threading.Timer(seconds, self._tidy_up)
        self._tidying.daemon = True
        self._tidying.start()

    def _tidy_up(self) -> None:
        now = time.monotonic()
        with self._lock:
            old = [connection for since, connection in self._idle if now - since >= _KEEP_SECONDS]
            self._idle = self._idle[len(old) :]
            self._tidying = None
            if self._idle:
                self._tidy_up_in(self._idle[0][0] + _KEEP_SECONDS - now)
        for connection in old:
            connection.close()


class Invocation:
    """One request in a container's hands; it may be cut short from another thread."""

    def __init__(self) -> None:
        self.cut: Cut | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = threading.Event()

    def hang(self) -> None:
        """Wait until somebody aborts."""
        self._aborted.wait()
        raise NoAnswerError(f"hung: {self.cut}")

    def abort(self, cut: Cut) -> None:
        """Shut the connection, so that the thread which waits for the answer stops waiting."""
        with self._lock:
            if self.cut is None:
                self.cut = cut
                self._aborted.set()
            if self._socket is not None:
                _shut(self._socket)

    def send(
        self,
        client: ContainerClient,
        headers: Mapping[str, str],
        body: Input,
        *,
        require_content_length: bool,
        on_sent: Callable[[], None],
    ) -> Answer:
        """Send a request with `body`, and read the answer.

        NotConnectedError where it cannot be sent, NoAnswerError where the connection ends early; `cut` says
        whether that was the emulator's doing. What `body` raises while it is read comes through.
        """
        connection = client.connect()
        try:
            with self._lock:
                if self.cut is not None:
                    raise NoAnswerError(f"not sent: {self.cut}")
                self._socket = connection.socket
            connection.send(headers, body.content)
            on_sent()
            return connection.receive(require_content_length=require_content_length)
        except (OSError, EndOfStreamError) as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._socket = None
                is_reusable = connection.is_reusable and self.cut is None
            if is_reusable:
                client.keep(connection)
            else:
                connection.close()


def invocation_headers(request: AsyncRequest, body: Input) -> dict[str, str]:
    """What a container sees. The object's own type stands in where the caller names none.

    Custom-Attributes is in the API's model, Inference-Id and Forwarded-Api are what DJL reads
    (https://github.com/deepjavalibrary/djl-serving, ConfigManager.java and test_model.py). The value of the
    last is undocumented for asynchronous calls; the operation's name is used, as for the synchronous ones.
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


def _shut(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
