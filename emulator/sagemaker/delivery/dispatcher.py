"""Hands queued requests to free slots, and watches the clock over those that run."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.delivery.container import Cut
from meshtwin.emulator.sagemaker.delivery.deadlines import DeadlineTimer
from meshtwin.emulator.sagemaker.delivery.delivery import Delivery
from meshtwin.emulator.sagemaker.delivery.exchanges import Exchanges
from meshtwin.emulator.sagemaker.delivery.outcome import Cause
from meshtwin.emulator.sagemaker.delivery.runner import DeliveryRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.faults.faults import Faults
    from meshtwin.emulator.sagemaker.fleet.launcher import Instance
    from meshtwin.emulator.sagemaker.fleet.running import RunningFleets
    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.meter import Meter
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.queue import RequestQueue
    from meshtwin.emulator.sagemaker.settings import Settings

_MAX_THREADS = 2048
_ENDING_THREADS = 8
_RESTORING_THREADS = 8
_NEXT_THREAD_SECONDS = 1.0
_CANCEL_SECONDS = 10.0
_READ_SECONDS = 5.0
"""Between two reads of a request whose end is awaited: whoever was to wake its waiter may have failed."""

_DELETED_KEPT = 16
"""Deleted endpoints that are remembered without requests: a call that was in flight may bring one yet."""

_log = structlog.get_logger()


class Dispatcher:
    """First in, first out for each endpoint. Lives on one event loop; each request runs in a thread.

    Nothing but the loop touches the queue, the slots and the set of deliveries. Threads only wait for
    DynamoDB, S3 and containers, and report to the loop: see `DeliveryObserver`.
    """

    def __init__(
        self,
        queue: RequestQueue,
        fleets: RunningFleets,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        meter: Meter,
        faults: Faults,
    ) -> None:
        self.exchanges = Exchanges(settings.exchanges_kept, settings.exchange_body_bytes)
        self.lost_count = 0
        """How many requests the store has lost."""
        self._queue = queue
        self._fleets = fleets
        self._aws = aws
        self._clock = clock
        self._faults = faults
        self._runner = DeliveryRunner(
            queue.table, aws, clock, settings, meter, self.exchanges, self._spec, self
        )
        self._deadlines = DeadlineTimer(clock, self._end_what_is_due)
        self._running: set[Delivery] = set()
        self._in_flight: Counter[str] = Counter()
        """Deliveries of each endpoint that began with a slot."""
        self._deleted: dict[str, FleetSpec | None] = {}
        self._tasks = Supervised()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._is_open = False

    def is_running(self, request_id: str) -> bool:
        """Whether the request has left the queue here and has not ended."""
        return any(delivery.entry.request_id == request_id for delivery in self._running)

    @property
    def running_count(self) -> int:
        """Requests that have left the queue and have not ended."""
        return len(self._running)

    def running_ids(self) -> list[str]:
        """Every request that has left the queue and has not ended."""
        return [delivery.entry.request_id for delivery in self._running]

    def running_of(self, endpoint_name: str) -> list[Entry]:
        """The endpoint's requests that have left the queue and have not ended."""
        return [one.entry for one in self._running if one.endpoint_name == endpoint_name]

    async def start(self) -> None:
        """Start what waits, from now on, where there are slots."""
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="delivery")
        # Thousands that expire at once do not keep the others from their threads.
        self._ending_threads = ThreadPoolExecutor(_ENDING_THREADS, thread_name_prefix="ending")
        # What runs is written again whatever all the deliveries wait for; some wait until that is done.
        self._restoring_threads = ThreadPoolExecutor(_RESTORING_THREADS, thread_name_prefix="restoring")
        self._is_open = True
        self._tasks.run("deadlines", self._deadlines.run)
        self._tasks.run("dispatch", self._dispatch)

    async def close(self) -> None:
        """Give running requests back to the queue, and stop."""
        if not self._is_open:
            return
        self._is_open = False
        for delivery in self._running:
            delivery.cancellation.shut_down()
        for threads in (self._threads, self._ending_threads, self._restoring_threads):
            await self._loop.run_in_executor(None, partial(threads.shutdown, cancel_futures=True))
        await self._tasks.close()

    async def _dispatch(self) -> None:
        # Where an earlier run of this failed, nobody else knows whose backlogs had grown.
        grown = set(self._queue.endpoint_names)
        while True:
            for endpoint_name in grown:
                self._start_waiting(endpoint_name)
            grown = await self._queue.grown()

    async def cancel(self, request_id: str) -> None:
        """End a request as cancelled, waiting or running; returns when it has ended, one way or another.

        After ten real seconds it returns all the same: an end is not recorded while the store is away.
        KeyError where the request neither waits nor runs here.
        """
        ending = self._ending_of(request_id)
        for endpoint_name in self._queue.endpoint_names:
            entry = self._queue.backlog(endpoint_name).take(request_id)
            if entry is not None:
                self._begin(self._delivery(endpoint_name, entry, cause=Cause.CANCELLED))
                break
        else:
            running = [one for one in self._running if one.entry.request_id == request_id]
            if not running:
                self._remove_waiter(request_id, ending)
                raise KeyError(request_id)
            running[0].cancellation.cancel()
        await asyncio.wait({ending}, timeout=_CANCEL_SECONDS)
        self._remove_waiter(request_id, ending)

    async def ended(self, request_id: str, timeout_seconds: float) -> Mapping[str, Any] | None:
        """The item of a request once it has ended; None where there is no such request.

        Raises:
            TimeoutError: it has not ended within so many real seconds.
            UnavailableError: DynamoDB is away.
        """
        async with asyncio.timeout(timeout_seconds):
            while True:
                ending = self._ending_of(request_id)
                try:
                    item = await self._aws.run(self._queue.table.get, request_id)
                    if item is None or "ended_at" in item:
                        return item
                    await asyncio.wait({ending}, timeout=_READ_SECONDS)
                finally:
                    self._remove_waiter(request_id, ending)

    @property
    def awaited_count(self) -> int:
        """How many wait for the end of a request."""
        return sum(map(len, self._waiters.values()))

    def _ending_of(self, request_id: str) -> asyncio.Future[None]:
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._waiters.setdefault(request_id, []).append(waiting)
        return waiting

    def _remove_waiter(self, request_id: str, waiting: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(request_id, [])
        if waiting in waiters:
            waiters.remove(waiting)
        if not waiters:
            self._waiters.pop(request_id, None)

    def _wake(self, request_id: str) -> None:
        for waiting in self._waiters.pop(request_id, ()):
            if not waiting.done():
                waiting.set_result(None)

    def report_lost(self, endpoint_name: str, request_id: str) -> None:
        """Report that the store has lost a request, and let nobody wait for its end."""
        self.lost_count += 1
        self._queue.recent.remove(request_id)
        _log.error("request_lost", endpoint=endpoint_name, request_id=request_id)
        self._wake(request_id)

    async def restore_running(self) -> None:
        """Write what runs again, where the store has lost it.

        UnavailableError where DynamoDB is away.
        """
        running = [delivery for delivery in self._running if delivery.claim is not None]
        restorations = [
            self._loop.run_in_executor(self._restoring_threads, self._restore, delivery)
            for delivery in running
        ]
        await asyncio.gather(*restorations)

    def _restore(self, delivery: Delivery) -> None:
        claim = delivery.claim
        if claim is not None:
            self._queue.table.restore(claim, self._clock.now(), lambda: delivery.claim is claim)

    def fleet_started(self, spec: FleetSpec) -> None:
        """See FleetObserver."""
        self._deleted.pop(spec.endpoint_name, None)
        self._tasks.run_once("register", self._register(spec.endpoint_name))

    def capacity_changed(self, endpoint_name: str) -> None:
        """See FleetObserver."""
        self._start_waiting(endpoint_name)

    def instance_lost(self, instance: Instance) -> None:
        """See FleetObserver."""
        for delivery in self._running:
            if delivery.instance is instance:
                delivery.cancellation.abort_invocation(Cut.INSTANCE_LOST)

    def fleet_stopped(self, spec: FleetSpec) -> None:
        """See FleetObserver.

        What waits for a deleted endpoint fails: it was not meant for another one of the same name.
        """
        self._deleted[spec.endpoint_name] = spec
        self._start_waiting(spec.endpoint_name)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Keep nothing of endpoints that were deleted long ago and have no requests."""
        for name in list(self._deleted)[:-_DELETED_KEPT]:
            if not len(self._queue.backlog(name)) and not self.running_of(name):
                del self._deleted[name]
                self._in_flight.pop(name, None)
                self._queue.drop(name)

    def end_orphans(self, endpoint_names: Collection[str]) -> None:
        """End what was left for endpoints other than these: an emulator was killed as it deleted them."""
        for name in self._queue.endpoint_names:
            if name not in endpoint_names:
                self._deleted[name] = None
                self._start_waiting(name)

    def _spec(self, endpoint_name: str) -> FleetSpec | None:
        return self._fleets.spec(endpoint_name) or self._deleted.get(endpoint_name)

    async def _register(self, endpoint_name: str) -> None:
        try:
            await self._queue.register(endpoint_name)
        except UnavailableError as error:
            # `accept` does it again, and is refused where that fails too.
            _log.warning("endpoint_not_registered", endpoint=endpoint_name, error=str(error))

    def _start_waiting(self, endpoint_name: str) -> None:
        """Start what can be started."""
        if not self._is_open:
            return
        backlog = self._queue.backlog(endpoint_name)
        fleet = self._fleets.get(endpoint_name)
        if fleet is not None:
            slots = fleet.slots
            # While S3 takes no results, answers pile up in threads: only so many.
            limit = 2 * slots.total
            while len(backlog) and self._in_flight[endpoint_name] < limit:
                instance = slots.acquire()
                if instance is None:
                    break
                entry = backlog.pop()
                assert entry is not None
                self._begin(self._delivery(endpoint_name, entry, instance))
        elif endpoint_name in self._deleted:
            for entry in backlog.pop_all():
                self._begin(self._delivery(endpoint_name, entry, cause=Cause.ENDPOINT_DELETED))
        expiry = backlog.next_expiry()
        if expiry is not None:
            self._deadlines.set(expiry)

    def _delivery(
        self,
        endpoint_name: str,
        entry: Entry,
        instance: Instance | None = None,
        cause: Cause = Cause.EXPIRED,
    ) -> Delivery:
        return Delivery(endpoint_name, entry, self._clock, self._faults, instance, cause)

    def _begin(self, delivery: Delivery) -> None:
        self._running.add(delivery)
        if delivery.instance is not None:
            self._in_flight[delivery.endpoint_name] += 1
        threads = self._ending_threads if delivery.instance is None else self._threads
        self._run_in(threads, partial(self._runner.run, delivery))

    def _run_in(self, threads: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Have `work` done by a thread, now or when there can be one."""
        try:
            threads.submit(work)
        except RuntimeError as error:
            if not self._is_open:
                return  # the pool is closed, and whatever is left is for the next emulator
            # It is in the pool's queue already, for whoever comes next: a call that does nothing.
            _log.warning("no_thread_for_a_request", error=str(error))
            self._loop.call_later(_NEXT_THREAD_SECONDS, self._run_in, threads, _nothing)

    def _end_what_is_due(self) -> float:
        """End what has expired or timed out; the time of what is due next."""
        if not self._is_open:
            return math.inf
        now = self._clock.now()
        due = math.inf
        for endpoint_name in self._queue.endpoint_names:
            backlog = self._queue.backlog(endpoint_name)
            for entry in backlog.pop_expired(now):
                self._begin(self._delivery(endpoint_name, entry))
            due = min(due, backlog.next_expiry() or math.inf)
        for delivery in self._running:
            due = min(due, _end_if_due(delivery, now))
        return due

    def deadline_set(self, when: float) -> None:
        """Wait for it."""
        if when < self._deadlines.due:
            self._loop.call_soon_threadsafe(self._deadlines.set, when)

    def slot_released(self, delivery: Delivery) -> None:
        """Give its slot to the next request."""
        self._loop.call_soon_threadsafe(self._release, delivery)

    def instance_suspected(self, delivery: Delivery) -> None:
        """Have the instance pinged before it gets more."""
        self._loop.call_soon_threadsafe(self._suspect, delivery)

    def delivery_finished(self, delivery: Delivery, returned: Entry | None) -> None:
        """Queue the request again, or let those go on who wait for its end."""
        self._loop.call_soon_threadsafe(self._finish, delivery, returned)

    def _release(self, delivery: Delivery) -> None:
        if delivery.holds_slot and delivery.instance is not None:
            delivery.holds_slot = False
            self._fleets.release(delivery.endpoint_name, delivery.instance)
            self._start_waiting(delivery.endpoint_name)

    def _suspect(self, delivery: Delivery) -> None:
        if delivery.instance is not None:
            self._fleets.suspect(delivery.endpoint_name, delivery.instance)

    def _finish(self, delivery: Delivery, returned: Entry | None) -> None:
        name = delivery.endpoint_name
        self._running.discard(delivery)
        if delivery.instance is not None:
            self._in_flight[name] -= 1
        self._release(delivery)
        if not self._is_open:
            return
        if returned is not None:
            self._queue.push(name, returned)
        elif delivery.is_lost:
            self.report_lost(name, delivery.entry.request_id)
        else:
            self._wake(delivery.entry.request_id)
        # Also where no slot was released: a backlog may wait for the limit on deliveries alone.
        self._start_waiting(name)


def _end_if_due(delivery: Delivery, now: float) -> float:
    """Warn of a timeout, or time out; when the next of both is due."""
    due = math.inf
    if (warn_at := delivery.warn_at) is not None:
        if warn_at <= now:
            delivery.warn()
        else:
            due = warn_at
    if (deadline := delivery.deadline) is not None:
        if deadline <= now:
            delivery.deadline = None
            delivery.cancellation.abort_invocation(Cut.TIMED_OUT)
        else:
            due = min(due, deadline)
    return due


def _nothing() -> None:
    """What brings a thread to a pool."""
