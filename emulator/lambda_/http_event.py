"""An HTTP request as the event that a function gets of an HTTP API, in payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshtwin.emulator.lambda_.routes import Route

_MILLIS = 1000
_TEXT = ("text/", "application/json", "application/javascript", "application/xml")
_TEXT_ENDS = ("+json", "+xml")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the API, its path without the API's prefix, as received."""

    method: str
    raw_path: str
    query: str
    headers: Sequence[tuple[str, str]]
    """Names in lower case, in the order in which they came, repeated as they were."""

    body: bytes
    source: str
    """The client's address."""

    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """Decoded, as routes are matched with it and functions see it."""
        return unquote(self.raw_path)


@dataclass(frozen=True, slots=True)
class Api:
    """The API that events come from, as they name it."""

    account_id: str
    api_id: str = "local"


def http_event(
    api: Api, request: HttpRequest, route: Route, parameters: Mapping[str, str], request_id: str, now: float
) -> dict[str, Any]:
    """The event. Members that AWS leaves out where they would be empty are left out."""
    headers = joined(request.headers)
    cookies = [part for part in headers.pop("cookie", "").split("; ") if part]
    domain = headers.get("host", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if request.query:
        event["queryStringParameters"] = joined(parse_qsl(request.query, keep_blank_values=True))
    event["requestContext"] = {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route.key,
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * _MILLIS),
    }
    if parameters:
        event["pathParameters"] = dict(parameters)
    return event | _body(request, headers.get("content-type", ""))


def joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each name once, with its values joined by commas."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(request: HttpRequest, content_type: str) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(_TEXT) or kind.endswith(_TEXT_ENDS):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
