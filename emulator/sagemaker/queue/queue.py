"""Accepted requests: durable in DynamoDB, in order in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import ClientError

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.queue.backlog import Backlog, Entry, any_turn
from meshtwin.emulator.sagemaker.queue.recent import Recent
from meshtwin.emulator.sagemaker.queue.table import RequestTable, StaleClaimError
from meshtwin.emulator.sagemaker.settings import QueueOrder

if TYPE_CHECKING:
    from concurrent.futures import Future

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
    from meshtwin.emulator.sagemaker.settings import Settings

_ACCEPT_SECONDS = 5.0
"""A caller gets ServiceUnavailable rather than waiting longer than this."""

_ROUNDS = 3
"""A store that was paused takes up old calls and new ones in any order: one deletion may come too early."""

_SERVER_ERROR = 500

_log = structlog.get_logger()


class UncertainWrites:
    """Refused requests are deleted once the store answers again, or the next emulator would run them."""

    def __init__(self, table: RequestTable) -> None:
        self._table = table
        self._rounds: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rounds)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._rounds

    def add(self, request_id: str, error: BaseException | None) -> None:
        """Note a refused request whose write ended with `error`. From any thread."""
        cause = error.__cause__ if isinstance(error, UnavailableError) else None
        if isinstance(cause, ClientError):
            status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR)
            if status < _SERVER_ERROR:
                return  # DynamoDB has refused it
        self._rounds[request_id] = _ROUNDS

    def delete_refused(self) -> None:
        """Delete what should not be there. Blocks; UnavailableError where DynamoDB is away."""
        ids = list(self._rounds)
        self._table.delete_all(ids)
        for request_id in ids:
            self._rounds[request_id] -= 1
            if not self._rounds[request_id]:
                del self._rounds[request_id]


class RequestQueue:
    """The queues of all endpoints. Used from one event loop; DynamoDB is called in threads.

    What is held in memory is an index of the table's queued requests, some 300 bytes for each. It is read
    back at the next start, so that neither a restart nor a crash loses a request.
    """

    def __init__(self, aws: Aws, settings: Settings, owner: str) -> None:
        name = f"{settings.table_prefix}-requests"
        self.recent = Recent(settings.exchanges_kept)
        self.table = RequestTable(aws, name, owner, self.recent)
        self.uncertain = UncertainWrites(self.table)
        self._aws = aws
        self._is_shuffled = settings.queue_order is QueueOrder.SHUFFLED
        self._backlogs: dict[str, Backlog] = {}
        self._grown: set[str] = set()
        self._has_grown = asyncio.Event()
        self._registered: set[str] = set()
        self._last_position = 0
        self._is_paused = False
        self._accepting: set[str] = set()
        """Requests of which it is not decided whether they are accepted."""
        self._served: set[str] = set()
        """Endpoints that this process serves, whether that has been written yet or not."""

    async def setup(self) -> None:
        """Create the table and its index where they are missing. UnavailableError where that fails."""
        await self._aws.run(self.table.create)

    async def accept(self, request: AsyncRequest) -> None:
        """Accept a request, durable on return.

        UnavailableError where DynamoDB refuses or does not answer in 5 s; the request is not accepted
        then.
        """
        if self._is_paused:
            raise UnavailableError("the store has restarted empty, and is being set up again")
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
            raise UnavailableError(f"DynamoDB did not answer within {_ACCEPT_SECONDS:g} s")
        self._raise_failure(writing, entry.request_id)

    def _raise_failure(self, writing: Future[None], request_id: str) -> None:
        error = writing.exception()
        if error is not None and not isinstance(error, StaleClaimError):
            self.uncertain.add(request_id, error)
        self._accepting.discard(request_id)
        if isinstance(error, StaleClaimError):
            # Written by a first attempt whose answer was lost, and found by the emulator that comes next.
            raise UnavailableError(str(error)) from error
        if error is not None:
            raise error

    async def register(self, endpoint_name: str) -> None:
        """Make sure that a later start finds this endpoint's requests."""
        self._served.add(endpoint_name)
        if endpoint_name not in self._registered:
            await self._aws.run(self.table.register, endpoint_name)
            self._registered.add(endpoint_name)

    def push(self, endpoint_name: str, entry: Entry) -> None:
        """Put a request in its place in the queue, new, found or returned."""
        self._last_position = max(self._last_position, entry.position)
        self.backlog(endpoint_name).push(entry)
        self._grown.add(endpoint_name)
        self._has_grown.set()

    async def grown(self) -> set[str]:
        """The endpoints whose backlogs have grown since the last call, as soon as there are any."""
        await self._has_grown.wait()
        self._has_grown.clear()
        grown, self._grown = self._grown, set()
        return grown

    def backlog(self, endpoint_name: str) -> Backlog:
        """The endpoint's waiting requests."""
        backlog = self._backlogs.get(endpoint_name)
        if backlog is None:
            backlog = self._backlogs[endpoint_name] = Backlog(any_turn) if self._is_shuffled else Backlog()
        return backlog

    def drop(self, endpoint_name: str) -> None:
        """Keep nothing for an endpoint that is gone, with its requests."""
        self._backlogs.pop(endpoint_name, None)
        self._registered.discard(endpoint_name)
        self._served.discard(endpoint_name)
        self.recent.drop(endpoint_name)

    @property
    def endpoint_names(self) -> list[str]:
        """Endpoints that have or had requests."""
        return list(self._backlogs)

    def found(self, endpoint_name: str) -> None:
        """Know an endpoint, from the table, that has requests."""
        self._served.add(endpoint_name)
        self._registered.add(endpoint_name)
        self.backlog(endpoint_name)

    def pause(self) -> None:
        """Accept nothing: the store has lost its tables."""
        self._is_paused = True

    async def resume(self) -> None:
        """Accept again, in tables that are new. UnavailableError where DynamoDB is away."""
        for endpoint_name in sorted(self._registered):
            await self._aws.run(self.table.register, endpoint_name)
        self._is_paused = False

    async def take_lost(self, endpoint_name: str) -> list[Entry]:
        """Take out what waits and is not in the table: its call, and its inline body, were there alone.

        UnavailableError where DynamoDB is away; nothing is taken out then.
        """
        # Read after the backlog: what is accepted meanwhile is in the table. By key: an index may be late.
        waiting = self.backlog(endpoint_name).request_ids()
        lost = set(waiting) - await self._aws.run(self.table.present, waiting)
        return self.backlog(endpoint_name).take_all(lost)

    def knows(self, endpoint_name: str, entry: Entry) -> bool:
        """Whether the request waits here, is being accepted, or was refused and has to go."""
        request_id = entry.request_id
        return (
            entry in self.backlog(endpoint_name)
            or request_id in self._accepting
            or request_id in self.uncertain
        )

    async def unregister(self, endpoint_names: set[str]) -> None:
        """Note that these endpoints have no requests; nothing for those that this process serves."""
        if names := sorted(endpoint_names - self._served):
            await self._aws.run(self.table.unregister, names)
            for name in self._served.intersection(names):
                # Both writes were on their way: whichever came first, this one comes last.
                await self._aws.run(self.table.register, name)

    def _withdraw(self, writing: Future[None], request_id: str) -> None:
        """Undo a write whose caller is refused: one that lands later would be a request that nobody knows."""

        def undo(done: Future[None]) -> None:
            if done.cancelled():
                self._accepting.discard(request_id)
                return
            # Also where the write has succeeded: an earlier attempt of it may land yet.
            self.uncertain.add(request_id, error := done.exception())
            self._accepting.discard(request_id)
            if error is not None:
                return
            try:
                self.table.delete(request_id)
            except UnavailableError:
                _log.warning("refused_request_left_in_table", request_id=request_id)

        writing.cancel()
        writing.add_done_callback(undo)

    def _next_position(self, received_at: float) -> int:
        self._last_position = max(int(received_at * 1e6), self._last_position + 1)
        return self._last_position


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
