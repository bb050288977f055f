"""HTTP/1.1 as uvicorn reads it, with a limit to what a request's head may hold and how long it may take."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from meshtwin.runtime.contract import ErrorBody, ErrorCode, ErrorResponse

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers, and of the trailers of a chunked body."""

HEAD_SECONDS = 20.0
"""From a request's first byte to the end of its head."""

_PIECE_BYTES = 16 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """One connection. httptools itself keeps headers of any size, for as long as they come."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # handed on as they are
        super().__init__(*arguments, **named)
        self._pending = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client that says nothing is no worse than an idle one."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is late any more."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read piece by piece, so that what is too long is noticed before all of it is kept."""
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            if self._in_head and self._pending == 0:
                self._arm()
            self._pending += len(piece)
            super().data_received(piece)
            if self._pending > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"the request's headers have more than {MAX_HEAD_BYTES} bytes",
                )
            if self.transport.is_closing():
                return

    def on_headers_complete(self) -> None:
        """The head is there, in time."""
        self._in_head, self._pending = False, 0
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What becomes body is not kept here: see `meshtwin.runtime.http.app`."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes next is another request."""
        self._in_head, self._pending = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """The contract's error for what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _arm(self) -> None:
        self._disarm()
        self._late = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _disarm(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT, f"the request's headers did not arrive within {HEAD_SECONDS:g} s"
            )

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        error = ErrorBody(code=ErrorCode.INVALID_REQUEST, message=message, retryable=False)
        body = ErrorResponse(error=error).model_dump_json().encode()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.write(
                b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%b" % (status, status.phrase.encode(), len(body), body)
            )
        # An answer that is under way, to an earlier request, would be spoilt by another.
        self.transport.close()
