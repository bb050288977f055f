"""How the pages under /_emulator read requests and refuse them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request


class AdminError(Exception):
    """A request that can not be served: a code and a status, and words with the way out."""

    def __init__(self, message: str, *, status: int = 400, code: str = "BadRequest") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def refused(status: int, code: str, message: str) -> JSONResponse:
    """`{"error": {"code", "message"}}`."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def read_object(request: Request) -> dict[str, Any]:
    """A request's body, a JSON object; an empty one where there is none.

    Raises:
        AdminError: the body is no JSON object, or is not declared as one. A page of another origin can send
            no JSON without asking first: https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
    """
    body = await request.body()
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise AdminError(f"Content-Type {kind!r}: expected application/json", status=415, code="MediaType")
    try:
        found = json.loads(body)
    except ValueError as error:
        raise AdminError(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise AdminError(f"the body is a JSON {type(found).__name__}: expected an object")
    return found


def number_of(text: str | None, name: str, *, default: float, least: float, most: float) -> float:
    """A number of a query.

    Raises:
        AdminError: it is none, or out of bounds.
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
