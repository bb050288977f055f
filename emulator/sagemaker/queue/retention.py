"""Deletes the records of ended requests whose time is over, where the store does not do so itself.

DynamoDB's time to live does it on AWS; moto has none, and LocalStack's is switched off by default.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.queue.request import TERMINAL

if TYPE_CHECKING:
    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.queue.request import State
    from meshtwin.emulator.sagemaker.queue.table import RequestTable

_PAGE = 100
_SHORTEST, _LONGEST = 1.0, 600.0
"""Between two rounds, in real seconds: a tenth of the retention, within these."""

_log = structlog.get_logger()


class Retention:
    """Goes round all endpoints that have, or had, requests."""

    def __init__(self, table: RequestTable, aws: Aws, clock: Clock, seconds: float) -> None:
        self._table = table
        self._aws = aws
        self._clock = clock
        self._seconds = seconds

    async def run(self) -> None:
        """Delete again and again."""
        while True:
            await asyncio.sleep(min(max(self._seconds / 10, _SHORTEST), _LONGEST))
            try:
                await self._aws.run(self.sweep)
            except UnavailableError as error:
                _log.warning("records_not_deleted", error=str(error))

    def sweep(self) -> None:
        """One round. Blocks; UnavailableError where DynamoDB is away."""
        pending = set(self._table.registered())
        for name in self._table.registered("kept"):
            kept = sum(self._delete(name, state) for state in TERMINAL)
            if not kept and name not in pending:
                self._table.unregister_kept([name])

    def _delete(self, endpoint_name: str, state: State) -> int:
        """Delete the endpoint's old records in one state, the first accepted first; how many were there."""
        seen, after = 0, None
        while True:
            rows, after = self._table.page(endpoint_name, state, _PAGE, after)
            seen += len(rows)
            before = self._clock.now() - self._seconds
            old = [row.request_id for row in rows if row.ended_at is not None and row.ended_at <= before]
            self._table.delete_all(old)
            if after is None or len(old) < len(rows):
                return seen
