"""Stands between a client and S3, and spoils the calls it is told to."""

from __future__ import annotations

import contextlib
import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Fault = Callable[["Handler", bytes], None]


class S3Proxy:
    """`faults` maps a method and the last part of a key to what happens instead; `seen` lists the calls.

    `asked` has the Host and the path of each.
    """

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.faults: dict[tuple[str, str], Fault] = {}
        self.seen: list[tuple[str, str]] = []
        self.asked: list[tuple[str, str]] = []
        handler = type("BoundHandler", (Handler,), {"proxy": self})
        self._server = QuietServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @contextmanager
    def running(self) -> Iterator[S3Proxy]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has read enough, and left, is no error here."""


class Handler(BaseHTTPRequestHandler):
    proxy: S3Proxy
    protocol_version = "HTTP/1.1"

    def handle_call(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        last = urlsplit(self.path).path.rpartition("/")[2]
        self.proxy.seen.append((self.command, last))
        self.proxy.asked.append((self.headers["Host"], urlsplit(self.path).path))
        fault = self.proxy.faults.get((self.command, last), forward)
        fault(self, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_call  # noqa: N815  # the base class's names

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/xml"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def forward(handler: Handler, body: bytes) -> None:
    connection = http.client.HTTPConnection(handler.proxy.target, timeout=30)
    try:
        connection.request(handler.command, handler.path, body, dict(handler.headers))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    kept = {
        name: value
        for name, value in response.getheaders()
        if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}
    }
    handler.answer(response.status, content, kept)


class Gate:
    """A fault that holds the calls up until it is opened."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def __call__(self, handler: Handler, body: bytes) -> None:
        self._reached.set()
        self._opened.wait(60)
        forward(handler, body)

    def wait_for_one(self) -> None:
        """Returns when a call is held up."""
        assert self._reached.wait(60)

    def open(self) -> None:
        self._opened.set()


def refuse(status: int, code: str) -> Fault:
    """S3's error of that code: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

    def fault(handler: Handler, _: bytes) -> None:
        handler.answer(status, f"<Error><Code>{code}</Code><Message>Told so.</Message></Error>".encode())

    return fault


def cut_off(handler: Handler, _: bytes) -> None:
    """Half of what was promised, then silence."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 500)
    handler.close_connection = True


def hang(handler: Handler, _: bytes) -> None:
    """Nothing, for as long as the client holds on."""
    handler.connection.settimeout(60)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


def store_and_break(handler: Handler, body: bytes) -> None:
    """The object is stored, and nobody hears of it."""
    connection = http.client.HTTPConnection(handler.proxy.target, timeout=30)
    try:
        connection.request(handler.command, handler.path, body, dict(handler.headers))
        connection.getresponse().read()
    finally:
        connection.close()
    handler.close_connection = True
