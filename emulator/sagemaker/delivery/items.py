"""Writes of one request's item: DynamoDB that is away is waited for, one item that fails alone is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.delivery.retry import Patience, retry_while_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.delivery.delivery import Delivery
    from meshtwin.emulator.sagemaker.queue.table import RequestTable

T = TypeVar("T")


class StuckItemError(Exception):
    """DynamoDB does not write this request's item, though it writes others."""


class Items:
    """Writes for every delivery; used from many threads, by one at a time for each request."""

    def __init__(self, table: RequestTable, seconds: float) -> None:
        self._table = table
        self._seconds = seconds
        self._stuck: dict[str, Patience] = {}
        """Of requests that were given up: the next attempt of one is its last at once."""

    def write(self, delivery: Delivery, write: Callable[[], T]) -> T:
        """The result of a write of the delivery's item, repeated while DynamoDB is away.

        StuckItemError where DynamoDB has answered it with errors for so many real seconds, and takes another
        write: nothing but this request is to wait for it. Else as `retry_while_unavailable`.
        """
        request_id = delivery.entry.request_id
        patience = self._stuck.pop(request_id, None) or Patience(self._seconds)

        def is_over(error: Exception) -> bool:
            cause = error.__cause__
            return cause is not None and patience.is_over(
                cause, lambda _: self._writes(delivery.endpoint_name)
            )

        try:
            return retry_while_unavailable(delivery.cancellation.shutdown, write, is_over)
        except UnavailableError as error:
            self._stuck[request_id] = patience
            raise StuckItemError(f"DynamoDB writes other items than that of {request_id}: {error}") from error

    def _writes(self, endpoint_name: str) -> bool:
        """Whether DynamoDB takes a write, of something that is there already."""
        try:
            self._table.register(endpoint_name)
        except UnavailableError:
            return False
        return True
