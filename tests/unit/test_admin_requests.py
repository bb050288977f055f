"""What the emulator's pages show of requests, and what that costs the store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.sagemaker.admin.pages import BadTokenError, Pages
from meshtwin.emulator.sagemaker.queue.recent import Recent
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.sagemaker.queue.rows import Listed

FIRST = AsyncRequest("r1", "e", "inference", 1.0, 60, 60, "s3://b/o", call_id="call")
STATES = list(State)


class Store:
    """A table that lists what `recent` was told, and runs what belongs between two of its queries."""

    def __init__(self) -> None:
        self.recent = Recent(100)
        self.queries: list[tuple[str, State]] = []
        self.between: Callable[[State], None] = lambda _: None

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def page(
        self, endpoint: str, state: State, limit: int, after: str | None
    ) -> tuple[list[Listed], str | None]:
        self.queries.append((endpoint, state))
        found = [
            one for one in reversed(self.recent.list(100, endpoint, state)) if one.request_id > (after or "")
        ]
        self.between(state)
        return found[:limit], found[limit - 1].request_id if len(found) > limit else None


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def pages(store: Store) -> Pages:
    return Pages(store, store)  # type: ignore[arg-type]


def read(pages: Pages, endpoints: list[str], limit: int = 10, token: str | None = None) -> Any:
    return asyncio.run(pages.read(endpoints, STATES, limit, token))


def test_a_request_is_shown_once_in_its_newest_state(store: Store, pages: Pages) -> None:
    store.recent.accepted(FIRST, 1, State.QUEUED, 0)
    store.between = lambda state: state is State.QUEUED and store.recent.accepted(FIRST, 1, State.RUNNING, 1)  # type: ignore[assignment,func-returns-value]
    found, token = read(pages, ["e"])
    assert [(one.request_id, one.state) for one in found] == [("r1", State.RUNNING)]
    assert token is None


def test_what_is_known_to_be_empty_is_not_asked_for_again(store: Store, pages: Pages) -> None:
    endpoints = [f"e{number}" for number in range(20)]
    assert read(pages, endpoints) == ([], None)
    store.queries.clear()
    assert read(pages, endpoints) == ([], None)
    assert store.queries == []
    store.recent.accepted(replace(FIRST, endpoint_name="e7"), 1, State.QUEUED, 0)
    assert len(read(pages, endpoints)[0]) == 1
    assert store.queries == [("e7", State.QUEUED)]


def test_pages_follow_each_other_over_states_and_endpoints(store: Store, pages: Pages) -> None:
    for number in range(7):
        state = STATES[number % 2]
        request = replace(FIRST, request_id=f"r{number}", endpoint_name=f"e{number % 3}")
        store.recent.accepted(request, number, state, 0)
    seen, token = [], None
    while True:
        found, token = read(pages, ["e0", "e1", "e2"], 2, token)
        seen += [one.request_id for one in found]
        if token is None:
            break
        assert found
    assert sorted(seen) == [f"r{number}" for number in range(7)]
    with pytest.raises(BadTokenError, match="not one of this list"):
        read(pages, ["e0"], token="x|queued|")


def test_the_newest_are_kept_with_their_ends() -> None:
    recent = Recent(2)
    requests = [replace(FIRST, request_id=f"r{number}") for number in range(3)]
    for number, request in enumerate(requests):
        recent.accepted(request, number, State.RUNNING, 1)
    recent.ended(requests[1], State.FAILED, 5.0, "why")
    recent.ended(requests[0], State.COMPLETED, 5.0, None)
    assert [(one.request_id, one.state, one.reason) for one in recent.list(9)] == [
        ("r2", State.RUNNING, None),
        ("r1", State.FAILED, "why"),
    ]
    assert [one.request_id for one in recent.list(9, "e", State.RUNNING)] == ["r2"]
    assert recent.list(9, "other") == []


def test_a_request_is_found_by_each_id_that_its_caller_has() -> None:
    recent = Recent(9)
    recent.accepted(FIRST, 1, State.QUEUED, 0)
    recent.accepted(replace(FIRST, request_id="r2", call_id="another"), 2, State.QUEUED, 0)
    assert (recent.find("call"), recent.find("inference"), recent.find("nothing")) == ("r1", "r2", None)
    recent.remove("r2")
    assert recent.find("another") is None
