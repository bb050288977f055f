"""POST /invocations: one request to a container, over a connection of its own."""

from __future__ import annotations

import io
import socket
import tempfile
import threading
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import IO, TYPE_CHECKING

from meshtwin.emulator.sagemaker.delivery.payload import CHUNK, IN_MEMORY, Payload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.delivery.payload import Readable
    from meshtwin.emulator.sagemaker.fleet.launcher import Address
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

_CONNECT_SECONDS = 2.0
_QUOTED = 100
_SUCCESSES = range(200, 300)


class Cut(StrEnum):
    """Why the emulator itself ended an invocation."""

    TIMED_OUT = "timed out"
    INSTANCE_LOST = "instance lost"
    SHUTDOWN = "shutdown"
    CANCELLED = "cancelled"


class NotConnectedError(Exception):
    """The container accepts no connections, or no requests: it has not got this one."""


class NoAnswerError(Exception):
    """The connection ended, or was garbled, before the answer was complete."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A container's answer. `body` is None where it was not read: the answer is refused for its head."""

    status: int
    content_type: str | None
    body: Payload | None
    headers: tuple[tuple[str, str], ...] = ()
    bad_length: str | None = None
    """Its Content-Length, where that cannot be read."""
    has_long_head: bool = False
    """Whether its headers are more, or longer, than can be read: over 100, or one over 64 KiB."""


class Invocation:
    """One request that a container works on; it may be aborted from another thread."""

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
                _shut_down(self._socket)

    def send(
        self,
        address: Address,
        headers: Mapping[str, str],
        body: Input,
        *,
        require_content_length: bool,
        on_sent: Callable[[], None],
    ) -> Answer:
        """Send a request with `body`, and read the answer.

        NotConnectedError where it cannot be sent, NoAnswerError where the connection ends early; `cut` says
        whether that was the emulator's doing. ValueError for a header that cannot be sent. What `body` raises
        while it is read comes through.
        """
        connection = HTTPConnection(*address, timeout=_CONNECT_SECONDS)
        try:
            self._connect(connection, address)
            _send(connection, headers, body.content)
            on_sent()
            return _receive(connection, require_content_length=require_content_length)
        except (OSError, HTTPException) as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def _connect(self, connection: HTTPConnection, address: Address) -> None:
        try:
            connection.connect()
        except OSError as error:
            raise NotConnectedError(f"{address}: {error}") from error
        # From here on it is the emulator's clock that ends what takes too long.
        connection.sock.settimeout(None)
        with self._lock:
            if self.cut is not None:
                raise NoAnswerError(f"not sent: {self.cut}")
            self._socket = connection.sock


def check_ready(address: Address, timeout: float) -> None:
    """NotConnectedError where /ping answers otherwise than with 200; no answer in time says nothing."""
    connection = HTTPConnection(*address, timeout=timeout)
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


def invocation_headers(request: AsyncRequest, body: Input) -> dict[str, str]:
    """What a container sees. The object's own type is used where the caller names none.

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


def _send(connection: HTTPConnection, headers: Mapping[str, str], content: bytes | Readable) -> None:
    connection.putrequest("POST", "/invocations", skip_accept_encoding=True)
    for name, value in headers.items():
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"header {name}: {value!r} holds a line break or a null byte")
        connection.putheader(name, value.encode())
    try:
        if isinstance(content, bytes):
            connection.endheaders(content)
        else:
            connection.endheaders()
            while chunk := content.read(CHUNK):
                connection.send(chunk)
    except (BrokenPipeError, ConnectionResetError):
        # A container may refuse a body before it has read all of it; its answer says why.
        return


def _receive(connection: HTTPConnection, *, require_content_length: bool) -> Answer:
    response = HTTPResponse(connection.sock, method="POST")
    response.fp.close()
    response.fp = _Lines(connection.sock.makefile("rb", buffering=0))
    try:
        try:
            _read_head(response)
        except HTTPException as error:
            if "header" in str(error):  # and not in the status line
                return Answer(response.status, None, None, has_long_head=True)
            raise
        return _answer(response, require_content_length=require_content_length)
    finally:
        response.close()


class _Lines(io.BufferedReader):
    """An answer as it comes in. `http.client` takes the end of a connection for the end of a head."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """One line, or its first `size` bytes. NoAnswerError where the connection ends before its end."""
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise NoAnswerError("the connection closed within a line of the answer")
        return line


def _read_head(response: HTTPResponse) -> None:
    """Read the answer's head, after those of interim answers such as 100 and 103."""
    response.begin()
    while response.status < HTTPStatus.OK:
        response.headers = response.msg = None  # type: ignore[assignment]  # as before the first one
        response.begin()


def _answer(response: HTTPResponse, *, require_content_length: bool) -> Answer:
    headers, content_type = tuple(response.getheaders()), response.headers.get("Content-Type")
    lengths = _lengths_of(response)
    if len(lengths) > 1 or not all(length.isdecimal() for length in lengths):
        return Answer(0, None, None, bad_length=", ".join(lengths)[:_QUOTED])
    if lengths and response.length is None and not response.chunked:
        response.length, response.will_close = int(lengths[0]), False
    is_endless = not lengths and response.length is None
    if is_endless and require_content_length and response.status in _SUCCESSES:
        return Answer(response.status, content_type, None, headers)
    return Answer(response.status, content_type, _read_body(response, content_type), headers)


def _lengths_of(response: HTTPResponse) -> list[str]:
    """The lengths that an answer names, each once.

    It may say one twice: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
    """
    values = response.headers.get_all("Content-Length", [])
    return list(dict.fromkeys(length.strip() for value in values for length in value.split(",")))


def _read_body(response: HTTPResponse, content_type: str | None) -> Payload:
    """The body, in memory while small, in a file beyond."""
    parts: list[bytes] = []
    size = 0
    file: IO[bytes] | None = None
    try:
        while part := response.read(CHUNK):
            size += len(part)
            if file is not None:
                file.write(part)
                continue
            parts.append(part)
            if size > IN_MEMORY:
                file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the payload
                file.writelines(parts)
                parts.clear()
        _refuse_short_body(response)
    except BaseException:
        if file is not None:
            file.close()
        raise
    if file is None:
        return Payload(b"".join(parts), size, content_type)
    file.seek(0)
    return Payload(file, size, content_type)


def _refuse_short_body(response: HTTPResponse) -> None:
    if response.length:
        raise NoAnswerError(f"the connection closed {response.length} bytes before the answer's end")


def _shut_down(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
