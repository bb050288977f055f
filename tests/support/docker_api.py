"""A Docker Engine's API, as far as `meshtwin` asks it, with what a test has put there."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

Found = dict[str, Any]


@dataclass
class DockerApi:
    """The engine at `url`; `changes` are the requests that were no questions, in order."""

    url: str = ""
    version: str = "28.0.0"
    containers: list[Found] = field(default_factory=list)
    networks: list[Found] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def answer(self, path: str, query: str) -> object:
        """The document at a path, None where there is none."""
        listed = {"/containers/json": self.containers, "/networks": self.networks}
        if path in listed:
            filters: dict[str, list[str]] = json.loads(parse_qs(query).get("filters", ["{}"])[0])
            return [one for one in listed[path] if _bears(one["Labels"], filters.get("label", []))]
        for one in self.containers:
            if path == f"/containers/{one['Id']}/json":
                return one
        return {"ApiVersion": "1.41", "Version": self.version} if path == "/version" else None

    def has(self, path: str) -> bool:
        """Whether what a change is about is there."""
        ids = {one["Id"] for one in (*self.containers, *self.networks)}
        return bool(ids & set(path.split("/")))


def container(name: str, labels: dict[str, str], status: str = "Up 3 minutes") -> Found:
    """A container as the engine lists it, whose id is its name."""
    return {"Id": name, "Names": [f"/{name}"], "Labels": labels, "Status": status}


@contextmanager
def docker_api() -> Iterator[DockerApi]:
    """An engine that has nothing yet, from here to the end of the `with` block."""
    api = DockerApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            found = api.answer(_unversioned(url.path), url.query)
            self._send(404, {"message": "no such thing"}) if found is None else self._send(200, found)

        def do_POST(self) -> None:
            self._change()

        def do_DELETE(self) -> None:
            self._change()

        def _change(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = _unversioned(self.path)
            api.changes.append(f"{self.command} {path}")
            self._send(204 if api.has(urlsplit(path).path) else 404, {"message": "no such thing"})

        def _send(self, status: int, document: object) -> None:
            body = b"" if status == 204 else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"tcp://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield api
        server.shutdown()
        thread.join()


def _unversioned(path: str) -> str:
    """A path without `/v1.41`, which the SDK puts before all but the first."""
    first, _, rest = path.removeprefix("/").partition("/")
    return f"/{rest}" if first.startswith("v1.") else path


def _bears(labels: dict[str, str], wanted: list[str]) -> bool:
    pairs = [one.partition("=") for one in wanted]
    return all(name in labels and (not given or labels[name] == value) for name, given, value in pairs)
