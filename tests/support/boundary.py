"""What lies beyond the worker: Lambda's Invoke and the endpoint, which take note of what they are asked."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Asked:
    """One call: of a function with its event, or of the endpoint, `name` "endpoint", with its headers."""

    name: str
    event: dict[str, Any]
    output: str = ""
    failure: str = ""


@dataclass
class Boundary:
    """Everything that was asked for, in order. `refuse` has (status, code) for names that do not work."""

    bucket: str = ""
    asked: list[Asked] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    before_answer: Callable[[Asked], None] | None = None

    def take(self) -> list[Asked]:
        """What was asked since the last time."""
        taken, self.asked[:] = list(self.asked), []
        return taken

    def names(self) -> list[str]:
        return [one.name for one in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.split("/")
        boundary = self.server.boundary
        if "async-invocations" in self.path:
            name = "endpoint"
            prefix = "X-Amzn-SageMaker-"
            event: dict[str, Any] = {
                key[len(prefix) :]: value for key, value in self.headers.items() if key.startswith(prefix)
            }
        else:
            name, event = parts[3], json.loads(body)
        if name in boundary.refuse:
            status, code = boundary.refuse[name]
            self._answer(status, {"message": "refused", "Message": "refused"}, {"x-amzn-errortype": code})
            return
        made = uuid.uuid4()
        one = Asked(
            name,
            event,
            f"s3://{boundary.bucket}/async-output/{made}.out",
            f"s3://{boundary.bucket}/async-failures/{made}-error.out",
        )
        boundary.asked.append(one)
        if boundary.before_answer is not None:
            boundary.before_answer(one)
        locations = {
            "X-Amzn-SageMaker-OutputLocation": one.output,
            "X-Amzn-SageMaker-FailureLocation": one.failure,
        }
        self._answer(202, {"InferenceId": event.get("Inference-Id", "")}, locations)

    def _answer(self, status: int, document: dict[str, Any], headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    boundary: Boundary
    daemon_threads = True


@contextmanager
def run_boundary(boundary: Boundary) -> Iterator[str]:
    """Serve; yields the URL for Lambda and for SageMaker's runtime."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.boundary = boundary
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
