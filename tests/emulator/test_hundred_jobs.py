"""The store is paused, or cut off, in the middle of many jobs: none is lost, and none done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.hundred import CONCURRENCY, Hundred
from tests.support.relay import Relay
from tests.support.site import Site, options_for
from tests.support.store import Store
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.emulator import Start

pytestmark = pytest.mark.assumed

COUNTS = [20, pytest.param(100, marks=pytest.mark.soak(seconds=60))]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def relay(store: Store) -> Iterator[Relay]:
    """The emulator's way to the store; the test has its own."""
    made = Relay(store.url)
    made.start()
    yield made
    made.resume()
    made.stop()


@pytest.fixture
def site(start_emulator: Start, store: Store, relay: Relay, tmp_path: Path) -> Iterator[Site]:
    options = options_for(tmp_path, "--set", f"default_concurrency={CONCURRENCY}")
    with start_emulator(relay.url, options=options) as running:
        made = Site(running, store.url, tmp_path)
        yield made
        relay.resume()
        made.close()


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("cut", "fix"), [(Relay.pause, Relay.resume), (Relay.stop, Relay.start)])
def test_jobs_with_an_outage_in_the_middle(
    site: Site, relay: Relay, cut: Callable[[Relay], None], fix: Callable[[Relay], None], count: int
) -> None:
    hear = site.subscribe()
    jobs = Hundred(site, count)
    jobs.submit()
    jobs.wait_for_the_middle()

    def outage() -> None:
        cut(relay)
        assert {(answer.status, answer.code) for answer in jobs.refused()} == {(503, "ServiceUnavailable")}
        wait_until(lambda: not site.store_state()["reachable"])
        # Nothing is started whose claim has not been written.
        delivered = len(site.deliveries())
        assert {answer.status for answer in jobs.refused()} == {503}
        assert len(site.deliveries()) == delivered

    cost = jobs.during(outage)
    fix(relay)
    jobs.assert_each_ended_once(hear)
    cost.assert_nothing_spins()
    state = site.store_state()
    assert (state["restarted_at"], state["lost"]) == (None, 0)
    wait_until(lambda: site.store_state()["reachable"])
    assert site.logged().count("store_away") == 1
    assert site.logged().count("store_back") == 1


@pytest.mark.parametrize("count", COUNTS)
def test_jobs_on_a_store_that_restarts_empty(site: Site, store: Store, count: int) -> None:
    """Each one ends, or is reported as lost; the container gets none twice."""
    jobs = Hundred(site, count)
    jobs.submit()
    jobs.wait_for_the_middle()
    store.stop()
    store.start()
    wait_until(site.is_set_up)

    def without_input() -> list[Any]:
        """Claimed before the loss, with an input in S3 that was not fetched before it."""
        failed = [one for one in jobs.listed() if one["state"] == "failed"]
        assert all(one["reason"].startswith("ClientError: Unable to download the input") for one in failed)
        return failed

    def accounted() -> int:
        return len(site.deliveries()) + len(without_input()) + int(site.store_state()["lost"])

    wait_until(lambda: accounted() >= count)
    wait_until(lambda: {one["state"] for one in jobs.listed()} <= {"completed", "failed"})
    delivered, failed = site.deliveries(), {one["inference_id"] for one in without_input()}
    assert len(set(delivered)) == len(delivered), sorted(delivered)
    assert not failed & set(delivered)
    assert accounted() == count, (delivered, failed, site.store_state(), list(jobs.listed()))
    # What had ended before has no record any more either, but its caller had its result.
    assert len(list(jobs.listed())) <= 2 * CONCURRENCY
