"""An API that takes calls of functions, and remembers them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Functions:
    """Where the API is; of each call the path, the kind and the event."""

    url: str
    calls: list[tuple[str, str | None, bytes]]


@contextmanager
def functions_api() -> Iterator[Functions]:
    calls: list[tuple[str, str | None, bytes]] = []

    class Invoke(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            calls.append((self.path, self.headers.get("X-Amz-Invocation-Type"), body))
            self.send_response(HTTPStatus.ACCEPTED)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Invoke) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Functions(f"http://127.0.0.1:{server.server_port}", calls)
        server.shutdown()
        thread.join()
