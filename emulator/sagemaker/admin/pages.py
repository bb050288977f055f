"""Lists of requests from the store, a page at a time, at the cost of what they show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.sagemaker.queue.request import State
    from meshtwin.emulator.sagemaker.queue.rows import Listed
    from meshtwin.emulator.sagemaker.queue.table import RequestTable

_EMPTY_SECONDS = 60.0
"""How long an endpoint is believed to have no requests in a state: other emulators write to the table too."""

_PAIRS_KEPT = 10_000


class BadTokenError(ValueError):
    """A token that no page of this list has given."""


class Pages:
    """Endpoint by endpoint, state by state, the oldest first; the token marks where the next page begins.

    Where a query found nothing, and nothing was written since, none is made again for a while.
    """

    def __init__(self, aws: Aws, table: RequestTable) -> None:
        self._aws = aws
        self._table = table
        self._empty: dict[tuple[str, State], tuple[int, float]] = {}

    async def read(
        self, endpoints: Sequence[str], states: Sequence[State], limit: int, token: str | None
    ) -> tuple[list[Listed], str | None]:
        """One page, and the token of the next.

        Raises:
            BadTokenError: the token is of another list.
        """
        lists = [(endpoint, state) for endpoint in endpoints for state in states]
        start, after = _start(lists, token)
        # By id: one that changes its state between two queries is found twice, and the later is newer.
        shown: dict[str, Listed] = {}
        for number, pair in enumerate(lists[start:], start):
            found, more = await self._query(pair, limit - len(shown), after)
            after = None
            shown.update((listed.request_id, listed) for listed in found)
            if more is not None:
                return list(shown.values()), "|".join((*pair, more))
            if len(shown) >= limit:
                following = lists[number + 1 :]
                return list(shown.values()), "|".join((*following[0], "")) if following else None
        return list(shown.values()), None

    async def _query(
        self, pair: tuple[str, State], limit: int, after: str | None
    ) -> tuple[list[Listed], str | None]:
        writes = self._table.recent.writes(*pair)
        if after is None and self._is_empty(pair, writes):
            return [], None
        found, more = await self._aws.run(self._table.page, *pair, limit, after)
        self._empty.pop(pair, None)
        if not found and after is None:
            if len(self._empty) >= _PAIRS_KEPT:
                self._empty.clear()
            self._empty[pair] = writes, time.monotonic()
        return found, more

    def _is_empty(self, pair: tuple[str, State], writes: int) -> bool:
        seen = self._empty.get(pair)
        return seen is not None and seen[0] == writes and time.monotonic() - seen[1] < _EMPTY_SECONDS


def _start(lists: list[tuple[str, State]], token: str | None) -> tuple[int, str | None]:
    if token is None:
        return 0, None
    name, _, rest = token.partition("|")
    state, _, after = rest.partition("|")
    for number, pair in enumerate(lists):
        if pair == (name, state):
            return number, after or None
    raise BadTokenError(f"token {token!r}: it is not one of this list's")
