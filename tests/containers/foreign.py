"""A SageMaker container of somebody else's: plain http.server, forty lines, nothing of this project.

It sums the numbers of a CSV body, as `linear-learner` might, and takes as long as `DELAY` says to be ready.
"""

from __future__ import annotations

import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

READY_AT = time.monotonic() + float(os.environ.get("DELAY", "0"))


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200 if time.monotonic() >= READY_AT else 503, b"")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            total = sum(float(word) for word in text.replace("\n", ",").split(",") if word.strip())
        except ValueError as error:
            self.reply(400, json.dumps({"error": str(error)}).encode())
            return
        self.reply(200, json.dumps({"sum": total}).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Model).serve_forever()
