"""How the pages under /_emulator read requests and refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from meshtwin.emulator.core.protocol.errors import SerializationError
from meshtwin.emulator.core.protocol.gateway import read_body
from meshtwin.emulator.core.protocol.operations import JSON_BODY_LIMIT, parse_json

if TYPE_CHECKING:
    from starlette.requests import Request


class AdminError(Exception):
    """A request that cannot be served: a code, a status, and a message that names the fix."""

    def __init__(self, message: str, *, status: int = 400, code: str = "BadRequest") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def refused(status: int, code: str, message: str) -> JSONResponse:
    """`{"error": {"code", "message"}}`."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def read_object(request: Request) -> dict[str, Any]:
    """A request's body, a JSON object; an empty one without a body.

    Raises:
        AdminError: the body is not a JSON object, is too long, or is not declared as JSON. A page of another
            origin cannot send JSON without asking: https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
    """
    body = await read_body(request.receive, dict(request.scope["headers"]), JSON_BODY_LIMIT)
    if body is None:
        message = f"the body is longer than {JSON_BODY_LIMIT} bytes"
        raise AdminError(message, status=413, code="BodyTooLarge")
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise AdminError(f"Content-Type {kind!r}: expected application/json", status=415, code="MediaType")
    try:
        found = parse_json(body)
    except SerializationError as error:
        raise AdminError(error.message) from None
    if not isinstance(found, dict):
        raise AdminError(f"the body is a JSON {type(found).__name__}: expected an object")
    return found


def number_of(text: str | None, name: str, *, default: float, least: float, most: float) -> float:
    """A number of a query.

    Raises:
        AdminError: it is not a number, or out of bounds.
    """
    if text is None:
        return default
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        raise AdminError(f"{name} {text!r}: expected a number from {least:g} to {most:g}")
    return found
