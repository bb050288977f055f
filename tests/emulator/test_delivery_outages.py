"""S3 and DynamoDB refuse or hang for a while: what was accepted is kept and ended, and nothing spins."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.protocol.errors import UnavailableError
from tests.support.harness import Harness, drive, settings_for, spec_for, until
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.assumed

MOST_CALLS = 12
"""Of one request while AWS is away for three seconds: pauses double, from 0.1 s."""


@pytest.fixture
def relay(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The way to every AWS service."""
    made = Relay(aws)
    made.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.resume()
    made.stop()


@pytest.fixture
def s3_relay(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The way to S3 alone; all others are direct."""
    made = Relay(aws)
    made.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", made.url)
    yield made
    made.resume()
    made.stop()


def calls(harness: Harness, service: str) -> int:
    return sum(count for name, count in harness.writes().items() if name.startswith(service))


async def calls_of_three_seconds(harness: Harness, service: str) -> int:
    """What is asked of a service that is away; that it is asked at all is waited for."""
    before = calls(harness, service)
    await until(lambda: calls(harness, service) > before)
    begun = calls(harness, service)
    await asyncio.sleep(3.0)
    return calls(harness, service) - begun


def test_results_wait_for_s3_while_new_requests_are_accepted(
    aws: str, tmp_path: Path, s3_relay: Relay
) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        s3_relay.stop()
        requests = [await harness.submit(spec, b"%d" % number) for number in range(6)]
        # With one slot, two answers at most are in hand: the rest waits undelivered.
        await until(lambda: deliveries.exists() and len(deliveries.read_text().split()) == 2)
        assert await calls_of_three_seconds(harness, "s3") <= 2 * MOST_CALLS
        assert len(deliveries.read_text().split()) == 2
        s3_relay.start()
        for request in requests:
            assert (await harness.ended(request, 30))["fence"] == "1"
            assert harness.result(request)["Body"] == request.body
        assert sorted(deliveries.read_text().split()) == sorted(one.inference_id for one in requests)

    drive(aws, settings_for(tmp_path), scenario, s3_url=aws)


def test_an_input_is_asked_for_until_s3_is_back(aws: str, tmp_path: Path, s3_relay: Relay) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.s3.put_object(Bucket=harness.bucket, Key="in", Body=b"in the end")
        s3_relay.stop()
        request = await harness.submit(spec, input_location=f"s3://{harness.bucket}/in")
        assert await calls_of_three_seconds(harness, "s3") <= MOST_CALLS
        assert harness.record(request)["state"] == "running"
        s3_relay.start()
        assert (await harness.ended(request, 30))["state"] == "completed"
        assert harness.result(request)["Body"] == b"in the end"

    drive(aws, settings_for(tmp_path), scenario, s3_url=aws)


def test_requests_that_expire_in_an_outage_end_as_expired_after_it(
    aws: str, tmp_path: Path, relay: Relay
) -> None:
    clock = manual_clock()

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        requests = [await harness.submit(spec, ttl_seconds=60) for _ in range(12)]
        relay.stop()
        await clock.advance(61)
        # Eight threads end what has expired; the rest waits for them.
        assert await calls_of_three_seconds(harness, "dynamodb") <= 8 * MOST_CALLS
        relay.start()
        harness.look_at(aws)
        for request in requests:
            assert (await harness.ended(request, 60))["state"] == "expired"
            assert harness.result(request)["failed"]

    drive(relay.url, settings_for(tmp_path), scenario, clock)


def test_requests_are_refused_at_once_while_dynamodb_refuses(aws: str, tmp_path: Path, relay: Relay) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        await harness.ended(await harness.submit(spec))
        # A record is written before its call is counted.
        await until(lambda: not harness.dispatcher.running_count)
        relay.stop()
        refused = [harness.request(spec) for _ in range(5)]
        begun, before = time.monotonic(), calls(harness, "dynamodb")
        for request in refused:
            with pytest.raises(UnavailableError, match="DynamoDB"):
                await harness.queue.accept(request)
        # The SDK's own second try is all that each waits for.
        assert time.monotonic() - begun < 5 * 5.0
        assert calls(harness, "dynamodb") - before == len(refused)
        relay.start()
        harness.look_at(aws)
        await harness.ended(await harness.submit(spec), 30)
        for request in refused:
            assert harness.queue.table.get(request.request_id) is None

    drive(relay.url, settings_for(tmp_path), scenario)


def test_the_queue_goes_on_where_it_was_after_dynamodb_hung(aws: str, tmp_path: Path, relay: Relay) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        requests = [await harness.submit(spec, b"%d" % number) for number in range(8)]
        relay.pause()
        await harness.fleets.start(spec)
        before = calls(harness, "dynamodb")
        await asyncio.sleep(1.0)
        assert calls(harness, "dynamodb") - before <= MOST_CALLS
        relay.resume()
        harness.look_at(aws)
        for request in requests:
            assert (await harness.ended(request, 60))["state"] == "completed"
        assert deliveries.read_text().split() == [request.inference_id for request in requests]

    drive(relay.url, settings_for(tmp_path), scenario)
