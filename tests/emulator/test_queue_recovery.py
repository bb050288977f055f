"""What an emulator leaves behind when it dies, the next one finds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.queue import queue
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State
from meshtwin.emulator.sagemaker.queue.retention import Retention
from meshtwin.emulator.sagemaker.queue.table import RequestTable, StaleClaimError
from tests.support.harness import Harness, drive, running, settings_for, spec_for, until
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshtwin.emulator.sagemaker.queue.table import Claim

pytestmark = pytest.mark.assumed

EARLIER = "another-host:1:00000000"


SELDOM = 3e6
"""The patrol goes round when a test tells it to."""


def claim_as(harness: Harness, owner: str, request: AsyncRequest) -> Claim:
    """Leave the request running, as another emulator would that was killed."""
    table = RequestTable(harness.aws, harness.queue.table.name, owner)
    return table.claim(request.endpoint_name, Entry(0, request.request_id, request.expires_at))


def test_queued_requests_are_queued_again_in_their_order(aws: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    deliveries = tmp_path / "deliveries"
    spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})

    async def main() -> None:
        async with running(aws, settings) as first:
            requests = [await first.submit(spec) for _ in range(20)]
        async with running(aws, settings, bucket=first.bucket) as second:
            assert len(second.queue.backlog(spec.endpoint_name)) == 20
            later = await second.submit(spec)
            await second.fleets.start(spec)
            for request in [*requests, later]:
                assert (await second.ended(request))["fence"] == "1"
        expected = [request.inference_id for request in [*requests, later]]
        assert deliveries.read_text().split() == expected

    asyncio.run(main())


def test_a_request_running_at_the_close_is_queued_again(aws: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    gate = tmp_path / "gate"
    spec = spec_for("script")

    async def main() -> None:
        async with running(aws, settings) as first:
            await first.fleets.start(spec)
            request = await first.submit(spec, f"wait {gate}".encode())
            await until(lambda: first.record(request)["state"] == "running")
        async with running(aws, settings, bucket=first.bucket) as second:
            assert second.record(request)["state"] == "queued"
            gate.touch()
            await second.fleets.start(spec)
            assert (await second.ended(request))["state"] == "completed"

    asyncio.run(main())


def test_what_an_earlier_emulator_left_running_is_delivered_at_once(aws: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    clock = manual_clock()
    spec = spec_for()

    async def main() -> None:
        async with running(aws, settings, clock) as first:
            request = await first.submit(spec)
            claim_as(first, EARLIER, request)
        async with running(aws, settings, clock, bucket=first.bucket) as second:
            await second.fleets.start(spec)
            assert (await second.ended(request))["fence"] == "2"
            assert second.result(request)["Body"] == b"hello"

    asyncio.run(main())


def test_a_write_that_lands_after_the_start_is_found_and_what_is_in_hand_is_left_alone(
    aws: str, tmp_path: Path
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        waiting = await harness.submit(spec)
        late, refused = harness.request(spec), harness.request(spec)
        for position, request in enumerate((late, refused)):
            harness.queue.table.put(request, position + 1)
        harness.queue.uncertain.add(refused.request_id, None)
        backlog = harness.queue.backlog(spec.endpoint_name)
        await harness.patrol.check()
        assert backlog.request_ids() == [waiting.request_id]
        await harness.patrol.check()
        assert sorted(backlog.request_ids()) == sorted([waiting.request_id, late.request_id])

    drive(aws, settings_for(tmp_path, patrol_seconds=SELDOM), scenario)


def test_a_request_that_this_emulator_lost_sight_of_is_delivered_again(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        request = await harness.submit(spec)
        claim_as(harness, harness.queue.table.owner, request)
        backlog = harness.queue.backlog(spec.endpoint_name)
        backlog.pop_all()
        monkeypatch.setattr(harness.dispatcher, "is_running", lambda _: True)
        await harness.patrol.check()
        assert not len(backlog)
        monkeypatch.setattr(harness.dispatcher, "is_running", lambda _: False)
        await harness.patrol.check()
        found = backlog.pop()
        assert found is not None
        assert (found.request_id, found.fence) == (request.request_id, 1)

    drive(aws, settings_for(tmp_path, patrol_seconds=SELDOM), scenario)


def test_an_object_that_was_written_before_the_crash_is_not_made_again(aws: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    deliveries = tmp_path / "deliveries"
    spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})

    async def main() -> None:
        async with running(aws, settings) as first:
            done = await first.submit(spec)
            failed = await first.submit(spec)
            foreign = await first.submit(spec)
            for request, location, request_id in (
                (done, done.output_location, done.request_id),
                (failed, failed.failure_location, failed.request_id),
                # Two requests with one Filename: this one's object is not written yet.
                (foreign, foreign.output_location, "another"),
            ):
                claim_as(first, EARLIER, request)
                assert location is not None
                first.s3.put_object(
                    Bucket=first.bucket,
                    Key=location.split("/", 3)[3],
                    Body=b"before the crash",
                    Metadata={"meshtwin-request-id": request_id, "meshtwin-failure-reason": "why"},
                )
        async with running(aws, settings, bucket=first.bucket) as second:
            await second.fleets.start(spec)
            assert (await second.ended(done))["state"] == "completed"
            record = await second.ended(failed)
            assert (record["state"], record["reason"]) == ("failed", "why")
            assert (await second.ended(foreign))["state"] == "completed"
            assert second.result(done)["Body"] == b"before the crash"
            assert second.result(failed)["Body"] == b"before the crash"
            assert second.result(foreign)["Body"] == b"hello"
            assert deliveries.read_text().split() == [foreign.inference_id]

    asyncio.run(main())


def test_requests_of_an_endpoint_that_never_returns_expire(aws: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    clock = manual_clock()
    spec = spec_for()

    async def main() -> None:
        async with running(aws, settings, clock) as first:
            request = await first.submit(spec, ttl_seconds=600)
        async with running(aws, settings, clock, bucket=first.bucket) as second:
            await clock.advance(600)
            assert (await second.ended(request))["state"] == "expired"
            assert second.result(request)["failed"]
        async with running(aws, settings, clock, bucket=first.bucket) as third:
            # A name without requests is taken out, so that names do not pile up; not at the first look, for
            # an index may be late.
            await third.patrol.check()
            assert third.queue.table.registered() == [spec.endpoint_name]
            await third.patrol.check()
            assert third.queue.table.registered() == []

    asyncio.run(main())


def test_an_ended_request_keeps_its_body_for_a_replay_and_is_deleted_in_time(
    aws: str, tmp_path: Path
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"x" * 128_000)
        record = await harness.ended(request)
        assert record["body"] == b"x" * 128_000
        assert record["endpoint_state"].endswith("#" + record["state"])
        kept = int(record["forget_at"]) - float(record["ended_at"])
        assert kept == pytest.approx(harness.settings.retention_seconds, abs=2)
        assert harness.result(request)["Body"] == b"x" * 128_000

    drive(aws, settings_for(tmp_path), scenario)


def test_records_whose_time_is_over_are_deleted_where_the_store_does_not_do_so(
    aws: str, tmp_path: Path
) -> None:
    clock = manual_clock()

    async def scenario(harness: Harness) -> None:
        spec, table = spec_for(), harness.queue.table
        old, young, waiting = [await harness.submit(spec) for _ in range(3)]
        for request, now in ((old, 0.0), (young, 60.0)):
            claim = claim_as(harness, "first", request)
            RequestTable(harness.aws, table.name, "first").end(
                claim, State.COMPLETED, reason=None, now=clock.now() + now, delete_at=0
            )
        await clock.advance(100)
        retention = Retention(table, harness.aws, clock, 100.0)
        retention.sweep()
        assert table.present([old.request_id, young.request_id, waiting.request_id]) == {
            young.request_id,
            waiting.request_id,
        }
        await clock.advance(60)
        retention.sweep()
        # The endpoint is still asked for while a request of it waits.
        assert table.registered("kept") == [spec.endpoint_name]
        table.delete(waiting.request_id)
        table.unregister([spec.endpoint_name])
        retention.sweep()
        assert table.registered("kept") == []

    drive(aws, settings_for(tmp_path), scenario, clock)


def test_a_store_that_hangs_is_unavailable_and_a_late_write_is_undone(
    tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_ACCEPT_SECONDS", 0.3)

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        await harness.ended(await harness.submit(spec))
        relay.pause()
        request = harness.request(spec)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            await harness.queue.accept(request)
        # The SDK alone would have waited for 3 s before it tried again.
        assert time.monotonic() - begun < 3.0
        relay.resume()
        await until(lambda: not harness.dispatcher.running_count)
        await until(lambda: harness.writes().get("dynamodb.DeleteItem"))
        assert harness.queue.table.get(request.request_id) is None
        assert len(harness.objects()) == 1
        await harness.ended(await harness.submit(spec))

    drive(relay.url, settings_for(tmp_path), scenario)


@pytest.mark.usefixtures("aws")
def test_a_late_owner_is_refused() -> None:
    client = Aws("us-east-1")
    try:
        first = RequestTable(client, "late-owner-requests", "first")
        second = RequestTable(client, "late-owner-requests", "second")
        first.create()
        first.create()
        request = spec_request()
        first.put(request, 7)
        (entry,) = first.queued("e")
        held = first.claim("e", entry)
        # An answer that was lost: the same write again does the same.
        assert first.claim("e", entry) == held
        with pytest.raises(StaleClaimError):
            second.claim("e", entry)
        (running_one,) = second.running("e")
        second.take_over(running_one, 2.0)
        taken = second.claim("e", running_one.entry)
        assert taken.fence == held.fence + 1
        first.restore(held, 90.0, lambda: True)
        assert [one.owner for one in second.running("e")] == ["second"]
        with pytest.raises(StaleClaimError):
            first.put_back(held)
        with pytest.raises(StaleClaimError):
            first.end(held, State.COMPLETED, reason=None, now=1.0, delete_at=2.0)
        second.end(taken, State.COMPLETED, reason=None, now=1.0, delete_at=2.0)
        second.end(taken, State.COMPLETED, reason=None, now=1.0, delete_at=2.0)
        with pytest.raises(StaleClaimError):
            second.end(taken, State.FAILED, reason="late", now=1.0, delete_at=2.0)
        assert not first.queued("e")
        assert not first.running("e")
    finally:
        client.close()


def spec_request() -> AsyncRequest:
    return AsyncRequest(
        request_id="r",
        endpoint_name="e",
        inference_id="i",
        received_at=1.0,
        ttl_seconds=60,
        timeout_seconds=60,
        output_location="s3://b/r.out",
        input_location="s3://b/in",
    )


@pytest.fixture
def relay(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    made = Relay(aws)
    made.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.stop()
