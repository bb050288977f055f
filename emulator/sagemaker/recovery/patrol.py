"""Finds requests in the table that nobody works on: at the start, and for as long as the emulator lives.

running     left by an earlier emulator, or given up by this one while DynamoDB refused their items
queued      left by an earlier emulator, or written late: a store that was paused does what a killed
            emulator has asked of it when it goes on
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.aws import is_of_aws
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.queue.retention import Retention
from meshtwin.emulator.sagemaker.queue.table import StaleClaimError

if TYPE_CHECKING:
    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
    from meshtwin.emulator.sagemaker.queue.rows import Running
    from meshtwin.emulator.sagemaker.settings import Settings

_OLDEST = 100
"""Queued requests that are read of each endpoint. A stray one comes among them as its turn comes."""

_log = structlog.get_logger()


class Patrol:
    """Puts requests into the queue that are in the table, and that this emulator does not work on."""

    def __init__(
        self, queue: RequestQueue, dispatcher: Dispatcher, aws: Aws, clock: Clock, settings: Settings
    ) -> None:
        self._queue = queue
        self._table = queue.table
        self._dispatcher = dispatcher
        self._aws = aws
        self._clock = clock
        self._seconds = settings.patrol_seconds
        self._retention = Retention(queue.table, aws, clock, settings.retention_seconds)
        self._strays: set[Entry] = set()
        self._idle: set[str] = set()
        self._refused: dict[str, Running] = {}
        """Running requests of earlier emulators whose items DynamoDB did not write so far."""
        self._tasks = Supervised()

    async def start(self) -> None:
        """Queue what earlier emulators left, in its order, and search for more from now on.

        UnavailableError where DynamoDB is away.
        """
        for endpoint_name in await self._aws.run(self._table.registered):
            queued = await self._aws.run(self._table.queued, endpoint_name)
            running = await self._aws.run(self._table.running, endpoint_name)
            for entry in queued:
                self._queue.push(endpoint_name, entry)
            for one in running:
                await self._take_over(one)
            if queued or running:
                self._queue.found(endpoint_name)
                _log.info("recovered", endpoint=endpoint_name, queued=len(queued), running=len(running))
        self._tasks.run("patrol", self._run)
        if not is_of_aws(self._aws.dynamodb.meta.endpoint_url):
            self._tasks.run("retention", self._retention.run)

    async def close(self) -> None:
        """Search for no more requests."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.check()

    async def check(self) -> None:
        """One round over all endpoints that may have requests."""
        strays, idle = self._strays, self._idle
        self._strays, self._idle = set(), set()
        try:
            for name in await self._aws.run(self._table.registered):
                running = await self._aws.run(self._table.running, name)
                queued = await self._aws.run(self._table.oldest, name, _OLDEST)
                if not running and not queued:
                    self._idle.add(name)
                for one in running:
                    await self._take_over(one)
                for entry in queued:
                    self._find(name, entry, strays)
            # The index of a real DynamoDB is late at times: one round that finds nothing proves nothing.
            await self._queue.unregister(self._idle & idle)
        except UnavailableError:
            return  # the watch over the store logs it

    async def report_lost(self) -> None:
        """Report the requests that could not be taken over, and that the store has lost since.

        UnavailableError where DynamoDB is away.
        """
        present = await self._aws.run(self._table.present, list(self._refused))
        for request_id in self._refused.keys() - present:
            self._dispatcher.report_lost(self._refused.pop(request_id).endpoint_name, request_id)

    def _is_in_hand(self, endpoint_name: str, entry: Entry) -> bool:
        return self._queue.knows(endpoint_name, entry) or self._dispatcher.is_running(entry.request_id)

    async def _take_over(self, running: Running) -> None:
        name, entry = running.endpoint_name, running.entry
        if self._is_in_hand(name, entry):
            return
        try:
            await self._aws.run(self._table.take_over, running, self._clock.now())
        except StaleClaimError:
            self._refused.pop(entry.request_id, None)
            return  # it has ended, or was refused and deleted, since the index was read
        except UnavailableError as error:
            # It may be this one item alone: the others are not kept waiting, nor is the emulator's start.
            self._refused[entry.request_id] = running
            _log.warning("request_not_taken_over", request_id=entry.request_id, error=str(error))
            return
        self._refused.pop(entry.request_id, None)
        _log.info("request_taken_over", request_id=entry.request_id, owner=running.owner)
        self._queue.push(name, entry)

    def _find(self, endpoint_name: str, entry: Entry, before: set[Entry]) -> None:
        if self._is_in_hand(endpoint_name, entry):
            return
        if entry in before:
            _log.warning("stray_request_found", endpoint=endpoint_name, request_id=entry.request_id)
            self._queue.push(endpoint_name, entry)
        else:
            self._strays.add(entry)
