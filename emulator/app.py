"""The emulator, put together: its services behind one ASGI application, and its life in a process."""

from __future__ import annotations

import contextlib
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from emulator.aws import Aws
from emulator.clock import AdjustableClock
from emulator.delivery.dispatcher import Dispatcher
from emulator.documents import DocumentTable
from emulator.faults.faults import Faults
from emulator.fleet.fleets import Fleets
from emulator.hosting.endpoints import Endpoints
from emulator.hosting.models import EndpointConfigs, Models
from emulator.hosting.registry import Registry
from emulator.hosting.resources import Arns
from emulator.hosting.store import ResourceTable
from emulator.hosting.tags import Tags
from emulator.invocations.service import Invocations
from emulator.invocations.targets import Targets
from emulator.monitoring.meter import Meter
from emulator.protocol.gateway import Gateway, Service
from emulator.queue.queue import RequestQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.clock import Clock
    from emulator.settings import Settings

log = structlog.get_logger(__name__)

ADMIN_PREFIX = "/_emulator"


class Emulator:
    """All that stands behind the port. Made, started, served and closed in one event loop."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or AdjustableClock()
        self.aws = Aws(settings.region)
        s3_endpoint = self.aws.s3.meta.endpoint_url
        arns = Arns(settings.region, settings.account_id, lowercase=settings.lowercase_arns)
        self.queue = RequestQueue(self.aws, self.clock, settings)
        self.fleets = Fleets(settings, self.clock)
        self.meter = Meter()
        self.faults = Faults(self.clock)
        self.dispatcher = Dispatcher(
            self.queue, self.fleets, self.aws, self.clock, settings, self.meter, self.faults
        )
        self.documents = DocumentTable(self.aws, settings.table_prefix)
        self.registry = Registry(ResourceTable(self.documents), arns, self.clock)
        self._models = Models(self.registry, self.clock)
        self._configs = EndpointConfigs(self.registry, self.clock, s3_endpoint)
        self._endpoints = Endpoints(
            self.registry, self.fleets, self.aws, self.clock, settings, self.dispatcher.fleet_stopped
        )
        self._tags = Tags(self.registry)
        targets = Targets(self.registry, s3_endpoint, settings.default_output_path)
        self._invocations = Invocations(targets, self.queue, self.clock, settings.account_id, s3_endpoint)
        self.gateway = Gateway([self._runtime(), self._control_plane()])

    def _runtime(self) -> Service:
        return Service(
            "sagemaker-runtime",
            {
                "InvokeEndpointAsync": self._invocations.invoke_endpoint_async,
                "InvokeEndpoint": self._invocations.invoke_endpoint,
                "InvokeEndpointWithResponseStream": self._invocations.invoke_endpoint,
            },
        )

    def _control_plane(self) -> Service:
        return Service(
            "sagemaker",
            {
                "CreateModel": self._models.create,
                "DescribeModel": self._models.describe,
                "DeleteModel": self._models.delete,
                "ListModels": self._models.list,
                "CreateEndpointConfig": self._configs.create,
                "DescribeEndpointConfig": self._configs.describe,
                "DeleteEndpointConfig": self._configs.delete,
                "ListEndpointConfigs": self._configs.list,
                "CreateEndpoint": self._endpoints.create,
                "DescribeEndpoint": self._endpoints.describe,
                "DeleteEndpoint": self._endpoints.delete,
                "ListEndpoints": self._endpoints.list,
                "AddTags": self._tags.add,
                "DeleteTags": self._tags.delete,
                "ListTags": self._tags.list,
            },
        )

    async def start(self) -> None:
        """Find what an earlier emulator left, and go on with it.

        Raises:
            UnavailableError, StoreUnavailableError: DynamoDB does not answer, or refuses.
        """
        await self.documents.setup()
        await self.registry.load()
        await self.queue.setup()
        await self.dispatcher.start()
        self._endpoints.resume()

    async def close(self) -> None:
        """Stop the instances and let go of everything. What was accepted stays in DynamoDB."""
        await self._endpoints.close()
        await self.dispatcher.close()
        await self.fleets.close()
        self.aws.close()


class Application:
    """The ASGI application: AWS's operations, and the emulator's own pages under `/_emulator`."""

    def __init__(self, emulator: Emulator, admin: ASGIApp) -> None:
        self._gateway = emulator.gateway
        self._admin = admin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and not scope["path"].startswith(ADMIN_PREFIX):
            await self._gateway(scope, receive, send)
        else:
            await self._admin(scope, receive, send)


def create_app(emulator: Emulator) -> Application:
    """The emulator as an ASGI application whose lifespan starts and closes it."""

    async def health(_: Request) -> JSONResponse:
        endpoints = {endpoint.name: endpoint.status for endpoint in emulator.registry.endpoints()}
        return JSONResponse({"status": "ok", "version": _version(), "endpoints": endpoints})

    async def usage(_: Request) -> JSONResponse:
        used = emulator.aws.usage
        return JSONResponse(
            {
                "calls": dict(used.calls),
                "cpu_seconds": used.cpu_seconds,
                "process_cpu_seconds": time.process_time(),
            }
        )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await emulator.start()
        try:
            yield
        finally:
            await emulator.close()

    routes = [Route(f"{ADMIN_PREFIX}/health", health), Route(f"{ADMIN_PREFIX}/usage", usage)]
    return Application(emulator, Starlette(routes=routes, lifespan=lifespan))


def _version() -> str:
    try:
        return version("meshtwin")
    except PackageNotFoundError:
        return "unknown"
