"""Accepted requests: durable in DynamoDB, in order in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.aws import is_of_aws
from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.queue.backlog import Backlog, Entry, any_turn
from meshtwin.emulator.sagemaker.queue.doubts import Doubts
from meshtwin.emulator.sagemaker.queue.patrol import Patrol
from meshtwin.emulator.sagemaker.queue.recent import Recent
from meshtwin.emulator.sagemaker.queue.retention import Retention
from meshtwin.emulator.sagemaker.queue.table import LostLeaseError, RequestTable, StoreUnavailableError
from meshtwin.emulator.sagemaker.settings import QueueOrder

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
    from meshtwin.emulator.sagemaker.queue.rows import Held
    from meshtwin.emulator.sagemaker.settings import Settings

_ACCEPT_SECONDS = 5.0
"""A caller is told that the service is unavailable rather than kept longer than this."""

_log = structlog.get_logger()


class RequestQueue:
    """The queues of all endpoints. Used from one event loop; DynamoDB is called in threads.

    What is held in memory is an index of the table's pending requests, some 300 bytes for each. It is read
    back by `recover`, so that neither a restart nor a crash loses a request.
    """

    def __init__(self, aws: Aws, clock: Clock, settings: Settings) -> None:
        name = f"{settings.table_prefix}-requests"
        self.recent = Recent(settings.exchanges_kept)
        self.table = RequestTable(aws.dynamodb, name, new_owner(), aws.dynamodb_reading, self.recent)
        self.on_ready: Callable[[str], None] = lambda _endpoint_name: None
        """Called on the event loop when an endpoint's backlog has grown."""
        self.is_running: Callable[[str], bool] = lambda _request_id: False
        """Whether a request of this id has left the queue here and has not ended."""
        self.on_forgotten: Callable[[str], None] = lambda _request_id: None
        """Called on the event loop for each request that the store has lost."""
        self.forgotten = 0
        """How many requests that was."""
        self.doubts = Doubts(self.table)
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._backlogs: dict[str, Backlog] = {}
        self._registered: set[str] = set()
        self._last_position = 0
        self._is_halted = False
        self._accepting: set[str] = set()
        """Requests of which it is not decided whether they are accepted."""
        self._wanted: set[str] = set()
        """Endpoints that this process serves, whether that has been written yet or not."""
        self._perhaps_lost: dict[str, Held] = {}
        """Requests of other emulators, until a store that has lost everything says whether it has them."""
        self.patrol = Patrol(self, aws, clock, settings.lease_seconds)
        self._retention = Retention(self.table, aws, clock, settings.retention_seconds)
        self._tasks = Supervised()

    async def setup(self) -> None:
        """Create the table and its index where they are missing. StoreUnavailableError where that fails."""
        await self._aws.run(self.table.create)

    async def accept(self, request: AsyncRequest) -> None:
        """Accept a request, durable on return.

        StoreUnavailableError where DynamoDB refuses or does not answer in 5 s; the request is not accepted
        then.
        """
        if self._is_halted:
            raise StoreUnavailableError("the store has restarted empty, and is being set up again")
        await self.register(request.endpoint_name)
        entry = Entry(self._next_position(request.received_at), request.request_id, request.expires_at)
        self._accepting.add(entry.request_id)
        await self._written(self._aws.executor.submit(self.table.put, request, entry.position), entry)
        self.push(request.endpoint_name, entry)

    async def _written(self, writing: Future[None], entry: Entry) -> None:
        """Returns when the request is safe; raises the error, with the request withdrawn, where it is not."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        # On every request's way: asyncio's own wrap_future and wait take two more turns of the loop.
        writing.add_done_callback(lambda _: loop.call_soon_threadsafe(_wake, waiting))
        timer = loop.call_later(_ACCEPT_SECONDS, _wake, waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            self._withdraw(writing, entry.request_id)
            raise
        finally:
            timer.cancel()
        if not writing.done():
            self._withdraw(writing, entry.request_id)
            raise StoreUnavailableError(f"DynamoDB did not answer within {_ACCEPT_SECONDS:g} s")
        self._raise_failure(writing, entry.request_id)

    def _raise_failure(self, writing: Future[None], request_id: str) -> None:
        error = writing.exception()
        if error is not None and not isinstance(error, LostLeaseError):
            self.doubts.add(request_id, error)
        self._accepting.discard(request_id)
        if isinstance(error, LostLeaseError):
            # Written by a first attempt whose answer was lost, and found there by another emulator.
            raise StoreUnavailableError(str(error)) from error
        if error is not None:
            raise error

    async def register(self, endpoint_name: str) -> None:
        """Make sure that a later start finds this endpoint's requests."""
        self._wanted.add(endpoint_name)
        if endpoint_name not in self._registered:
            await self._aws.run(self.table.register, endpoint_name)
            self._registered.add(endpoint_name)

    def push(self, endpoint_name: str, entry: Entry) -> None:
        """Put a request in its place in the queue, new, found or returned."""
        self._seen(entry)
        self.backlog(endpoint_name).push(entry)
        self.on_ready(endpoint_name)

    def backlog(self, endpoint_name: str) -> Backlog:
        """The endpoint's waiting requests."""
        backlog = self._backlogs.get(endpoint_name)
        if backlog is None:
            shuffled = self._settings.queue_order is QueueOrder.SHUFFLED
            backlog = Backlog(any_turn) if shuffled else Backlog()
            self._backlogs[endpoint_name] = backlog
        return backlog

    def drop(self, endpoint_name: str) -> None:
        """Keep nothing for an endpoint that is gone, with its requests."""
        self._backlogs.pop(endpoint_name, None)
        self._registered.discard(endpoint_name)
        self._wanted.discard(endpoint_name)
        self.recent.drop(endpoint_name)

    @property
    def endpoint_names(self) -> list[str]:
        """Endpoints that have or had requests."""
        return list(self._backlogs)

    async def recover(self) -> None:
        """Load what earlier processes left.

        Queued requests are queued again, in their order. Running ones go back to the queue at once where
        their owner was a process of this host that has ended; elsewhere the patrol, which goes round from
        now on, takes them over once their lease has stood unchanged for its whole length.

        Which of their endpoints are gone is for the dispatcher to be told.
        """
        for endpoint_name in await self._aws.run(self.table.registered):
            queued = await self._aws.run(self.table.queued, endpoint_name)
            held = await self._aws.run(self.table.running, endpoint_name)
            for entry in queued:
                self.push(endpoint_name, entry)
            for one in held:
                self._seen(one.entry)
                await self.patrol.watch(one)
            if queued or held:
                self._wanted.add(endpoint_name)
                self._registered.add(endpoint_name)
                self.backlog(endpoint_name)
                _log.info("recovered", endpoint=endpoint_name, queued=len(queued), running=len(held))
        self._tasks.run("patrol", self.patrol.run)
        if not is_of_aws(self._aws.dynamodb.meta.endpoint_url):
            self._tasks.run("retention", self._retention.run)

    def halt(self) -> None:
        """Accept nothing: the store has lost its tables."""
        self._is_halted = True
        self._take_watched()

    def _take_watched(self) -> None:
        self._perhaps_lost.update((one.entry.request_id, one) for one in self.patrol.take_watched())

    async def go_on(self) -> None:
        """Accept again, on tables that are new, and forget what waits and is not in them.

        Its call, and its inline body, were in the old ones alone. StoreUnavailableError where DynamoDB is
        away.
        """
        for endpoint_name in sorted(self._registered):
            await self._aws.run(self.table.register, endpoint_name)
        self._is_halted = False
        for endpoint_name in self.endpoint_names:
            # Asked for after this look at the backlog: what is accepted meanwhile is in the table. By key,
            # for the index may be late.
            waiting = self.backlog(endpoint_name).request_ids()
            lost = set(waiting) - await self._aws.run(self.table.present, waiting)
            for entry in self.backlog(endpoint_name).take_all(lost):
                self.forget(endpoint_name, entry.request_id)
        self._take_watched()
        present = await self._aws.run(self.table.present, list(self._perhaps_lost))
        for request_id in self._perhaps_lost.keys() - present:
            self.forget(self._perhaps_lost[request_id].endpoint_name, request_id)
        self._perhaps_lost.clear()

    def forget(self, endpoint_name: str, request_id: str) -> None:
        """Say that a request is lost, and let nobody wait for its end."""
        self.forgotten += 1
        self.recent.remove(request_id)
        _log.error("request_forgotten", endpoint=endpoint_name, request_id=request_id)
        self.on_forgotten(request_id)

    async def close(self) -> None:
        """Look for no more requests."""
        await self._tasks.close()

    def has(self, endpoint_name: str, entry: Entry) -> bool:
        """Whether this process has the request in hand, or knows that it was refused and has to go."""
        request_id = entry.request_id
        return (
            entry in self.backlog(endpoint_name)
            or request_id in self._accepting
            or request_id in self.doubts
            or self.is_running(request_id)
        )

    async def unregister(self, endpoint_names: set[str]) -> None:
        """Note that these endpoints have no requests; nothing for those that this process serves."""
        if names := sorted(endpoint_names - self._wanted):
            await self._aws.run(self.table.forget, names)
            for name in self._wanted.intersection(names):
                # Both writes were on their way: whichever came first, this one comes last.
                await self._aws.run(self.table.register, name)

    def _withdraw(self, writing: Future[None], request_id: str) -> None:
        """Undo a write whose caller is refused: one that landed later would be a request nobody knows of."""

        def undo(done: Future[None]) -> None:
            if done.cancelled():
                self._accepting.discard(request_id)
                return
            # Also where the write has succeeded: an earlier attempt of it may land yet.
            self.doubts.add(request_id, error := done.exception())
            self._accepting.discard(request_id)
            if error is not None:
                return
            try:
                self.table.withdraw(request_id)
            except StoreUnavailableError:
                _log.warning("refused_request_left_in_table", request_id=request_id)

        writing.cancel()
        writing.add_done_callback(undo)

    def _next_position(self, received_at: float) -> int:
        self._last_position = max(int(received_at * 1e6), self._last_position + 1)
        return self._last_position

    def _seen(self, entry: Entry) -> None:
        self._last_position = max(self._last_position, entry.position)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
