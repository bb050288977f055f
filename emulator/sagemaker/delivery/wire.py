"""HTTP/1.1 to a container, as far as an invocation needs it.

http.client would do, but parses headers as e-mail: that alone costs as much as the rest of a delivery.
"""

from __future__ import annotations

import re
import socket
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import httptools

from meshtwin.emulator.sagemaker.delivery.payload import CHUNK, IN_MEMORY, Payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.emulator.sagemaker.delivery.payload import Readable
    from meshtwin.emulator.sagemaker.fleet.launcher import Address

_CONNECT_SECONDS = 2.0
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEAD = 1024 * 1024
"""A head beyond this is left to the parser alone."""

_LENGTH = re.compile(rb"\r?\ncontent-length[ \t]*:([^\r\n]*)", re.IGNORECASE)
_QUOTED = 100
_WITHOUT_BODY = frozenset({204, 304})


class EndOfStreamError(Exception):
    """The connection ended, or was garbled, before the answer was complete."""


class BadLengthError(Exception):
    """The answer says in two ways how long it is, or in none that can be read; the message is how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A container's answer. `body` is None where it was not read, as it did not say how long it is."""

    status: int
    content_type: str | None
    body: Payload | None
    headers: tuple[tuple[str, str], ...] = ()
    bad_length: str | None = None
    """What it said instead of its length, where that cannot be read."""


class Connection:
    """One connection, one request at a time."""

    def __init__(self, address: Address) -> None:
        self._host = str(address)
        self.socket = socket.create_connection(address, timeout=_CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # From here on it is the emulator's clock that ends what takes too long.
        self.socket.settimeout(None)
        self.is_reusable = False
        """Whether the last exchange went well, and the other side keeps the connection."""
        self._is_whole = False

    def is_open(self) -> bool:
        """Whether the other side has neither closed the connection nor sent what nobody asked for."""
        try:
            self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def send(self, headers: Mapping[str, str], content: bytes | Readable) -> None:
        """Send POST /invocations. ValueError for a header that cannot be sent; what `content` raises."""
        lines = ["POST /invocations HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line or "\0" in line for line in lines):
            raise ValueError("a header holds a line break or a null byte")
        head = "\r\n".join([*lines, "", ""]).encode()
        self.is_reusable = self._is_whole = False
        try:
            if isinstance(content, bytes):
                self.socket.sendall(head + content)
            else:
                self.socket.sendall(head)
                while chunk := content.read(CHUNK):
                    self.socket.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            # A container may refuse a body before it has read all of it; its answer says why.
            return
        self._is_whole = True

    def receive(self, *, require_content_length: bool) -> Answer:
        """Read the answer. EndOfStreamError or OSError where it does not come, or not whole."""
        self._acknowledge_quickly()
        reply = _Reply()
        body = _Body()
        try:
            while not reply.is_complete:
                chunk = self.socket.recv(CHUNK)
                if not chunk:
                    reply.end()
                    break
                try:
                    reply.feed(chunk)
                except BadLengthError as error:
                    return Answer(0, None, None, bad_length=str(error))
                if reply.lacks_length and require_content_length:
                    return Answer(reply.status, reply.content_type, None, tuple(reply.headers))
                for part in reply.take():
                    body.write(part)
            self.is_reusable = reply.keeps_alive and self._is_whole
            content = body.finish(reply.content_type)
            return Answer(reply.status, reply.content_type, content, tuple(reply.headers))
        except BaseException:
            body.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _acknowledge_quickly(self) -> None:
        # Many small servers write headers and body in two packets, and wait with the second for the first
        # one's acknowledgement, which Linux holds back for 40 ms.
        if hasattr(socket, "TCP_QUICKACK"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _Reply:
    """An answer as it comes in: the parser's callbacks, and what they found."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.content_type: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.is_complete = False
        self.keeps_alive = False
        self._has_head = False
        self._has_length = False
        self._is_chunked = False
        self._head = b""
        self._is_looked_at = True

    @property
    def lacks_length(self) -> bool:
        """Whether this is a success that has a body and does not say how long."""
        is_success = 200 <= self.status < 300  # noqa: PLR2004  # HTTP's classes
        return self._has_head and is_success and not self._has_length and self.status not in _WITHOUT_BODY

    def feed(self, chunk: bytes) -> None:
        """Parse what was received. BadLengthError where a head has a Content-Length that cannot be used."""
        while not self._has_head and self._is_looked_at:
            self._head += chunk
            end = _END_OF_HEAD.search(self._head)
            if end is None:
                if len(self._head) < _LONGEST_HEAD:
                    return
                chunk, self._is_looked_at = self._head, False
                break
            head, chunk = self._head[: end.start()], self._head[end.end() :]
            self._head = b""
            self._parse(_with_one_length(head) + end.group())
            if self.is_complete:
                break
        self._parse(chunk)

    def _parse(self, chunk: bytes) -> None:
        if not chunk:
            return
        try:
            self._parser.feed_data(chunk)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Bytes after a complete answer spoil the connection, not the answer.
            if not self.is_complete:
                raise EndOfStreamError(f"no HTTP answer: {error}") from error
            self.keeps_alive = False

    def end(self) -> None:
        """The connection has ended: well where that is how the body ends."""
        if not self._has_head or self._has_length or self._is_chunked:
            raise EndOfStreamError("the connection closed before the answer was complete")
        self.is_complete = True

    def take(self) -> list[bytes]:
        """The parts of the body that have come since the last call."""
        parts, self._parts = self._parts, []
        return parts

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))
        name = name.lower()
        if name == b"content-type":
            self.content_type = value.decode("latin-1")
        elif name == b"content-length":
            self._has_length = True
        elif name == b"transfer-encoding":
            self._is_chunked = True

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = True
        self.keeps_alive = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self.status < 200:  # noqa: PLR2004  # 100 Continue and its like: the answer is still to come
            self._reset()
        else:
            self.is_complete = True


def _with_one_length(head: bytes) -> bytes:
    """A head whose Content-Length is there once; the parser refuses also those that say the same twice.

    https://www.rfc-editor.org/rfc/rfc9110#section-8.6
    """
    values: list[bytes] = [value for found in _LENGTH.findall(head) for value in found.split(b",")]
    lengths = list(dict.fromkeys(value.strip() for value in values))
    if not values or (len(values) == 1 and lengths[0].isdigit()):
        return head
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise BadLengthError(b", ".join(lengths).decode("latin-1")[:_QUOTED])
    return _LENGTH.sub(b"", head) + b"\r\nContent-Length: " + lengths[0]


class _Body:
    """Collects a body: in memory while small, in a file beyond."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0
        self._file: IO[bytes] | None = None

    def write(self, part: bytes) -> None:
        self._length += len(part)
        if self._file is not None:
            self._file.write(part)
            return
        self._parts.append(part)
        if self._length > IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the payload
            self._file.writelines(self._parts)
            self._parts.clear()

    def finish(self, content_type: str | None) -> Payload:
        if self._file is None:
            return Payload(b"".join(self._parts), self._length, content_type)
        self._file.seek(0)
        return Payload(self._file, self._length, content_type)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
