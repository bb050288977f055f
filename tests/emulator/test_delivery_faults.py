"""Faults strike whatever way a request takes; what is watched and counted is so on every way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.clock import manual_clock
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.schema import timeline_of
from tests.support.harness import Harness, drive, settings_for, spec_for, until

if TYPE_CHECKING:
    from pathlib import Path

    from meshtwin.emulator.sagemaker.fleet.spec import FleetSpec
    from meshtwin.emulator.sagemaker.queue.request import AsyncRequest

pytestmark = pytest.mark.assumed


def put_input(harness: Harness, content: bytes = b"from S3") -> str:
    harness.s3.put_object(Bucket=harness.bucket, Key="in/it", Body=content)
    return f"s3://{harness.bucket}/in/it"


async def submit_both_ways(harness: Harness, spec: FleetSpec, location: str) -> list[AsyncRequest]:
    """A request that has a slot from the start, and one that had to wait for the first instance."""
    waiting = await harness.submit(spec, input_location=location)
    await harness.fleets.start(spec)
    await harness.ended(waiting)
    at_once = await harness.submit(spec, input_location=location)
    await harness.ended(at_once)
    return [waiting, at_once]


def test_an_input_fails_by_rule_whether_or_not_its_request_waits(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        harness.faults.add({"place": "input", "effect": "fail", "message": "SlowDown (by rule)"})
        for request in await submit_both_ways(harness, spec, put_input(harness)):
            record = harness.record(request)
            assert record["state"] == "failed"
            assert "SlowDown (by rule)" in record["reason"]
        assert harness.meter.of(spec.endpoint_name, Metric.DOWNLOAD_FAILURES) == 2

    drive(aws, settings_for(tmp_path), scenario)


def test_each_request_is_measured_once_whether_or_not_it_waits(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await submit_both_ways(harness, spec, put_input(harness))
        # The record is written before the last of the numbers.
        await until(lambda: not harness.dispatcher.running_count)
        measured = {
            metric: harness.meter.of(spec.endpoint_name, metric)
            for metric in Metric
            if harness.meter.of(spec.endpoint_name, metric)
        }
        assert measured == dict.fromkeys(
            (
                Metric.PROCESSED,
                Metric.DOWNLOAD_LATENCY,
                Metric.UPLOAD_LATENCY,
                Metric.MODEL_LATENCY,
                Metric.TIME_IN_BACKLOG,
                Metric.TOTAL_PROCESSING_TIME,
            ),
            2,
        )

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.parametrize(
    ("status", "metric", "times"),
    [(404, Metric.CLIENT_ERRORS, 1), (302, Metric.SERVER_ERRORS, 1), (503, Metric.SERVER_ERRORS, 3)],
)
def test_a_containers_error_is_counted_once_with_all_its_retries(
    aws: str, tmp_path: Path, status: int, metric: Metric, times: int
) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"status %d" % status)
        assert (await harness.ended(request))["state"] == "failed"
        assert len(deliveries.read_text().split()) == times
        assert harness.meter.of(spec.endpoint_name, metric) == 1
        assert harness.meter.of(spec.endpoint_name, Metric.FAILURES) == 1

    drive(aws, settings_for(tmp_path, container_retries=2), scenario)


def test_a_retry_that_succeeds_ends_the_request_well(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.faults.add({"place": "container", "effect": "status", "status": 503, "times": 1})
        request = await harness.submit(spec, b"in the end")
        assert (await harness.ended(request))["state"] == "completed"
        assert harness.result(request)["Body"] == b"in the end"
        seen = [exchange.status for exchange in harness.dispatcher.exchanges.of(request.request_id)]
        assert seen == [503, 200]
        assert harness.meter.of(spec.endpoint_name, Metric.SERVER_ERRORS) == 0

    drive(aws, settings_for(tmp_path, container_retries=1), scenario)


def test_a_hanging_container_is_hung_until_the_timeout_on_the_clock(aws: str, tmp_path: Path) -> None:
    clock = manual_clock()

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.faults.add({"place": "container", "effect": "hang", "times": 1})
        request = await harness.submit(spec, timeout_seconds=60)
        await until(lambda: harness.dispatcher.exchanges.of(request.request_id))
        await clock.advance(59)
        assert harness.record(request)["state"] == "running"
        await clock.advance(1)
        assert "(0)" in (await harness.ended(request))["reason"]

    drive(aws, settings_for(tmp_path), scenario, clock)


def test_a_request_whose_input_is_slow_can_be_cancelled(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.faults.add({"place": "input", "effect": "delay", "seconds": 600, "times": 1})
        request = await harness.submit(spec, input_location=put_input(harness))
        await until(lambda: harness.faults.list()[0]["struck"])
        await asyncio.wait_for(harness.dispatcher.cancel(request.request_id), 10)
        assert harness.record(request)["state"] == "cancelled"
        assert harness.result(request)["Body"] == b"InternalFailure: invocation cancelled"
        after = await harness.submit(spec)
        assert (await harness.ended(after))["state"] == "completed"

    drive(aws, settings_for(tmp_path), scenario)


def test_the_end_is_awaited_and_whoever_awaits_leaves_nothing_behind(aws: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    async def scenario(harness: Harness) -> None:
        spec, dispatcher = spec_for("script"), harness.dispatcher
        await harness.fleets.start(spec)
        request = await harness.submit(spec, f"wait {gate}".encode())
        with pytest.raises(TimeoutError):
            await dispatcher.ended(request.request_id, 0.01)
        gate.touch()
        item = await dispatcher.ended(request.request_id, 20)
        assert item is not None
        assert item["state"]["S"] == "completed"
        again = await dispatcher.ended(request.request_id, 20)
        assert again is not None
        assert await dispatcher.ended("nobody's", 20) is None
        assert dispatcher.awaited_count == 0

    drive(aws, settings_for(tmp_path), scenario)


def test_an_end_that_nobody_here_has_written_is_noticed(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtwin.emulator.sagemaker.delivery.dispatcher._READ_SECONDS", 0.05)

    async def scenario(harness: Harness) -> None:
        # It neither waits nor runs here, as where the thread that was to report its end has failed.
        request, table = harness.request(spec_for()), harness.queue.table
        table.put(request, 1)
        entry = Entry(1, request.request_id, request.expires_at)
        claim = table.claim(request.endpoint_name, entry)
        waiting = asyncio.create_task(harness.dispatcher.ended(request.request_id, 20))
        await until(lambda: harness.dispatcher.awaited_count)
        table.end(claim, "completed", reason=None, now=1.0, delete_at=2_000_000_000)  # type: ignore[arg-type]
        item = await waiting
        assert item is not None
        assert "ended_at" in item

    drive(aws, settings_for(tmp_path), scenario)


def test_a_write_whose_answer_was_lost_leaves_one_line_in_the_timeline(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec, table = spec_for(), harness.queue.table
        request = replace(harness.request(spec), received_at=1.0)
        table.put(request, 1)
        (entry,) = table.queued(spec.endpoint_name)
        for _ in range(2):
            claim = table.claim(spec.endpoint_name, entry, now=2.0, instance_id="i-1")
        (held,) = table.running(spec.endpoint_name)
        table.take_over(held, now=3.0)
        claim = table.claim(spec.endpoint_name, claim.entry, now=4.0, instance_id="i-2")
        item = table.get(request.request_id)
        assert item is not None
        assert [(line["at"], line["event"]) for line in timeline_of(item)] == [
            (1.0, "accepted"),
            (2.0, "claimed"),
            (3.0, "taken over"),
            (4.0, "claimed"),
        ]

    drive(aws, settings_for(tmp_path), scenario)
