"""Accepted requests: durable in DynamoDB, in order in memory."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import structlog

from emulator.owner import is_certainly_gone, new_owner
from emulator.queue.backlog import Backlog, Entry, any_turn
from emulator.queue.doubts import Doubts
from emulator.queue.table import LostLeaseError, NoRecordError, RequestTable, StoreUnavailableError
from emulator.settings import QueueOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from emulator.aws import Aws
    from emulator.clock import Clock
    from emulator.queue.request import AsyncRequest
    from emulator.queue.rows import Held
    from emulator.queue.table import Claim
    from emulator.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_ACCEPT_SECONDS = 5.0
"""A caller is told that the service is unavailable rather than kept longer than this."""

_log = structlog.get_logger()


class Started(Protocol):
    """A request that has a slot before it is written."""

    @property
    def instance_id(self) -> str | None:
        """Whose slot it is."""
        ...

    def begin(self, write: Callable[[], None], writing: Future[Claim]) -> None:
        """Call `write` in a thread, which settles `writing`, and go on when that has succeeded."""
        ...

    def refuse(self) -> bool:
        """Drop the request; False where it is too late, as it has been accepted."""
        ...


class RequestQueue:
    """The queues of all endpoints. Used from one event loop; DynamoDB is called in threads.

    What is held in memory is an index of the table's pending requests, some 300 bytes for each. It is read
    back by `recover`, so that neither a restart nor a crash loses a request.
    """

    def __init__(self, aws: Aws, clock: Clock, settings: Settings) -> None:
        name = f"{settings.table_prefix}-requests"
        self.table = RequestTable(aws.dynamodb, name, new_owner(), aws.dynamodb_reading)
        self.on_ready: Callable[[str], None] = lambda _endpoint_name: None
        """Called on the event loop when an endpoint's backlog has grown."""
        self.start_at_once: Callable[[AsyncRequest, Entry], Started | None] = lambda _request, _entry: None
        """Asked on the event loop for a slot for a new request, None where it has to wait for its turn."""
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
        self._tasks: set[asyncio.Task[None]] = set()

    async def setup(self) -> None:
        """Create the table and its index where they are missing. StoreUnavailableError where that fails."""
        await self._aws.run(self.table.create)

    async def accept(self, request: AsyncRequest) -> None:
        """Accept a request, durable on return.

        Where a slot is free and nobody waits for it, the request is written as running: that spares a write,
        and its input is fetched meanwhile. StoreUnavailableError where DynamoDB refuses or does not answer in
        5 s; the request is not accepted then.
        """
        if self._is_halted:
            raise StoreUnavailableError("the store has restarted empty, and is being set up again")
        await self.register(request.endpoint_name)
        entry = Entry(self._next_position(request.received_at), request.request_id, request.expires_at)
        started = self.start_at_once(request, entry)
        if started is None:
            await self._written(self._aws.executor.submit(self.table.put, request, entry.position), entry)
            self.push(request.endpoint_name, entry)
            return
        lease_end = self._clock.now() + self._settings.lease_seconds
        writing: Future[Claim] = Future()
        put = self.table.put_claimed
        write = partial(_settle, writing, put, request, entry.position, lease_end, started.instance_id)
        started.begin(write, writing)
        await self._written(writing, entry, started.refuse)

    async def _written(
        self, writing: Future[T], entry: Entry, refuse: Callable[[], bool] = lambda: True
    ) -> None:
        """Returns when the request is safe; raises the error, with the request withdrawn, where it is not."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        # On every request's way: asyncio's own wrap_future and wait take two more turns of the loop.
        writing.add_done_callback(lambda _: loop.call_soon_threadsafe(_wake, waiting))
        timer = loop.call_later(_ACCEPT_SECONDS, _wake, waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if refuse():
                self._withdraw(writing, entry.request_id)
            raise
        finally:
            timer.cancel()
        if writing.done():
            self._raise_failure(writing, entry.request_id)
        elif refuse():
            self._withdraw(writing, entry.request_id)
            raise StoreUnavailableError(f"DynamoDB did not answer within {_ACCEPT_SECONDS:g} s")

    def _raise_failure(self, writing: Future[T], request_id: str) -> None:
        error = writing.exception()
        if isinstance(error, LostLeaseError):
            # Written by a first attempt whose answer was lost, and found there by another emulator.
            raise StoreUnavailableError(str(error)) from error
        if error is not None:
            self.doubts.add(request_id, error)
            raise error

    async def register(self, endpoint_name: str) -> None:
        """Make sure that a later start finds this endpoint's requests."""
        if endpoint_name not in self._registered:
            await self._aws.run(self.table.register, endpoint_name)
            self._registered.add(endpoint_name)

    def push(self, endpoint_name: str, entry: Entry) -> None:
        """Put a request in its place in the queue, new or returned."""
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

    @property
    def endpoint_names(self) -> list[str]:
        """Endpoints that have or had requests."""
        return list(self._backlogs)

    async def recover(self) -> None:
        """Load what earlier processes left.

        Queued requests are queued again, in their order. Running ones go back to the queue at once where
        their owner was a process of this host that has ended; elsewhere once their lease has stood unchanged
        for its whole length on this clock. The lease's own time is not compared: a clock that ran fast, or
        was moved, starts again at the present when the emulator does.

        Which of their endpoints are gone is for the dispatcher to be told.
        """
        idle = []
        for endpoint_name in await self._aws.run(self.table.registered):
            queued = await self._aws.run(self.table.queued, endpoint_name)
            held = await self._aws.run(self.table.running, endpoint_name)
            for entry in queued:
                self._seen(entry)
                self.push(endpoint_name, entry)
            for one in held:
                self._seen(one.entry)
                self._start(self._reclaim(one))
            if queued or held:
                self._registered.add(endpoint_name)
                self.backlog(endpoint_name)
                _log.info("recovered", endpoint=endpoint_name, queued=len(queued), running=len(held))
            else:
                idle.append(endpoint_name)
        if idle:
            await self._aws.run(self.table.forget, idle)

    def halt(self) -> None:
        """Accept nothing: the store has lost its tables."""
        self._is_halted = True

    async def go_on(self) -> None:
        """Accept again, on tables that are new, and forget what waits and is not in them.

        Its call, and its inline body, were in the old ones alone. StoreUnavailableError where DynamoDB is
        away.
        """
        for endpoint_name in sorted(self._registered):
            await self._aws.run(self.table.register, endpoint_name)
        self._is_halted = False
        for endpoint_name in self.endpoint_names:
            # Asked for after this look at the backlog: what is accepted meanwhile is in the table.
            waiting = set(self.backlog(endpoint_name).request_ids())
            if not waiting:
                continue
            found = await self._aws.run(self.table.queued, endpoint_name)
            lost = waiting - {entry.request_id for entry in found}
            for entry in self.backlog(endpoint_name).take_all(lost):
                self.forget(endpoint_name, entry.request_id)

    def forget(self, endpoint_name: str, request_id: str) -> None:
        """Say that a request is lost, and let nobody wait for its end."""
        self.forgotten += 1
        _log.error("request_forgotten", endpoint=endpoint_name, request_id=request_id)
        self.on_forgotten(request_id)

    async def close(self) -> None:
        """Stop waiting for other owners' leases."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _reclaim(self, held: Held) -> None:
        if not is_certainly_gone(held.owner):
            await self._clock.sleep(self._settings.lease_seconds)
        while True:
            try:
                await self._aws.run(self.table.take_over, held, self._clock.now())
            except StoreUnavailableError:
                await self._clock.poll(1.0)
            except NoRecordError:
                self.forget(held.endpoint_name, held.entry.request_id)
                return
            except LostLeaseError:
                current = await self._reread(held)
                if current is None:
                    return
                held = current
                await self._clock.sleep(self._settings.lease_seconds)
            else:
                self.push(held.endpoint_name, held.entry)
                return

    async def _reread(self, held: Held) -> Held | None:
        """The request as it is now held by a living owner; None where it is not running any more."""
        while True:
            try:
                running = await self._aws.run(self.table.running, held.endpoint_name)
            except StoreUnavailableError:
                await self._clock.poll(1.0)
            else:
                break
        return next((one for one in running if one.entry.request_id == held.entry.request_id), None)

    def _withdraw(self, writing: Future[T], request_id: str) -> None:
        """A write that lands after its caller was refused would be a request that nobody knows of."""

        def undo(done: Future[T]) -> None:
            if done.cancelled():
                return
            # Also where the write has succeeded: an earlier attempt of it may land yet.
            self.doubts.add(request_id, error := done.exception())
            if error is not None:
                return
            try:
                self.table.withdraw(request_id)
            except StoreUnavailableError:
                _log.warning("a refused request stays in the table and may run", request_id=request_id)

        if not writing.cancel():
            writing.add_done_callback(undo)

    def _next_position(self, received_at: float) -> int:
        self._last_position = max(int(received_at * 1e6), self._last_position + 1)
        return self._last_position

    def _seen(self, entry: Entry) -> None:
        self._last_position = max(self._last_position, entry.position)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settle(future: Future[T], function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Run `function` into `future`, unless that has been cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(result)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
