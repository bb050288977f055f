"""uvicorn's HTTP/1.1 protocol, with limits on the size of a request's head and the time it may take."""

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
    """One connection. httptools itself accepts headers of any size, for any time."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # handed on as they are
        super().__init__(*arguments, **named)
        self._pending = 0
        self._in_head = True
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Close a client that sends nothing like an idle one."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse in pieces, so that too long a head is noticed before all of it is buffered."""
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
        """Stop the head's timer."""
        self._in_head, self._pending = False, 0
        self._disarm()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Reset the head's size: `meshtwin.runtime.http.app` limits the body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of another request."""
        self._in_head, self._pending = True, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Send the contract's error for what is not HTTP."""
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
        # A response to an earlier request that is being sent would be corrupted by another.
        self.transport.close()
