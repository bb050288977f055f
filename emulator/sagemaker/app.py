"""The ASGI application: AWS's operations, and the emulator's own pages."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from meshtwin.emulator.core.admin_answers import refused
from meshtwin.emulator.core.host_guard import KEY_REQUIRED, Guard
from meshtwin.emulator.sagemaker.admin.app import ADMIN_PREFIX, EXCEPTION_HANDLERS, OPEN_PAGES, admin_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from meshtwin.emulator.core.host_guard import Refusal
    from meshtwin.emulator.sagemaker.emulator import Emulator


class Application:
    """The ASGI application: AWS's operations, and the emulator's own pages under `/_emulator`."""

    def __init__(self, emulator: Emulator, admin: ASGIApp) -> None:
        self._gateway = emulator.gateway
        self._admin = admin
        self._guard = Guard(emulator.settings)
        self._key = emulator.key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self._admin(scope, receive, send)
        elif (refusal := self._refusal(scope)) is not None:
            await refused(refusal.status, refusal.code, refusal.message)(scope, receive, send)
        elif not scope["path"].startswith(ADMIN_PREFIX):
            await self._gateway(scope, receive, send)
        else:
            await self._admin(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers, path = dict(scope["headers"]), scope["path"]
        refusal = self._guard.refusal(headers)
        if refusal is None and self._key and path.startswith(ADMIN_PREFIX) and path not in OPEN_PAGES:
            refusal = None if self._key.admits(headers) else KEY_REQUIRED
        return refusal


def create_app(emulator: Emulator) -> Application:
    """The emulator as an ASGI application whose lifespan starts and closes it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await emulator.start()
        try:
            yield
        finally:
            await emulator.close()

    admin = Starlette(
        routes=admin_routes(emulator), lifespan=lifespan, exception_handlers=dict(EXCEPTION_HANDLERS)
    )
    return Application(emulator, admin)
