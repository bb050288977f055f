"""The container's two endpoints: HTTP in front of `meshtwin.runtime.jobs.service`."""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meshtwin.runtime.contract import RETRYABLE, STATUS, ErrorBody, ErrorCode, ErrorResponse, JobError
from meshtwin.runtime.http.requests import MAX_BODY_BYTES, RequestError, parse
from meshtwin.runtime.jobs.cancellation import CancellationToken, JobCancelledError
from meshtwin.runtime.jobs.service import STOPPING
from meshtwin.runtime.logs import log

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from meshtwin.runtime.jobs.service import Service

INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"

_GONE_CLIENT_GRACE_SECONDS = 30.0
"""How long a job whose client has disconnected may take to its next step: a killed worker has to reload."""

BODY_SECONDS = 30.0
"""How long a request's body may take to arrive."""

_CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a closed connection: no client receives it."""


class _StalledError(Exception):
    """The body did not arrive in time."""


def create_app(service: Service) -> Starlette:
    """The application; each of its responses has a Content-Length, as SageMaker requires."""

    async def ping(_: Request) -> JSONResponse:
        health = service.health()
        return JSONResponse(health.model_dump(), 200 if health.state in {"ready", "reloading"} else 503)

    async def invocations(request: Request) -> Response:
        inference_id = request.headers.get(INFERENCE_ID) or str(uuid.uuid4())
        return await _invoke(service, request, inference_id)

    pages = _Pages()
    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", invocations, methods=["POST"]),
            *(Route(path, pages) for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")),
        ],
        exception_handlers={HTTPException: _refuse},
    )


class _Pages:
    """The OpenAPI pages, by FastAPI, which is slow to import and so loaded with the first request for one."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one page."""
        if self._app is None:
            self._app = await asyncio.to_thread(self._load)
        await self._app(scope, receive, send)

    @staticmethod
    def _load() -> ASGIApp:
        from meshtwin.runtime.http.openapi import pages  # noqa: PLC0415  # see above

        return pages()


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}; expected GET /ping or POST /invocations"
    answer = invalid(message, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def invalid(message: str, status: int) -> JSONResponse:
    """The response to a request that the contract does not know."""
    answer = _failure(ErrorCode.INVALID_REQUEST, message, None)
    answer.status_code = status
    return answer


async def _invoke(service: Service, request: Request, inference_id: str) -> Response:
    stage = None
    try:
        job = parse(await _read_in_time(request, service.stopping))
        stage = job.stage.value
        token = CancellationToken()
        watch = asyncio.create_task(_cancel_when_disconnected(request, token))
        try:
            response = await service.invoke(job, inference_id, token)
        finally:
            watch.cancel()
    except _StalledError:
        answer = invalid(f"the body did not arrive within {BODY_SECONDS:g} s", HTTPStatus.REQUEST_TIMEOUT)
        answer.headers["Connection"] = "close"
        return answer
    except RequestError as error:
        log.warning("request_refused", inference_id=inference_id, code=error.code, message=error.message)
        return _failure(error.code, error.message, error.stage)
    except JobError as error:
        return _failure(error.code, error.message, stage, error.outputs)
    except (JobCancelledError, ClientDisconnect):
        return Response(status_code=_CLIENT_CLOSED_REQUEST)
    except Exception as error:  # noqa: BLE001  # the process's edge; the service has logged it in full
        return _failure(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}", stage)
    return JSONResponse(response.model_dump(mode="json"))


async def _read_in_time(request: Request, stopping: asyncio.Event) -> bytes:
    """The body, from a client that neither stalls nor delays a shutdown.

    Raises:
        RequestError: it is over the limit.
        JobError: NOT_READY, where the container is stopping.
    """
    reading = asyncio.create_task(_read_body(request))
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({reading, stopped}, timeout=BODY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return reading.result()
        if stopped.done():
            raise JobError(ErrorCode.NOT_READY, STOPPING)
        raise _StalledError
    finally:
        reading.cancel()
        stopped.cancel()


async def _read_body(request: Request) -> bytes:
    """The body; past the limit it is read and discarded, so that the client gets to read the response."""
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            body += chunk
    if size > MAX_BODY_BYTES:
        raise RequestError(
            ErrorCode.OBJECT_TOO_LARGE, f"the body has {size} bytes: the limit is {MAX_BODY_BYTES} bytes"
        )
    return bytes(body)


async def _cancel_when_disconnected(request: Request, token: CancellationToken) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    token.cancel(JobCancelledError("the client has disconnected"), grace=_GONE_CLIENT_GRACE_SECONDS)


def _failure(
    code: ErrorCode, message: str, stage: str | None, outputs: dict[str, str] | None = None
) -> JSONResponse:
    body = ErrorBody(code=code, message=message, stage=stage, retryable=code in RETRYABLE)
    response = ErrorResponse(error=body, outputs=outputs or {})
    return JSONResponse(response.model_dump(mode="json"), STATUS[code])
