"""A real LocalStack away for a while in the middle of many jobs, and restarted empty."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.emulator import ACCOUNT_ID, client, run_emulator
from tests.support.hundred import CONCURRENCY, Hundred
from tests.support.localstack import LocalStack, localstack
from tests.support.races import winners
from tests.support.site import Site, alarms_of, options_for, register
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

OUTAGES = [(20, 5.0), pytest.param(100, 60.0, marks=pytest.mark.soak(seconds=240))]
"""Jobs, and seconds."""


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with localstack(f"outage-{uuid.uuid4().hex[:8]}") as made:
        yield made


@pytest.fixture
def site(stack: LocalStack, tmp_path: Path) -> Iterator[Site]:
    options = options_for(tmp_path, "--set", f"default_concurrency={CONCURRENCY}")
    with run_emulator(stack.url, tmp_path, options=options) as running:
        made = Site(running, stack.url, tmp_path)
        yield made
        made.gate.touch()
        made.close()


@pytest.mark.parametrize(("count", "seconds"), OUTAGES)
@pytest.mark.parametrize(
    ("begin", "end"),
    [(LocalStack.pause, LocalStack.unpause), (LocalStack.cut_off, LocalStack.connect)],
    ids=["paused", "cut off"],
)
def test_it_is_away_in_the_middle_of_many_jobs(
    stack: LocalStack,
    site: Site,
    begin: Callable[[LocalStack], None],
    end: Callable[[LocalStack], None],
    *,
    count: int,
    seconds: float,
) -> None:
    hear = site.subscribe()
    jobs = Hundred(site, count)
    jobs.submit(seconds=0.5)
    jobs.wait_for_the_middle()

    def outage() -> None:
        over = time.monotonic() + seconds
        begin(stack)
        try:
            statuses = {(answer.status, answer.code) for answer in jobs.refused()}
            assert statuses == {(503, "ServiceUnavailable")}
            wait_until(lambda: not site.store_state()["reachable"])
            wait_until(lambda: time.monotonic() > over, seconds + 30)
        finally:
            end(stack)

    cost = jobs.during(outage)
    jobs.assert_each_ended_once(hear)
    cost.assert_nothing_spins()
    print(f"{cost}")  # noqa: T201  # for whoever reads the output
    state = site.store_state()
    assert (state["restarted_at"], state["lost"]) == (None, 0)


def test_restarted_empty_it_is_set_up_again(stack: LocalStack, site: Site) -> None:
    register(site)
    # Seen at the minute's round, the alarm of the step policy can be put again.
    wait_until(lambda: f"{site.name}-wake" in site.judged(), 180)
    alarms = alarms_of(site)
    held = [site.submit(f"wait {site.gate}".encode()) for _ in range(CONCURRENCY)]
    wait_until(lambda: len(site.deliveries()) == CONCURRENCY)
    queued = [site.submit(b"later") for _ in range(5)]
    before = site.sagemaker.describe_endpoint(EndpointName=site.name)
    stack.restart()
    wait_until(site.is_set_up, 60)
    assert site.sagemaker.describe_endpoint(EndpointName=site.name)["EndpointArn"] == before["EndpointArn"]
    assert site.store_state()["lost"] == len(queued)
    assert alarms_of(site) == alarms
    hear = site.subscribe()
    site.gate.touch()
    ended = [site.end_of(request_id) for request_id in held]
    assert {one["state"] for one in ended} == {"completed"}
    assert sorted(site.deliveries()) == sorted(one["inference_id"] for one in ended)
    assert sorted(site.objects()) == sorted(f"out/{request_id}.out" for request_id in held)
    told = {one["inference_id"] for one in ended}
    wait_until(lambda: {notice["inferenceId"] for notice in hear()} == told)
    assert len(hear()) == CONCURRENCY
    assert site.end_of(site.submit(b"now"))["state"] == "completed"


def test_of_many_conditional_writes_at_once_one_wins(stack: LocalStack) -> None:
    dynamodb = client("dynamodb", stack.url)
    assert winners(dynamodb, 20) == [1] * 20
    dynamodb.close()


def test_its_account_is_not_the_one_in_the_emulator_s_arns(site: Site) -> None:
    """An endpoint's ARN and the ARN of the topic that it names are of two accounts."""
    assert site.topic.split(":")[4] == "000000000000"
    endpoint = site.sagemaker.describe_endpoint(EndpointName=site.name)
    assert endpoint["EndpointArn"].split(":")[4] == ACCOUNT_ID
    hear = site.subscribe()
    site.end_of(site.submit(b"hello"))
    wait_until(hear)


def test_one_that_loads_its_services_when_asked_is_waited_for_at_the_start(tmp_path: Path) -> None:
    with localstack(eager=False) as lazy, run_emulator(lazy.url, tmp_path) as running:
        assert running.admin("/health")["store"]["reachable"]
