"""Writes of one request's item: DynamoDB that is away is waited for, one item that fails alone is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from meshtwin.emulator.sagemaker.delivery.retry import Patience, persist_until
from meshtwin.emulator.sagemaker.queue.table import StoreUnavailableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.queue.table import RequestTable

T = TypeVar("T")


class StuckItemError(Exception):
    """DynamoDB does not write this request's item, though it writes others."""


class Items:
    """Writes for every job; may be used from any thread, by one at a time for each request."""

    def __init__(self, table: RequestTable, seconds: float) -> None:
        self._table = table
        self._seconds = seconds
        self._stuck: dict[str, Patience] = {}
        """Of requests that were given up: the next try of one is its last at once."""

    def persist(
        self, let_go: threading.Event, endpoint_name: str, request_id: str, write: Callable[[], T]
    ) -> T:
        """The result of a write, as `retry.persist` has it.

        StuckItemError where DynamoDB has answered it with errors for so many real seconds, and takes another
        write: nothing but this request is to wait for it.
        """
        patience = self._stuck.pop(request_id, None) or Patience(self._seconds)

        def is_over(error: Exception) -> bool:
            cause = error.__cause__
            return cause is not None and patience.is_over(cause, lambda _: self._is_written(endpoint_name))

        try:
            return persist_until(is_over, let_go, write)
        except StoreUnavailableError as error:
            self._stuck[request_id] = patience
            raise StuckItemError(f"DynamoDB writes other items than that of {request_id}: {error}") from error

    def _is_written(self, endpoint_name: str) -> bool:
        """Whether DynamoDB takes a write, of something that is there already."""
        try:
            self._table.register(endpoint_name)
        except StoreUnavailableError:
            return False
        return True
