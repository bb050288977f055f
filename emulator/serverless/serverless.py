"""The serverless emulator, put together: services behind one gateway, the HTTP API, and their pages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from meshtwin.emulator.bedrock.service import foundation_models
from meshtwin.emulator.core.admin_answers import refused
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.host_guard import KEY_REQUIRED, Guard
from meshtwin.emulator.core.protocol.access import own_key
from meshtwin.emulator.core.protocol.gateway import Gateway
from meshtwin.emulator.lambda_ import http_api, manifest
from meshtwin.emulator.lambda_.environment import own_endpoints
from meshtwin.emulator.lambda_.host import FunctionHost
from meshtwin.emulator.serverless import admin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Receive, Scope, Send

    from meshtwin.emulator.core.clock import AdjustableClock
    from meshtwin.emulator.core.protocol.gateway import Service
    from meshtwin.emulator.lambda_.settings import HostSettings


def other_services() -> list[Service]:
    """What is served beside Lambda: whatever speaks a protocol of AWS's is mounted here.

    Functions find each at `AWS_ENDPOINT_URL_<SERVICE>`.
    """
    return [foundation_models()]


class Serverless:
    """All that stands behind the port. Made, started, served and closed in one event loop."""

    def __init__(
        self, functions: Sequence[manifest.Function], settings: HostSettings, clock: AdjustableClock, url: str
    ) -> None:
        self.clock = clock
        others = other_services()
        endpoints = own_endpoints(url, ["lambda", *(service.name for service in others)])
        self.functions = FunctionHost(functions, settings, clock, endpoints)
        self._key = own_key(required=settings.require_key)
        self.gateway = Gateway([self.functions.service(), *others], Faults(), clock, self._key)
        self._guard = Guard(settings)
        self._pages = Starlette(routes=admin.routes(self))

    async def start(self) -> None:
        """Start what runs without requests: topics and schedules."""
        await self.functions.start()

    async def wait_until_unusable(self) -> None:
        """Waits for ever: nothing of it depends on another process."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Stop everything."""
        await self.functions.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        path: str = scope["path"]
        headers = dict(scope["headers"])
        refusal = self._guard.refusal(headers)
        if refusal is None and self._key and _is_under(path, admin.PREFIX):
            refusal = None if self._key.admits(headers) else KEY_REQUIRED
        if refusal is not None:
            await refused(refusal.status, refusal.code, refusal.message)(scope, receive, send)
        elif _is_under(path, http_api.PREFIX):
            await self.functions.http(scope, receive, send)
        elif _is_under(path, admin.PREFIX):
            await self._pages(scope, receive, send)
        else:
            await self.gateway(scope, receive, send)


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
