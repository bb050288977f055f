"""Requests of one endpoint that wait for a slot: their order, and when each expires."""

from __future__ import annotations

import heapq
from typing import NamedTuple

_SLACK = 1024


class Entry(NamedTuple):
    """All that is held in memory of a queued request; the rest is in the table.

    `position` is its place in the queue, in microseconds since the epoch and unique; `fence` is the number of
    times it has been claimed.
    """

    position: int
    request_id: str
    expires_at: float
    fence: int = 0


class Backlog:
    """First in, first out, by `position`: an entry that is put back is at its old place.

    Every operation costs O(log n), spread over calls.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, Entry] = {}
        self._order: list[int] = []
        self._expiries: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, entry: Entry) -> None:
        """Add `entry`, at its place."""
        self._waiting[entry.position] = entry
        heapq.heappush(self._order, entry.position)
        heapq.heappush(self._expiries, (entry.expires_at, entry.position))
        self._compact()

    def pop(self) -> Entry | None:
        """Take out the oldest entry."""
        while self._order:
            entry = self._waiting.pop(heapq.heappop(self._order), None)
            if entry is not None:
                return entry
        return None

    def pop_expired(self, now: float) -> list[Entry]:
        """Take out every entry that may no longer be started, the earliest expired first."""
        expired = []
        while (expiry := self.next_expiry()) is not None and expiry <= now:
            _, position = heapq.heappop(self._expiries)
            expired.append(self._waiting.pop(position))
        return expired

    def pop_all(self) -> list[Entry]:
        """Take out every entry, the oldest first."""
        entries = []
        while (entry := self.pop()) is not None:
            entries.append(entry)
        return entries

    def next_expiry(self) -> float | None:
        """When the next entry expires, in seconds since the epoch."""
        while self._expiries and self._expiries[0][1] not in self._waiting:
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None

    def oldest(self) -> int | None:
        """The position of the entry that is next."""
        while self._order and self._order[0] not in self._waiting:
            heapq.heappop(self._order)
        return self._order[0] if self._order else None

    def _compact(self) -> None:
        # Entries leave one of the heaps late; without this, six hours of expiries would pile up there.
        if len(self._expiries) > 2 * len(self._waiting) + _SLACK:
            self._expiries = [(entry.expires_at, entry.position) for entry in self._waiting.values()]
            heapq.heapify(self._expiries)
        if len(self._order) > 2 * len(self._waiting) + _SLACK:
            self._order = list(self._waiting)
            heapq.heapify(self._order)
