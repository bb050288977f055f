"""Requests of one endpoint that wait for a slot: their order, and when each expires."""

from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

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


def _first_come(entry: Entry) -> float:
    return float(entry.position)


def any_turn(_: Entry) -> float:
    """The order of a queue that promises none."""
    return random.random()  # noqa: S311  # a test's surprise, no secret


class Backlog:
    """First in, first out, by `position`: an entry that is put back is at its old place.

    Every operation costs O(log n), spread over calls.
    """

    def __init__(self, turn_of: Callable[[Entry], float] = _first_come) -> None:
        self._turn_of = turn_of
        self._waiting: dict[int, Entry] = {}
        self._order: list[tuple[float, int]] = []
        self._expiries: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, entry: Entry) -> bool:
        """Whether the entry's request waits here, claimed more often or not."""
        found = self._waiting.get(entry.position)
        return found is not None and found.request_id == entry.request_id

    def push(self, entry: Entry) -> None:
        """Add `entry`, at its place."""
        self._waiting[entry.position] = entry
        heapq.heappush(self._order, (self._turn_of(entry), entry.position))
        heapq.heappush(self._expiries, (entry.expires_at, entry.position))
        self._compact()

    def pop(self) -> Entry | None:
        """Take out the oldest entry."""
        while self._order:
            entry = self._waiting.pop(heapq.heappop(self._order)[1], None)
            if entry is not None:
                return entry
        return None

    def request_ids(self) -> list[str]:
        """All that wait, in no order."""
        return [entry.request_id for entry in self._waiting.values()]

    def take(self, request_id: str) -> Entry | None:
        """Take out one request, wherever it is; O(n)."""
        for position, entry in self._waiting.items():
            if entry.request_id == request_id:
                return self._waiting.pop(position)
        return None

    def take_all(self, request_ids: set[str]) -> list[Entry]:
        """Take out these requests, as far as they wait; O(n)."""
        taken = [entry for entry in self._waiting.values() if entry.request_id in request_ids]
        for entry in taken:
            del self._waiting[entry.position]
        return taken

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
        if self._turn_of is not _first_come:
            return min(self._waiting, default=None)
        while self._order and self._order[0][1] not in self._waiting:
            heapq.heappop(self._order)
        return self._order[0][1] if self._order else None

    def _compact(self) -> None:
        # Entries leave one of the heaps late; without this, six hours of expiries would pile up there.
        if len(self._expiries) > 2 * len(self._waiting) + _SLACK:
            self._expiries = [(entry.expires_at, entry.position) for entry in self._waiting.values()]
            heapq.heapify(self._expiries)
        if len(self._order) > 2 * len(self._waiting) + _SLACK:
            self._order = [(self._turn_of(entry), entry.position) for entry in self._waiting.values()]
            heapq.heapify(self._order)
