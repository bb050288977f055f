"""Hands queued requests to free slots, and watches the clock over those that run."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.delivery.alarm import Alarm
from meshtwin.emulator.sagemaker.delivery.container import ContainerClient
from meshtwin.emulator.sagemaker.delivery.exchanges import Exchanges
from meshtwin.emulator.sagemaker.delivery.items import Items
from meshtwin.emulator.sagemaker.delivery.job import Job
from meshtwin.emulator.sagemaker.delivery.objects import Objects
from meshtwin.emulator.sagemaker.delivery.outcome import Cause
from meshtwin.emulator.sagemaker.delivery.sending import Sender
from meshtwin.emulator.sagemaker.delivery.settle import Settler
from meshtwin.emulator.sagemaker.delivery.tools import Hooks, Seat, Tools
from meshtwin.emulator.sagemaker.queue.table import StoreUnavailableError

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
_RENEWING_THREADS = 8
_NEXT_THREAD_SECONDS = 1.0
_CANCEL_SECONDS = 10.0
_LOOK_SECONDS = 5.0
"""Between two looks for the end of a request, which another emulator may write. Real seconds."""

_DELETED_KEPT = 16
"""Deleted endpoints that are remembered without requests: a call that was in flight may bring one yet."""

_log = structlog.get_logger()


class Dispatcher:
    """First in, first out for each endpoint. Lives on one event loop; each request runs in a thread.

    Nothing but the loop touches the queue, the slots and the set of running jobs; threads do nothing but wait
    for DynamoDB, S3 and containers, and report twice: when the slot is free, and when the request has ended.
    """

    def __init__(  # it stands between all of them
        self,
        queue: RequestQueue,
        fleets: RunningFleets,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        meter: Meter,
        faults: Faults,
    ) -> None:
        self._queue = queue
        self._fleets = fleets
        self._clock = clock
        objects = Objects(aws.s3, aws.restarts, settings.object_patience)
        self.exchanges = Exchanges(settings.exchanges_kept, settings.exchange_body_bytes)
        self._aws = aws
        items = Items(queue.table, settings.item_patience)
        self._settler = Settler(queue.table, items, objects, aws, self._spec, clock, settings, meter, faults)
        self._tools = Tools(
            queue.table,
            items,
            objects,
            self._settler,
            clock,
            settings,
            meter,
            faults,
            Sender(
                meter,
                faults,
                self.exchanges,
                clock,
                require_content_length=settings.require_content_length,
            ),
        )
        self._hooks = Hooks(self._arm, self._released_soon, self._suspect_soon, self._finished_soon)
        self._lease_seconds = settings.lease_seconds
        self._running: set[Job] = set()
        self._count: Counter[str] = Counter()
        self._clients: dict[str, ContainerClient] = {}
        self._deleted: dict[str, FleetSpec | None] = {}
        self._tasks = Supervised()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._is_open = False

    def _is_running(self, request_id: str) -> bool:
        return any(job.entry.request_id == request_id for job in self._running)

    @property
    def running_count(self) -> int:
        """Requests that have left the queue and have not ended."""
        return len(self._running)

    def running_ids(self) -> list[str]:
        """Every request that has left the queue and has not ended."""
        return [job.entry.request_id for job in self._running]

    def running_of(self, endpoint_name: str) -> list[Entry]:
        """The endpoint's requests that have left the queue and have not ended."""
        return [job.entry for job in self._running if job.endpoint_name == endpoint_name]

    async def start(self) -> None:
        """Recover what was accepted before, and dispatch from now on.

        StoreUnavailableError where DynamoDB is away.
        """
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="job")
        # Thousands that expire at once do not keep the others from their threads.
        self._ending_threads = ThreadPoolExecutor(_ENDING_THREADS, thread_name_prefix="ending")
        # Leases are renewed whatever all the jobs wait for; some wait until they have been.
        self._renewing_threads = ThreadPoolExecutor(_RENEWING_THREADS, thread_name_prefix="renewing")
        self._alarm = Alarm(self._clock, self._ring)
        self._is_open = True
        self._queue.is_running = self._is_running
        self._queue.on_ready = self._pump
        self._queue.on_forgotten = self._wake
        self._tasks.run("deadlines", self._alarm.run)
        self._tasks.run("heartbeats", self._beat)
        await self._queue.recover()

    async def close(self) -> None:
        """Give running requests back to the queue, and stop."""
        if not self._is_open:
            return
        self._is_open = False
        await self._queue.close()
        for job in self._running:
            job.let_go()
        # Heartbeats go on until the last request is put back.
        for threads in (self._threads, self._ending_threads):
            await self._loop.run_in_executor(None, partial(threads.shutdown, cancel_futures=True))
        await self._tasks.close()
        await self._loop.run_in_executor(None, partial(self._renewing_threads.shutdown, cancel_futures=True))
        for client in self._clients.values():
            client.close()

    async def cancel(self, request_id: str) -> None:
        """End a request as cancelled, waiting or running; returns when it has ended, one way or another.

        After ten real seconds it returns all the same: an end is not recorded while the store is away.
        KeyError where the request neither waits nor runs here.
        """
        ending = self._ending_of(request_id)
        for endpoint_name in self._queue.endpoint_names:
            entry = self._queue.backlog(endpoint_name).take(request_id)
            if entry is not None:
                self._begin(Job(self._tools, self._hooks, endpoint_name, entry, cause=Cause.CANCELLED))
                break
        else:
            running = [job for job in self._running if job.entry.request_id == request_id]
            if not running:
                self._forget(request_id, ending)
                raise KeyError(request_id)
            running[0].cancel()
        await asyncio.wait({ending}, timeout=_CANCEL_SECONDS)
        self._forget(request_id, ending)

    async def ended(self, request_id: str, timeout_seconds: float) -> Mapping[str, Any] | None:
        """The item of a request once it has ended; None where there is no such request.

        Raises:
            TimeoutError: it has not ended within so many real seconds.
            StoreUnavailableError: DynamoDB is away.
        """
        async with asyncio.timeout(timeout_seconds):
            while True:
                ending = self._ending_of(request_id)
                try:
                    item = await self._aws.run(self._queue.table.get, request_id)
                    if item is None or "ended_at" in item:
                        return item
                    await asyncio.wait({ending}, timeout=_LOOK_SECONDS)
                finally:
                    self._forget(request_id, ending)

    @property
    def awaited_count(self) -> int:
        """How many wait for the end of a request."""
        return sum(map(len, self._waiters.values()))

    def _ending_of(self, request_id: str) -> asyncio.Future[None]:
        waiting: asyncio.Future[None] = self._loop.create_future()
        self._waiters.setdefault(request_id, []).append(waiting)
        return waiting

    def _forget(self, request_id: str, waiting: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(request_id, [])
        if waiting in waiters:
            waiters.remove(waiting)
        if not waiters:
            self._waiters.pop(request_id, None)

    def _wake(self, request_id: str) -> None:
        for waiting in self._waiters.pop(request_id, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def write_again(self) -> None:
        """Renew the leases of all that runs: what the store has lost is written again."""
        jobs = [job for job in self._running if job.claim is not None]
        await asyncio.gather(*(self._loop.run_in_executor(self._renewing_threads, job.renew) for job in jobs))

    async def _beat(self) -> None:
        while True:
            await self._clock.poll(self._lease_seconds / 3)
            await self.write_again()

    def fleet_started(self, spec: FleetSpec) -> None:
        """See FleetObserver."""
        self._deleted.pop(spec.endpoint_name, None)
        self._tasks.run_once("register", self._register(spec.endpoint_name))

    def capacity_changed(self, endpoint_name: str) -> None:
        """See FleetObserver."""
        self._pump(endpoint_name)

    def instance_lost(self, instance: Instance) -> None:
        """See FleetObserver."""
        client = self._clients.pop(instance.instance_id, None)
        if client is not None:
            client.close()
        for job in self._running:
            if job.seat is not None and job.seat.instance is instance:
                job.lose_instance()

    def fleet_stopped(self, spec: FleetSpec) -> None:
        """See FleetObserver.

        What waits for a deleted endpoint fails: it was not meant for another one of the same name.
        """
        self._deleted[spec.endpoint_name] = spec
        self._pump(spec.endpoint_name)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Keep nothing of endpoints that were deleted long ago and have no requests."""
        for name in list(self._deleted)[:-_DELETED_KEPT]:
            if not len(self._queue.backlog(name)) and not self.running_of(name):
                del self._deleted[name]
                self._count.pop(name, None)
                self._queue.drop(name)

    def end_orphans(self, endpoint_names: Collection[str]) -> None:
        """End what was left for endpoints other than these: an emulator was killed as it deleted them."""
        for name in self._queue.endpoint_names:
            if name not in endpoint_names:
                self._deleted[name] = None
                self._pump(name)

    def _spec(self, endpoint_name: str) -> FleetSpec | None:
        return self._fleets.spec(endpoint_name) or self._deleted.get(endpoint_name)

    async def _register(self, endpoint_name: str) -> None:
        try:
            await self._queue.register(endpoint_name)
        except StoreUnavailableError as error:
            # `accept` does it again, and is refused where that fails too.
            _log.warning("endpoint_not_registered", endpoint=endpoint_name, error=str(error))

    def _pump(self, endpoint_name: str) -> None:
        """Start what can be started."""
        if not self._is_open:
            return
        backlog = self._queue.backlog(endpoint_name)
        fleet = self._fleets.get(endpoint_name)
        if fleet is not None:
            slots = fleet.slots
            # While S3 takes no results, answers pile up in threads: only so many.
            limit = 2 * slots.total
            while len(backlog) and self._count[endpoint_name] < limit:
                instance = slots.acquire()
                if instance is None:
                    break
                entry = backlog.pop()
                assert entry is not None
                self._begin(Job(self._tools, self._hooks, endpoint_name, entry, self._seat(instance)))
        elif endpoint_name in self._deleted:
            for entry in backlog.pop_all():
                self._begin(Job(self._tools, self._hooks, endpoint_name, entry, cause=Cause.ENDPOINT_DELETED))
        expiry = backlog.next_expiry()
        if expiry is not None:
            self._alarm.set(expiry)

    def _begin(self, job: Job) -> None:
        self._running.add(job)
        if job.seat is not None:
            self._count[job.endpoint_name] += 1
            self._run_in(self._threads, job.run)
        else:
            self._run_in(self._ending_threads, job.run)

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

    def _seat(self, instance: Instance) -> Seat:
        client = self._clients.get(instance.instance_id)
        if client is None:
            client = self._clients[instance.instance_id] = ContainerClient(instance.address)
        return Seat(instance, client)

    def _ring(self) -> float:
        """Do what is due; the time of what is due next."""
        if not self._is_open:
            return math.inf
        now = self._clock.now()
        due = math.inf
        for endpoint_name in self._queue.endpoint_names:
            backlog = self._queue.backlog(endpoint_name)
            for entry in backlog.pop_expired(now):
                self._begin(Job(self._tools, self._hooks, endpoint_name, entry))
            due = min(due, backlog.next_expiry() or math.inf)
        for job in self._running:
            warn_at = job.warn_at
            if warn_at is not None and warn_at <= now:
                job.warn()
            elif warn_at is not None:
                due = min(due, warn_at)
            deadline = job.deadline
            if deadline is not None and deadline <= now:
                job.time_out()
            elif deadline is not None:
                due = min(due, deadline)
        return due

    def _arm(self, when: float) -> None:
        if when < self._alarm.due:
            self._loop.call_soon_threadsafe(self._alarm.set, when)

    def _released_soon(self, job: Job) -> None:
        self._loop.call_soon_threadsafe(self._released, job)

    def _suspect_soon(self, job: Job) -> None:
        self._loop.call_soon_threadsafe(self._suspect, job)

    def _finished_soon(self, job: Job, returned: Entry | None) -> None:
        self._loop.call_soon_threadsafe(self._finished, job, returned)

    def _released(self, job: Job) -> None:
        if job.holds_slot and job.seat is not None:
            job.holds_slot = False
            self._fleets.release(job.endpoint_name, job.seat.instance)
            self._pump(job.endpoint_name)

    def _suspect(self, job: Job) -> None:
        if job.seat is not None:
            self._fleets.suspect(job.endpoint_name, job.seat.instance)

    def _finished(self, job: Job, returned: Entry | None) -> None:
        self._running.discard(job)
        if job.seat is not None:
            self._count[job.endpoint_name] -= 1
        self._released(job)
        if not self._is_open:
            return
        if job.is_forgotten:
            self._queue.forget(job.endpoint_name, job.entry.request_id)
        elif returned is None:
            self._wake(job.entry.request_id)
        if returned is not None:
            self._queue.push(job.endpoint_name, returned)
        elif len(self._queue.backlog(job.endpoint_name)):
            self._pump(job.endpoint_name)


def _nothing() -> None:
    """What brings a thread to a pool."""
