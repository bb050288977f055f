"""What is done when the store has lost everything, from what this process holds in memory.

    tables              created, with index and time to live
    resources           models, configurations, endpoints, tags, targets, policies, activities: written again
    buckets, topics     that endpoint configurations name: created, on an emulated store
    running requests    written again; they end as they would have
    queued requests     lost, and reported: their calls, and bodies, were in the store alone
    alarms              of target tracking, and those that were evaluated last: put again

Every step may be done twice, so that what an outage cuts short is done again from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.protocol.errors import ServiceError, UnavailableError
from meshtwin.emulator.sagemaker.autoscaling.model import PolicyType
from meshtwin.emulator.sagemaker.delivery.retry import is_passing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.documents import DocumentTable
    from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
    from meshtwin.emulator.sagemaker.autoscaling.tracking_alarms import TrackingAlarms
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry
    from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
    from meshtwin.emulator.sagemaker.monitoring.monitoring import Monitoring
    from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
    from meshtwin.emulator.sagemaker.recovery.outputs import OutputResources
    from meshtwin.emulator.sagemaker.recovery.patrol import Patrol

log = structlog.get_logger(__name__)


class Restoration:
    """Sets the store up again. Lives on the emulator's event loop."""

    def __init__(  # noqa: PLR0913, PLR0917  # all that keeps something in the store
        self,
        aws: Aws,
        documents: DocumentTable,
        registry: Registry,
        ledger: Ledger,
        queue: RequestQueue,
        dispatcher: Dispatcher,
        patrol: Patrol,
        outputs: OutputResources,
        alarms: TrackingAlarms,
        monitoring: Monitoring,
    ) -> None:
        self._aws = aws
        self._documents = documents
        self._registry = registry
        self._ledger = ledger
        self._queue = queue
        self._dispatcher = dispatcher
        self._patrol = patrol
        self._outputs = outputs
        self._alarms = alarms
        self._monitoring = monitoring

    def begin(self) -> None:
        """Accept no request until the tables are there again."""
        self._queue.pause()

    async def run(self) -> None:
        """Do all of it.

        Raises:
            UnavailableError: a service is away.
        """
        await self._documents.setup()
        await self._queue.setup()
        await self._registry.write_again()
        await self._ledger.write_again()
        await self._outputs.create_missing()
        await self._dispatcher.restore_running()
        await self._queue.resume()
        await self._report_lost()
        await self._put_alarms()

    async def _report_lost(self) -> None:
        for endpoint_name in self._queue.endpoint_names:
            for entry in await self._queue.take_lost(endpoint_name):
                self._dispatcher.report_lost(endpoint_name, entry.request_id)
        await self._patrol.report_lost()

    async def delete_refused(self) -> None:
        """Delete the requests that were refused and may be in the table. UnavailableError as above."""
        if len(self._queue.uncertain):
            await self._aws.run(self._queue.uncertain.delete_refused)

    async def _put_alarms(self) -> None:
        made: set[str] = set()
        for policy in self._ledger.policies():
            if policy.type is PolicyType.TRACKING:
                await self._attempt(self._alarms.put(policy), policy.name)
                made |= {name for name, _ in policy.alarms}
        for view in self._monitoring.alarms():
            if view.alarm.name not in made:
                await self._attempt(self._alarms.put_again(view.alarm.document), view.alarm.name)

    async def _attempt(self, call: Awaitable[object], name: str) -> None:
        try:
            await call
        except ServiceError as error:
            if isinstance(error.__cause__, Exception) and is_passing(error.__cause__):
                raise UnavailableError(error.message) from error
            log.warning("alarm_not_put_again", name=name, reason=error.message)
