"""As much of Hugging Face's Hub as a download asks for: a commit's files, listed, and in ranges."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING = re.compile(r"/api/(model|space)s/([^/]+/[^/]+)/(revision|tree)/([^/]+)")
FILE = re.compile(r"/(spaces/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")

LARGE = 10 * 2**20


@dataclass
class Hub:
    """Repositories by kind and name, each with one commit and its files."""

    files: dict[tuple[str, str], dict[str, bytes]]
    commits: dict[tuple[str, str], str]
    token: str = ""
    """Who does not send it gets 401, unless it is empty."""

    cut_at: int | None = None
    """After how many bytes the first download of a larger file hangs, until `release` is set."""

    url: str = ""
    downloads: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each file that was asked for."""

    release: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[Hub]:
        server = _Server(self)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def _hub(self) -> Hub:
        return self.server.hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if self._hub.token and self.headers.get("Authorization") != f"Bearer {self._hub.token}":
            self._send(401, b'{"error": "Invalid username or password."}')
        elif match := LISTING.fullmatch(path):
            self._list(match[1], match[2], match[3], match[4])
        elif match := FILE.fullmatch(path):
            key = ("space" if match[1] else "model", match[2])
            self._file(key, match[3], match[4], with_body=with_body)
        else:
            self._send(404, b"{}")

    def _known(self, key: tuple[str, str], revision: str) -> bool:
        if key not in self._hub.files:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in {"main", self._hub.commits[key]}:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            return True
        return False

    def _list(self, kind: str, name: str, what: str, revision: str) -> None:
        if not self._known((kind, name), revision):
            return
        files = self._hub.files[kind, name]
        if what == "revision":
            found: object = {"id": name, "sha": self._hub.commits[kind, name], "siblings": []}
        else:
            found = [
                {"type": "file", "path": path, "size": len(data), "oid": _etag(data), **_large(data)}
                for path, data in files.items()
            ]
        self._send(200, json.dumps(found).encode())

    def _file(self, key: tuple[str, str], revision: str, path: str, *, with_body: bool) -> None:
        if not self._known(key, revision):
            return
        data = self._hub.files[key][path]
        start = 0
        if with_body:
            asked = self.headers.get("Range", "")
            self._hub.downloads.append((path, asked))
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": self._hub.commits[key]}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(206 if start else 200, data[start:], headers, with_body=with_body)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, *, with_body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if not with_body:
            return
        if self._hub.cut_at is not None and len(body) > self._hub.cut_at:
            cut, self._hub.cut_at = self._hub.cut_at, None
            self.wfile.write(body[:cut])
            self._hub.release.wait()
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _large(data: bytes) -> dict[str, object]:
    """What a listing says besides of files in Git's large file storage."""
    if len(data) < LARGE:
        return {}
    return {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}
