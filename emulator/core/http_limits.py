"""How much of a request's head a server reads, and for how long: uvicorn itself has no limit for either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from meshtwin.emulator.core.host_guard import HEAD_BYTES, HEAD_SECONDS

if TYPE_CHECKING:
    import asyncio

_DRAIN_SECONDS = 2.0
"""How long a refused client's data is read and dropped, so that the client reads the answer."""

_TOO_LONG = "431 Request Header Fields Too Large"


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's, which answers 431 where a head is too long, and 408 where it does not end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # uvicorn's own
        super().__init__(*args, **kwargs)
        self._parsed = 0
        self._received = 0
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Expect a request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._head_ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; refuse a head that has not ended within so many bytes."""
        if self._refused:
            return
        begun = self._timer is not None
        super().data_received(data)
        # `on_header` is not called for a value without end. What began within `data` counts from now.
        if begun and self._timer is not None:
            self._received += len(data)
            if self._received > HEAD_BYTES:
                self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._parsed = self._received = 0
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._is_late)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is whole; an error here comes back as `send_400_response`."""
        self._parsed += len(name) + len(value) + 4
        if self._parsed > HEAD_BYTES:
            raise ValueError("the head of the request is too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self._head_ended()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or not further."""
        if self._parsed > HEAD_BYTES:
            self._refuse(_TOO_LONG)
        else:
            self._head_ended()
            super().send_400_response(msg)

    def _head_ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        self._refused = True
        self._head_ended()
        self.transport.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.write_eof()
        self.loop.call_later(_DRAIN_SECONDS, self.transport.close)
