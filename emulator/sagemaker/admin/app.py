"""The pages under /_emulator: their index, and what they answer when something is wrong."""

from __future__ import annotations

import secrets
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from meshtwin.emulator.core.admin_answers import AdminError, refused
from meshtwin.emulator.core.protocol.errors import ServiceError
from meshtwin.emulator.core.protocol.gateway import DisconnectedError
from meshtwin.emulator.sagemaker.admin.clock import clock_routes
from meshtwin.emulator.sagemaker.admin.endpoints import endpoint_routes
from meshtwin.emulator.sagemaker.admin.faults import fault_routes
from meshtwin.emulator.sagemaker.admin.metrics import metric_routes
from meshtwin.emulator.sagemaker.admin.requests import request_routes
from meshtwin.emulator.sagemaker.admin.reset import reset_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.emulator import Emulator

ADMIN_PREFIX = "/_emulator"

OPEN_PAGES = frozenset({f"{ADMIN_PREFIX}/health", f"{ADMIN_PREFIX}/ui"})
"""Served without a key: what health checks call, and a page that shows nothing before it has the key."""


def admin_routes(emulator: Emulator) -> list[Route]:
    """Every page."""
    routes = [
        *_own_routes(emulator),
        *clock_routes(emulator),
        *endpoint_routes(emulator),
        *request_routes(emulator),
        *fault_routes(emulator),
        *metric_routes(emulator),
        *reset_routes(emulator),
        Route(f"{ADMIN_PREFIX}/ui", _page),
    ]

    async def index(_: Request) -> JSONResponse:
        pages = [{"path": route.path, "methods": sorted(route.methods or ())} for route in routes]
        return JSONResponse({"pages": pages})

    return [Route(ADMIN_PREFIX, index), *routes]


def _own_routes(emulator: Emulator) -> list[Route]:
    async def health(_: Request) -> JSONResponse:
        endpoints = {endpoint.name: endpoint.status for endpoint in emulator.registry.endpoints()}
        store = {
            "reachable": emulator.store.is_reachable,
            "restarted_at": emulator.store.restarted_at,
            "lost": emulator.dispatcher.lost_count,
        }
        return JSONResponse({"status": "ok", "version": _version(), "endpoints": endpoints, "store": store})

    async def usage(_: Request) -> JSONResponse:
        used = emulator.aws.usage
        return JSONResponse(
            {
                "calls": dict(used.calls),
                "cpu_seconds": used.cpu_seconds,
                "process_cpu_seconds": time.process_time(),
            }
        )

    async def operations(_: Request) -> JSONResponse:
        return JSONResponse({"services": emulator.gateway.operations()})

    return [
        Route(f"{ADMIN_PREFIX}/health", health),
        Route(f"{ADMIN_PREFIX}/usage", usage),
        Route(f"{ADMIN_PREFIX}/operations", operations),
    ]


async def _page(_: Request) -> HTMLResponse:
    """The same in a browser, on one page that polls the others every second or two.

    Nothing is loaded from elsewhere, and no page may frame it.
    """
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'; "
        f"style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return HTMLResponse(_html().replace("NONCE", nonce), headers=headers)


@cache
def _html() -> str:
    return files(__package__).joinpath("page.html").read_text(encoding="utf-8")


def _version() -> str:
    try:
        return version("meshtwin")
    except PackageNotFoundError:
        return "unknown"


async def _admin_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AdminError)
    return refused(error.status, error.code, str(error))


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return refused(int(error.status), error.code, error.message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}; GET {ADMIN_PREFIX} lists what there is"
    return refused(error.status_code, "NotFound" if error.status_code == 404 else "NotAllowed", message)  # noqa: PLR2004  # HTTP's own number


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # the client is gone; nginx's number in logs


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    AdminError: _admin_error,
    DisconnectedError: _gone,
    ServiceError: _service_error,
    HTTPException: _http_error,
}
