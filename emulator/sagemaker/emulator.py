"""The emulator, put together: its parts, and the order in which they start and stop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.clock import AdjustableClock
from meshtwin.emulator.core.documents import DocumentTable
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.core.protocol.access import own_key
from meshtwin.emulator.core.protocol.gateway import Gateway
from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
from meshtwin.emulator.sagemaker.autoscaling.scaler import Scaler
from meshtwin.emulator.sagemaker.autoscaling.service import Scaling, deregister_endpoint
from meshtwin.emulator.sagemaker.autoscaling.tracking_alarms import TrackingAlarms
from meshtwin.emulator.sagemaker.control_plane.deployment import Deployment
from meshtwin.emulator.sagemaker.control_plane.endpoints import Endpoints
from meshtwin.emulator.sagemaker.control_plane.models import EndpointConfigs, Models
from meshtwin.emulator.sagemaker.control_plane.operations import control_plane_service
from meshtwin.emulator.sagemaker.control_plane.registry import Registry
from meshtwin.emulator.sagemaker.control_plane.resources import Arns
from meshtwin.emulator.sagemaker.control_plane.tags import Tags
from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
from meshtwin.emulator.sagemaker.fleet.fleets import Fleets
from meshtwin.emulator.sagemaker.fleet.launchers import Launchers
from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
from meshtwin.emulator.sagemaker.meter import Meter
from meshtwin.emulator.sagemaker.monitoring.monitoring import Monitoring
from meshtwin.emulator.sagemaker.monitoring.rounds import Rounds
from meshtwin.emulator.sagemaker.monitoring.sources import LiveSources
from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
from meshtwin.emulator.sagemaker.recovery.outputs import OutputResources
from meshtwin.emulator.sagemaker.recovery.ownership import Ownership
from meshtwin.emulator.sagemaker.recovery.patrol import Patrol
from meshtwin.emulator.sagemaker.recovery.restoration import Restoration
from meshtwin.emulator.sagemaker.recovery.watch import StoreWatch
from meshtwin.emulator.sagemaker.runtime_api.service import Invocations
from meshtwin.emulator.sagemaker.runtime_api.targets import InvocationTargets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.settings import Settings


class Emulator:
    """All that stands behind the port. Made, started, served and closed in one event loop."""

    def __init__(self, settings: Settings, clock: AdjustableClock | None = None) -> None:
        self.settings = settings
        self.clock = clock or AdjustableClock()
        self.key = own_key(required=settings.require_key)
        self.aws = Aws(settings.region)
        self._parts = contextlib.AsyncExitStack()
        """What has to be closed, the last first."""
        self._parts.callback(self.aws.close)
        s3_endpoint = self.aws.s3.meta.endpoint_url
        arns = Arns(settings.region, settings.account_id, lowercase=settings.lowercase_arns)
        owner = new_owner()
        self.queue = RequestQueue(self.aws, settings, owner)
        self._launchers = Launchers(settings, self.aws.s3, owner)
        self.running_fleets = RunningFleets()
        self.meter = Meter()
        self.faults = Faults()
        self.dispatcher = Dispatcher(
            self.queue, self.running_fleets, self.aws, self.clock, settings, self.meter, self.faults
        )
        self.fleets = Fleets(self.running_fleets, self._launchers, [self.dispatcher], self.clock, settings)
        self.documents = DocumentTable(self.aws, settings.table_prefix)
        self.registry = Registry(self.documents, arns, self.clock)
        self._models = Models(self.registry, self.clock)
        self._configs = EndpointConfigs(self.registry, self.clock, s3_endpoint, settings.refused_images)
        self._tags = Tags(self.registry)
        self.sources = LiveSources(self.registry, self.queue, self.dispatcher, self.running_fleets)
        self.monitoring = Monitoring(self.meter, self.sources, self.aws, self.clock, settings)
        self.ledger = Ledger(self.documents)
        self._alarms = TrackingAlarms(self.aws, settings)
        self.deployment = Deployment(
            self.registry, self.fleets, self._endpoint_deleted, self.aws, self.clock, settings
        )
        self.endpoints = Endpoints(
            self.registry,
            self.running_fleets,
            self.deployment,
            self.ledger,
            self.faults,
            self.clock,
            settings,
        )
        self.scaler = Scaler(self.ledger, self.endpoints, self.monitoring, self.clock)
        self._rounds = Rounds(self.monitoring, self.scaler.on_action, self.clock)
        self._scaling = Scaling(self.ledger, self.scaler, self.endpoints, self._alarms, self.clock, settings)
        self._patrol = Patrol(self.queue, self.dispatcher, self.aws, self.clock, settings)
        self.ownership = Ownership(
            self.aws, self.documents.name, self.queue.table.name, owner, settings.lease_seconds
        )
        self.store = self._watch(self._alarms)
        targets = InvocationTargets(self.registry, s3_endpoint, settings.default_output_path)
        self.invocations = Invocations(targets, self.queue, self.clock, settings, self.faults, s3_endpoint)
        self.gateway = Gateway([
            self.invocations.service(),
            control_plane_service(self._models, self._configs, self.endpoints, self._tags),
            self._scaling.service(),
        ], self.faults, self.clock, self.key)  # fmt: skip

    def _watch(self, alarms: TrackingAlarms) -> StoreWatch:
        restoration = Restoration(
            self.aws,
            self.documents,
            self.registry,
            self.ledger,
            self.queue,
            self.dispatcher,
            self._patrol,
            OutputResources(self.aws, self.registry, self.settings),
            alarms,
            self.monitoring,
        )
        return StoreWatch(self.ownership, restoration, self.aws.store_probe, self.clock)

    async def _endpoint_deleted(self, spec: FleetSpec) -> None:
        """Drop what others know of an endpoint. UnavailableError where that has to be tried again."""
        self.dispatcher.fleet_stopped(spec)
        self.monitoring.endpoint_deleted(spec.endpoint_name)
        await deregister_endpoint(spec.endpoint_name, spec.variant_name, self.ledger, self._alarms)

    async def start(self) -> None:
        """Find what an earlier emulator left, and go on with it.

        Raises:
            TablesOwnedError: another emulator on the same tables is running.
            UnavailableError: DynamoDB does not answer, or refuses.
        """
        await self.documents.setup()
        await self.queue.setup()
        await self._start(self.ownership.acquire, self.ownership.close)
        await self._start(self._launchers.start, self._launchers.close)
        self._parts.push_async_callback(self.fleets.close)
        await self._start(self.dispatcher.start, self.dispatcher.close)
        await self._start(self._patrol.start, self._patrol.close)
        # After the requests: an endpoint that has some is in the table by then, whoever created it.
        await self.registry.load()
        await self.ledger.load(self.clock.now())
        if self.registry.knows_every_endpoint():
            self.dispatcher.end_orphans({endpoint.name for endpoint in self.registry.endpoints()})
        self._parts.push_async_callback(self.deployment.close)
        self._parts.push_async_callback(self._alarms.close)
        self._parts.push_async_callback(self.scaler.close)
        await self._start(self.store.start, self.store.close)
        self.deployment.resume()
        self.scaler.resume()
        await self._start(self._rounds.start, self._rounds.close)

    async def _start(
        self, start: Callable[[], Awaitable[None]], close: Callable[[], Awaitable[None] | None]
    ) -> None:
        """Start a part, which is closed at the end though it fails to start."""

        async def closed() -> None:
            if (closing := close()) is not None:
                await closing

        self._parts.push_async_callback(closed)
        await start()

    async def wait_until_unusable(self) -> None:
        """Returns, or raises TablesOwnedError, when this emulator has to end: another one has its tables."""
        await self.ownership.wait_until_taken()

    async def close(self) -> None:
        """Stop the instances and release everything. What was accepted stays in DynamoDB.

        Each part is closed whatever goes wrong with those before it; the last error is raised.
        """
        await self._parts.aclose()
