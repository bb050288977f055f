"""A journal for moto, which keeps all its data in memory.

Wrapped around moto's WSGI application, a `Journal` writes each request that changed something to a file, and
replays them at the next start.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.datastructures import Headers
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from meshtwin.emulator.core.private import touch_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import IO
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_READS = (
    "Get", "BatchGet", "Query", "Scan", "Describe", "List", "Head", "TransactGet", "PutMetricData",
    "SetAlarmState",
    # Messages are as short-lived as the notifications they carry, and a long poll must not hold the lock.
    "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "PurgeQueue",
)  # fmt: skip
"""Prefixes of the operations of DynamoDB, SNS, SQS and CloudWatch that change nothing durable."""

_KEPT_HEADERS = ("content-type", "authorization", "x-amz-", "host", "cache-control", "expires", "content-")
_KEY_ID = re.compile("Credential=[^/]*/")
_KEY_IN_QUERY = re.compile("(X-Amz-Credential=|AWSAccessKeyId=)[^&%/]*")
_OBJECT_HEADERS = ("content-type", "content-encoding", "content-disposition", "cache-control", "x-amz-meta-")


class Journal:
    """WSGI middleware that records and replays the requests that change the application behind it.

    Changes are applied one at a time, so that the file has their order. A multipart upload is recorded as the
    object that it created: its parts have an upload id that a replay would not get again.
    """

    def __init__(self, app: WSGIApplication, path: Path) -> None:
        self._app = app
        self._path = path
        self._lock = threading.Lock()
        self._file: IO[str] | None = None

    def replay(self) -> int:
        """Replay the file's requests, and open it for more; how many there were."""
        count = end = 0
        touch_private(self._path).chmod(0o600)  # an earlier version's may be open to all
        with self._path.open("rb+") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # the last line of a killed writer, which never responded to that request
                self._play(json.loads(line))
                count += 1
                end += len(line)
            file.truncate(end)
        self._file = self._path.open("a", encoding="utf-8")
        return count

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request; one that changed something is recorded before the response is sent."""
        if not _changes(environ):
            return self._app(environ, start_response)
        with self._lock:
            body = _read_body(environ)
            answer = _Capture(start_response)
            chunks = list(self._app(environ, answer))
            if answer.succeeded and self._file is not None:
                entry = self._entry(environ, body)
                if entry is not None:
                    self._file.write(json.dumps(entry) + "\n")
                    self._file.flush()
        return chunks

    def _entry(self, environ: WSGIEnvironment, body: bytes) -> dict[str, Any] | None:
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if "uploadId" in query and environ["REQUEST_METHOD"] == "POST":
            return self._finished_upload(environ)
        if "uploadId" in query or "uploads" in query or _is_transient(body):
            return None
        return _entry(environ, environ["REQUEST_METHOD"], environ["RAW_URI"], body)

    def _finished_upload(self, environ: WSGIEnvironment) -> dict[str, Any]:
        """The object of a completed multipart upload, as one PUT."""
        uri = environ["RAW_URI"].partition("?")[0]
        get = EnvironBuilder(path=uri, headers=Headers(_headers(environ))).get_environ()
        chunks, _, headers = run_wsgi_app(self._app, get)
        entry = _entry(environ, "PUT", uri, b"".join(chunks))
        for name, value in headers.items():
            if name.lower().startswith(_OBJECT_HEADERS):
                entry["headers"][name.title()] = value
        return entry

    def _play(self, entry: dict[str, Any]) -> None:
        Client(self._app).open(
            path=entry["uri"],
            method=entry["method"],
            headers=entry["headers"],
            data=base64.b64decode(entry["body"]),
        )


class _Capture:
    """A start_response that remembers the status."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self.succeeded = False

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401  # WSGI's own signature
        /,
    ) -> Callable[..., Any]:
        self.succeeded = status.startswith("2")
        return self._start_response(status, headers, exc_info)


def _changes(environ: WSGIEnvironment) -> bool:
    if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS") or environ["PATH_INFO"].startswith(
        "/moto-api"
    ):
        return False
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return not operation.startswith(_READS)


def _is_transient(body: bytes) -> bool:
    """Whether a form names an action without a durable effect; a replay would publish again."""
    if not body.startswith(b"Action="):
        return False
    action = body[len(b"Action=") : 64].partition(b"&")[0].decode(errors="replace")
    return action.startswith(_READS) or action in ("Publish", "PublishBatch", "PutMetricData")


def _read_body(environ: WSGIEnvironment) -> bytes:
    """The request's body, which can be read again."""
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body: bytes = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    kept = {name: value for name, value in headers.items() if name.lower().startswith(_KEPT_HEADERS)}
    if "Authorization" in kept:
        # moto needs its service and region; the run's key must not be in the file.
        kept["Authorization"] = _KEY_ID.sub("Credential=kept/", kept["Authorization"])
    return kept


def _entry(environ: WSGIEnvironment, method: str, uri: str, body: bytes) -> dict[str, Any]:
    return {
        "method": method,
        "uri": _KEY_IN_QUERY.sub(r"\1kept", uri),
        "headers": _headers(environ),
        "body": base64.b64encode(body).decode(),
    }
