"""moto's request handler, with the other servers' limits on a request's head."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from meshtwin.emulator.core.host_guard import HEAD_BYTES, HEAD_SECONDS

if TYPE_CHECKING:
    import io
    import socket


class Handler(MotoRequestHandler):
    """moto's handler with limits, and without a log line for each request."""

    def log_request(self, *_: Any) -> None:  # noqa: ANN401  # the base class's signature
        """Write nothing."""

    def handle_one_request(self) -> None:
        """Serve one request; a head that does not end in time closes the connection."""
        self._deadline = time.monotonic() + HEAD_SECONDS
        self.connection.settimeout(HEAD_SECONDS)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the header lines; 431 where they are too long."""
        stream = self.rfile
        self.rfile = _Head(stream, self.connection, self._deadline)  # type: ignore[assignment]  # reads lines alone
        try:
            return super().parse_request()
        finally:
            self.rfile = stream
            self.connection.settimeout(None)


class _Head:
    """The lines of a request's head, limited in bytes and in time."""

    def __init__(self, lines: io.BufferedIOBase, connection: socket.socket, deadline: float) -> None:
        self._lines = lines
        self._connection = connection
        self._deadline = deadline
        self._left = HEAD_BYTES

    def readline(self, limit: int) -> bytes:
        self._connection.settimeout(max(0.001, self._deadline - time.monotonic()))
        line = self._lines.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("header")
        return line
