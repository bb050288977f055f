"""The smallest container: answers /ping, and /invocations with the bytes and the type it was sent.

It is not ready while there is a file at RUNTIME_UNREADY_WHILE.
"""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet each; without this they wait for each other's acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        is_ready = not Path(os.environ.get("RUNTIME_UNREADY_WHILE", "/none/such")).exists()
        self.answer(200 if is_ready else 503, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, body, self.headers["Content-Type"])

    def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    # The default of 5 is less than sixteen requests at a time.
    request_queue_size = 128


if __name__ == "__main__":
    Server(
        (os.environ.get("LISTEN", "127.0.0.1"), int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
    ).serve_forever()
