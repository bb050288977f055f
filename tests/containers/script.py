"""A container that does what the request's body says: `WORD` or `WORD ARGUMENT`.

status N | sleep SECONDS | wait FILE | hang | headers | chunked | nolength | empty | short | close | crash
big BYTES | grow BYTES
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer(503 if is_unready() else int(os.environ.get("PING_STATUS", "200")), b"")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if is_unready():
            self.answer(503, b"")
            return
        note = os.environ.get("DELIVERIES")
        if note is not None:
            with Path(note).open("a") as file:
                file.write(self.headers["X-Amzn-SageMaker-Inference-Id"] + "\n")
        word, _, argument = body[:4096].decode(errors="replace").partition(" ")
        getattr(self, f"do_{word}", self.do_echo)(argument, body)

    def do_echo(self, _: str, body: bytes) -> None:
        self.answer(200, body, self.headers["Content-Type"])

    def do_status(self, argument: str, _: bytes) -> None:
        self.answer(int(argument), b'{"error": "as asked"}', "application/json")

    def do_sleep(self, argument: str, body: bytes) -> None:
        time.sleep(float(argument.split(maxsplit=1)[0]))
        self.answer(200, body)

    def do_wait(self, argument: str, body: bytes) -> None:
        while not Path(argument).exists():
            time.sleep(0.02)
        self.answer(200, body)

    def do_hang(self, _: str, __: bytes) -> None:
        time.sleep(3600)

    def do_headers(self, _: str, __: bytes) -> None:
        self.answer(200, json.dumps(dict(self.headers)).encode(), "application/json")

    def do_chunked(self, argument: str, _: bytes) -> None:
        self.send_response(int(argument or "200"))
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n0\r\n\r\n")

    def do_nolength(self, _: str, __: bytes) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"hello")

    def do_empty(self, _: str, __: bytes) -> None:
        self.send_response(204)
        self.end_headers()

    def do_short(self, _: str, __: bytes) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"hello")

    def do_close(self, _: str, __: bytes) -> None:
        self.close_connection = True

    def do_crash(self, _: str, __: bytes) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
        # In a container it is the first process, which cannot be killed from within.
        os._exit(128 + signal.SIGKILL)

    def do_grow(self, argument: str, _: bytes) -> None:
        self.answer(200, str(len(bytearray(int(argument)))).encode())

    def do_big(self, argument: str, _: bytes) -> None:
        self.answer(200, b"x" * int(argument), "application/octet-stream")

    def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def is_unready() -> bool:
    """Whether its worker is gone for now."""
    return Path(os.environ.get("UNREADY_WHILE", "/none/such")).exists()


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    if os.environ.get("EXIT_AT_ONCE") or Path(os.environ.get("EXIT_IF_THERE", "/none/such")).exists():
        sys.stderr.write("no weights in /opt/ml/model\n")
        sys.exit(3)
    if os.environ.get("DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Server(
        (os.environ.get("LISTEN", "127.0.0.1"), int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
    ).serve_forever()
