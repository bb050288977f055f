"""What stands in front of moto: pages of other origins and callers without this run's key do not get past it.

A store on 127.0.0.1 is reached by every page that a browser on this machine shows, and by all of its users.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from emulator.admin.guard import Guard, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from emulator.protocol.access import AccessKey

_CHECKED = ("authorization", "host", "origin", "sec-fetch-site")
_UNKNOWN_KEY = "this store asks for the AWS_ACCESS_KEY_ID of its own run, which `meshtwin up` printed"


@dataclass(frozen=True, slots=True)
class Names:
    """By which names the store may be called."""

    host: str = "127.0.0.1"
    allowed_hosts: str = ""


class Door:
    """WSGI middleware with the emulator's own guard, and where there is a key, with a check for it."""

    def __init__(self, app: WSGIApplication, key: AccessKey | None = None) -> None:
        self._app = app
        self._guard = Guard(Names())
        self._key = key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand a request on, or answer it with 403 in the form that its service's errors have."""
        headers = {
            name.encode(): environ[variable].encode("latin-1")
            for name in _CHECKED
            if (variable := f"HTTP_{name.upper().replace('-', '_')}") in environ
        }
        refusal = self._guard.refusal(headers)
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        if refusal is None and self._key is not None and not self._key.admits(headers, query):
            refusal = Refusal(_code_of(environ), _UNKNOWN_KEY)
        if refusal is None:
            return self._app(environ, start_response)
        kind, body = _rendered(environ, refusal)
        start_response("403 Forbidden", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _code_of(environ: WSGIEnvironment) -> str:
    """Under which code each kind of service knows an access key that is not known."""
    if _is_json(environ) or _is_cbor(environ):
        return "UnrecognizedClientException"
    return "InvalidClientTokenId" if _is_query(environ) else "InvalidAccessKeyId"


def _is_json(environ: WSGIEnvironment) -> bool:
    return "HTTP_X_AMZ_TARGET" in environ


def _is_cbor(environ: WSGIEnvironment) -> bool:
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def _is_query(environ: WSGIEnvironment) -> bool:
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
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
