"""A request that has a slot from the start: its input is fetched while it is written to DynamoDB."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.delivery.job import Job
from meshtwin.emulator.sagemaker.queue.table import LostLeaseError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from meshtwin.emulator.sagemaker.delivery.objects import Input
    from meshtwin.emulator.sagemaker.delivery.tools import Hooks, Seat, Tools
    from meshtwin.emulator.sagemaker.queue.backlog import Entry
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest
    from meshtwin.emulator.sagemaker.queue.table import Claim


class EarlyJob(Job):
    """A job whose claim is the very write that accepts the request.

    Nothing reaches the container before that write has succeeded.
    """

    def __init__(
        self,
        tools: Tools,
        hooks: Hooks,
        request: AsyncRequest,
        entry: Entry,
        seat: Seat,
        submit: Callable[[Job], None],
    ) -> None:
        super().__init__(tools, hooks, request.endpoint_name, entry, seat)
        self._request = request
        self._submit = submit
        self._write: Callable[[], None] | None = None
        self._writing: Future[Claim] | None = None
        self._fetched: Input | None = None
        self._lock = threading.Lock()
        self._is_accepted: bool | None = None

    def begin(self, write: Callable[[], None], writing: Future[Claim]) -> None:
        """See `Started`."""
        self._write = write
        self._writing = writing
        self._submit(self)

    def refuse(self) -> bool:
        """See `Started`."""
        return not self._decide(accepted=False)

    def _decide(self, *, accepted: bool) -> bool:
        """Whether the request is accepted: the first to say so decides."""
        with self._lock:
            if self._is_accepted is None:
                self._is_accepted = accepted
            return self._is_accepted

    def _take(self) -> Claim | None:
        assert self._write is not None
        assert self._writing is not None
        if self._request.body is None:
            self._tools.executor.submit(self._write)
            self._prefetch()
        else:
            self._write()
        try:
            claim = self._writing.result()
        except (StoreUnavailableError, LostLeaseError, CancelledError):
            # Whoever called `accept` hears of it.
            claim = None
        if claim is None or not self._decide(accepted=True):
            return None
        return claim

    def run(self) -> None:
        """See `Job`. What was fetched and not used, as where the input fails by rule, is closed."""
        try:
            super().run()
        finally:
            self._drop()

    def _open(self, request: AsyncRequest) -> Input:
        fetched, self._fetched = self._fetched, None
        return fetched if fetched is not None else super()._open(request)

    def _prefetch(self) -> None:
        try:
            self._fetched = self._download(self._request)
        except Exception:  # noqa: BLE001  # whatever it is: it is met again below, and counts only then
            return

    def _drop(self) -> None:
        fetched, self._fetched = self._fetched, None
        if fetched is not None:
            fetched.close()
