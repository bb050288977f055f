"""Finds requests in the table that nobody has in hand, for as long as the emulator lives.

    running     under a lease that ran out, of a process that has ended, or of this one, out of its sight
    queued      written after this emulator's start by one that was being killed, or put back by another

Leases are promises between processes, so their time is real time. An emulator's clock may run fast, stand
still, or start again at the present, and no two of them need agree: what is compared is whether a lease has
been renewed while this process watched it for as long as it lasts.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.owner import is_certainly_gone
from meshtwin.emulator.sagemaker.queue.table import LostLeaseError, StoreUnavailableError

if TYPE_CHECKING:
    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
    from meshtwin.emulator.sagemaker.queue.rows import Held

_OLDEST = 100
"""Queued requests that are read of each endpoint. A stray one comes among them as its turn comes."""

_log = structlog.get_logger()


class Patrol:
    """Looks at the index every third of a lease, and takes up what it found twice in nobody's hands."""

    def __init__(self, queue: RequestQueue, aws: Aws, clock: Clock, lease_seconds: float) -> None:
        self._queue = queue
        self._table = queue.table
        self._aws = aws
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._leases: dict[Held, float] = {}
        """Since when each has been seen as it is, by `time.monotonic`."""
        self._strays: set[Entry] = set()
        self._idle: set[str] = set()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            await self.look()

    async def look(self) -> None:
        """One round over all endpoints that may have requests."""
        leases, strays, idle = self._leases, self._strays, self._idle
        self._leases, self._strays, self._idle = {}, set(), set()
        try:
            for name in await self._aws.run(self._table.registered):
                held = await self._aws.run(self._table.running, name)
                queued = await self._aws.run(self._table.oldest, name, _OLDEST)
                if not held and not queued:
                    self._idle.add(name)
                for one in held:
                    await self.watch(one, leases.get(one))
                for entry in queued:
                    self._find(name, entry, strays)
            # The index of a real DynamoDB is late at times: one look that finds nothing proves nothing.
            await self._queue.unregister(self._idle & idle)
        except StoreUnavailableError:
            # The watch over the store says so. What has been seen of leases so far stays known.
            self._leases = leases | self._leases

    def take_watched(self) -> list[Held]:
        """The requests of other emulators whose leases are watched, which they are not until seen again."""
        leases, self._leases = self._leases, {}
        return list(leases)

    async def watch(self, held: Held, since: float | None = None) -> None:
        """Take a running request over where its lease is certainly not going to be renewed."""
        if self._queue.has(held.endpoint_name, held.entry):
            return
        now = time.monotonic()
        self._leases[held] = since = now if since is None else since
        if not (
            held.owner == self._table.owner
            or is_certainly_gone(held.owner)
            or now - since >= self._lease_seconds
        ):
            return
        # Ours, or nobody's: either way no other emulator's any more.
        del self._leases[held]
        try:
            await self._aws.run(self._table.take_over, held, self._clock.now())
        except LostLeaseError:
            return  # renewed, ended, or refused and withdrawn, since the index was read
        except StoreUnavailableError as error:
            # It may be this one item alone: the others are not kept waiting, nor is the emulator's start.
            self._leases[held] = since
            _log.warning("request_not_taken_over", request_id=held.entry.request_id, error=str(error))
            return
        _log.info("request_taken_over", request_id=held.entry.request_id, owner=held.owner)
        self._queue.push(held.endpoint_name, held.entry)

    def _find(self, endpoint_name: str, entry: Entry, before: set[Entry]) -> None:
        if self._queue.has(endpoint_name, entry):
            return
        if entry in before:
            _log.warning("stray_request_found", endpoint=endpoint_name, request_id=entry.request_id)
            self._queue.push(endpoint_name, entry)
        else:
            self._strays.add(entry)
