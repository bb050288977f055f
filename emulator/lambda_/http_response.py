"""What a function returned, as the HTTP response of an HTTP API, in payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.core.protocol.operations import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON = "application/json"
_TEXT = "text/plain;charset=UTF-8"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
_STATUS = range(100, 600)
_KEPT = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers that the server sets."""


class MalformedResponseError(ValueError):
    """The function's result is not a response."""


def message(status: int, text: str) -> Response:
    """An answer of the API's own."""
    return Response(status, [(b"content-type", _JSON.encode())], json.dumps({"message": text}).encode())


def http_response(payload: bytes) -> Response:
    """The response that a function's result means.

    A result without a `statusCode` is the body of a 200 of JSON; a string stands for itself.

    Raises:
        MalformedResponseError: it has one, and is not a response.
    """
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result.encode("utf-8", "replace") if isinstance(result, str) else payload
        return Response(200, [(b"content-type", _JSON.encode())], body)
    headers = _headers(result)
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", _TEXT.encode()))
    return Response(_status(result["statusCode"]), headers, _body(result))


def _status(given: object) -> int:
    if isinstance(given, str) and given.isdecimal():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or given not in _STATUS:
        raise MalformedResponseError(f"statusCode {given!r}: expected a number, 100 to 599")
    return given


def _headers(result: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    given = {name: value for name, value in result.items() if value is not None}
    headers, cookies = given.get("headers", {}), given.get("cookies", [])
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise MalformedResponseError("headers: expected an object; cookies: expected a list")
    pairs = [(name.lower(), _text(value)) for name, value in headers.items()]
    pairs += [("set-cookie", _text(cookie)) for cookie in cookies]
    for name, value in pairs:
        if not _NAME.fullmatch(name) or not _LINE.fullmatch(value):
            raise MalformedResponseError(f"header {name!r}: {value!r}: expected a name and a line of text")
    return [(name.encode(), value.encode()) for name, value in pairs if name not in _KEPT]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedResponseError(f"header or cookie {value!r}: expected text")


def _body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponseError(f"body of {type(body).__name__}: expected a string")
    if result.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedResponseError(f"body: isBase64Encoded, and {error}") from None
