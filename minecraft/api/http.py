"""Requests and responses of an HTTP API, payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import traceback
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft.api.errors import ApiError
from meshtwin.minecraft.jobs.table import LostJobError
from meshtwin.minecraft.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RETRYABLE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Statuses with a Retry-After header: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after"""

MAX_ENCODED = 4 * 1024 * 1024
"""The most characters of a body that are decoded."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    parameters: Mapping[str, str]
    host: str

    @property
    def job_id(self) -> str:
        """The job that the path names; empty where it names none."""
        return self.parameters.get("jobId", "")


def handle(event: object, answer: Callable[[Request], dict[str, Any]]) -> dict[str, Any]:
    """The response to the event; a caller never sees the details of an internal error."""
    try:
        return answer(_request(event))
    except ApiError as error:
        return _refuse(error)
    except (BotoCoreError, ClientError, LostJobError) as error:
        message = "The build service is busy. Try again in a minute"
        return _internal(ApiError(503, "unavailable", message), error)
    except Exception as error:  # noqa: BLE001  # the edge of the process
        message = "The build service has an internal error. Tell the server's operator"
        return _internal(ApiError(500, "internal", message), error)


def respond(status: int, document: Mapping[str, Any], **headers: str) -> dict[str, Any]:
    """A JSON response."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store", **headers},
        "body": json.dumps(document),
    }


def _refuse(error: ApiError, **more: str) -> dict[str, Any]:
    headers = {"www-authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else {}
    if error.status in _RETRYABLE:
        headers["retry-after"] = str(max(1, error.retry_after))
    return respond(error.status, {"error": error.message, "errorCode": error.code, **more}, **headers)


def _internal(shown: ApiError, error: Exception) -> dict[str, Any]:
    error_id = uuid.uuid4().hex[:12]
    log(shown.code, error_id=error_id, reason=str(error), trace=traceback.format_exc())
    message = f"{shown.message} (error {error_id})."
    return _refuse(ApiError(shown.status, shown.code, message), errorId=error_id)


def _request(event: object) -> Request:
    if not isinstance(event, dict):
        raise ApiError(400, "invalid_request", "this is not an HTTP API request")
    context = event.get("requestContext") or {}
    http = context.get("http") or {}
    headers = {str(k).lower(): str(v) for k, v in (event.get("headers") or {}).items()}
    return Request(
        str(http.get("method", "")).upper(),
        str(event.get("rawPath", "")),
        headers,
        _body(event),
        event.get("pathParameters") or {},
        headers.get("host") or str(context.get("domainName", "")),
    )


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not isinstance(text, str) or len(text) > MAX_ENCODED:
        raise ApiError(413, "too_large", "the request is too large: upload the image with POST /build/upload")
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, "invalid_request", "the body is not Base64, as isBase64Encoded says") from error
