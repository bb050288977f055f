"""Lambda's side of a function's image: the Runtime API, as far as one invocation after another needs it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:under-test"
_PREFIX = "/2018-06-01/runtime"


class RuntimeApi:
    """A server that hands events to a runtime interface client, and keeps what the client says of each."""

    def __init__(self) -> None:
        self._events: Queue[dict[str, Any] | None] = Queue()
        self._answers: Queue[tuple[str, Any]] = Queue()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == f"{_PREFIX}/invocation/next"
                event = api._events.get()
                if event is None:
                    self.close_connection = True
                    return
                self._say(200, json.dumps(event).encode(), api._headers())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api._answers.put((self.path.rpartition("/")[2], json.loads(body)))
                self._say(202, b'{"status": "OK"}', {})

            def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the answers are kept."""

        self._server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens, on every address: containers come from another."""
        return self._server.server_port

    def invoke(self, event: dict[str, Any], seconds: float = 300) -> tuple[str, Any]:
        """What the function says to the event: `response` or `error`, and the document."""
        self._events.put(event)
        return self._answers.get(timeout=seconds)

    def _headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 300) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": FUNCTION,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
