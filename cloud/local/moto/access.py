"""Access control for moto: pages of other origins and callers without this run's key are refused.

Every page in a browser on this machine, and every user of it, can reach a store on 127.0.0.1.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from meshtwin.emulator.core.host_guard import Guard, Refusal
from meshtwin.emulator.core.settings import ProgramSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import IO
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from typing_extensions import Buffer

    from meshtwin.emulator.core.protocol.access import AccessKey

_CHECKED = ("authorization", "host", "origin", "sec-fetch-site")
_FIELDS_BYTES = 64 * 1024
"""S3 accepts 20 kB of fields."""

_FORM_CREDENTIAL = re.compile(rb'name="(?:(?i:x-amz-credential)|AWSAccessKeyId)"\r\n\r\n([^/\r\n]+)')
_UNKNOWN_KEY = "this store needs the AWS_ACCESS_KEY_ID of its own run, which `meshtwin up` printed"


class AccessGuard:
    """WSGI middleware with the emulator's own guard and, where there is a key, a check for it."""

    def __init__(self, app: WSGIApplication, key: AccessKey | None = None) -> None:
        self._app = app
        self._guard = Guard(ProgramSettings())
        self._key = key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request on, or respond with 403 in the format of its service's errors."""
        headers = {
            name.encode(): environ[variable].encode("latin-1")
            for name in _CHECKED
            if (variable := f"HTTP_{name.upper().replace('-', '_')}") in environ
        }
        refusal = self._guard.refusal(headers)
        if refusal is None and not self._admits(environ, headers):
            refusal = Refusal(_code_of(environ), _UNKNOWN_KEY)
        if refusal is None:
            return self._app(environ, start_response)
        kind, body = _rendered(environ, refusal)
        start_response("403 Forbidden", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _admits(self, environ: WSGIEnvironment, headers: Mapping[bytes, bytes]) -> bool:
        query = str(environ.get("QUERY_STRING", "")).encode("latin-1")
        return (
            self._key is None
            or self._key.admits(headers, query)
            or self._key.admits({}, _form_query(environ))
        )


def _form_query(environ: WSGIEnvironment) -> bytes:
    """The credential among the fields of a presigned POST, as a presigned URL has it in its query.

    The fields come before the file: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """
    form = str(environ.get("CONTENT_TYPE", "")).startswith("multipart/form-data")
    if environ["REQUEST_METHOD"] != "POST" or not form:
        return b""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    begin: bytes = environ["wsgi.input"].read(min(length, _FIELDS_BYTES))
    environ["wsgi.input"] = io.BufferedReader(_Rejoined(begin, environ["wsgi.input"], length - len(begin)))
    found = _FORM_CREDENTIAL.search(begin)
    return b"AWSAccessKeyId=" + found[1] if found else b""


class _Rejoined(io.RawIOBase):
    """A body whose beginning was read already."""

    def __init__(self, begin: bytes, rest: IO[bytes], left: int) -> None:
        self._begin = io.BytesIO(begin)
        self._rest = rest
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        chunk = self._begin.read(len(view))
        if not chunk:
            chunk = self._rest.read(min(len(view), self._left))
            self._left -= len(chunk)
        view[: len(chunk)] = chunk
        return len(chunk)


def _code_of(environ: WSGIEnvironment) -> str:
    """The error code for an unknown access key, by the service's protocol."""
    if _is_json(environ) or _is_cbor(environ):
        return "UnrecognizedClientException"
    return "InvalidClientTokenId" if _is_query(environ) else "InvalidAccessKeyId"


def _is_json(environ: WSGIEnvironment) -> bool:
    return "HTTP_X_AMZ_TARGET" in environ


def _is_cbor(environ: WSGIEnvironment) -> bool:
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def _is_query(environ: WSGIEnvironment) -> bool:
    form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    return form and environ["REQUEST_METHOD"] == "POST"


def _rendered(environ: WSGIEnvironment, refusal: Refusal) -> tuple[str, bytes]:
    document = {"__type": refusal.code, "message": refusal.message}
    if _is_json(environ):
        return "application/x-amz-json-1.0", json.dumps(document).encode()
    if _is_cbor(environ):
        return "application/cbor", bytes([0xA0 | len(document)]) + b"".join(
            _cbor(text) for pair in document.items() for text in pair
        )
    error = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
    if _is_query(environ):
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return "application/xml", error.encode()


def _cbor(text: str) -> bytes:
    """A text string of RFC 8949 with its length in two bytes."""
    return b"\x79" + len(text.encode()).to_bytes(2, "big") + text.encode()
