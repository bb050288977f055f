"""A container of one thread: it answers /ping only when no request is in its hands, which it sleeps over."""

from __future__ import annotations

import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(body))
        self.answer(body)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    HTTPServer(
        (os.environ.get("LISTEN", "127.0.0.1"), int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
    ).serve_forever()
