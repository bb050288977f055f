"""Requests that were refused, and may have been written all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.emulator.core.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.queue.table import RequestTable

_ROUNDS = 3
"""A store that was paused takes up old calls and new ones in any order: one deletion may come too early."""

_SERVER_ERROR = 500


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
