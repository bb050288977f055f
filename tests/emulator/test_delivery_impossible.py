"""What can never succeed fails its request; what went wrong after the object was written changes nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.delivery import completion
from meshtwin.emulator.sagemaker.delivery.dispatcher import Dispatcher
from meshtwin.emulator.sagemaker.meter import Metric
from meshtwin.emulator.sagemaker.queue.table import RequestTable
from tests.support.harness import Harness, drive, settings_for, spec_for, until

if TYPE_CHECKING:
    from pathlib import Path

    from meshtwin.emulator.sagemaker.delivery.delivery import Delivery

pytestmark = pytest.mark.assumed

IMPOSSIBLE = [
    "s3://{bucket}/k",
    "s3://a b/k",
    "s3://user@b:8080/k",
    "s3://\u00fc/k",
    "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/k",
    "s3://arn:aws:s3:us-east-1:123456789012:accesspoint:ap/k",
    "https://{bucket}.s3.amazonaws.com/k",
]


def test_impossible_buckets_fail_their_requests_and_hold_no_slot(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        inputs = [await harness.submit(spec, None, input_location=uri) for uri in IMPOSSIBLE]
        outputs = [
            await harness.submit(spec, output_location=uri)
            for uri in IMPOSSIBLE
            if not uri.startswith("https")
        ]
        neither = await harness.submit(spec, output_location=IMPOSSIBLE[0], failure_location=IMPOSSIBLE[1])
        good = await harness.submit(spec)
        assert (await harness.ended(good, 60))["state"] == "completed"
        objects = harness.objects()
        for request, words in [(one, "read the input|download the input") for one in inputs] + [
            (one, "upload to") for one in outputs
        ]:
            record = harness.record(request)
            assert record["state"] == "failed"
            assert any(f"Unable to {word}" in record["reason"] for word in words.split("|"))
            found = objects[f"failed/{request.request_id}-error.out"]
            # S3 gives metadata back as it came: one line.
            assert found["Metadata"]["meshtwin-failure-reason"].startswith("ClientError: Unable to ")
        assert harness.record(neither)["state"] == "failed"

    drive(aws, settings_for(tmp_path), scenario)


def test_an_error_after_the_object_is_written_makes_no_other_object(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, errors = RequestTable.end, [RuntimeError("once")]

    def fails_once(*args: Any, **kwargs: Any) -> None:
        if errors:
            raise errors.pop()
        end(*args, **kwargs)

    def no_notice(*_: object) -> str:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(RequestTable, "end", fails_once)
    monkeypatch.setattr(completion, "build_notice", no_notice)
    monkeypatch.setattr(completion, "topic_for", lambda *_: ("arn:aws:sns:us-east-1:1:t", False))

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        request = await harness.submit(spec)
        assert (await harness.ended(request))["state"] == "completed"
        assert not harness.result(request)["failed"]
        assert harness.meter.of(spec.endpoint_name, Metric.NOTIFICATION_FAILURES) > 0

    drive(aws, settings_for(tmp_path), scenario)


def test_a_container_that_is_not_ready_does_not_swallow_the_queue(aws: str, tmp_path: Path) -> None:
    """Its worker has died: it says 503 at once, to /ping and to whatever it is sent, and is back later."""
    gone = tmp_path / "gone"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"UNREADY_WHILE": str(gone)})
        await harness.fleets.start(spec)
        await harness.ended(await harness.submit(spec))
        gone.touch()
        requests = [await harness.submit(spec, b"%d" % number) for number in range(20)]
        await until(lambda: not harness.running_fleets.healthy_count(spec.endpoint_name))
        gone.unlink()
        for request in requests:
            assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path, ping_failures=1000), scenario)


def test_a_cancellation_is_answered_while_its_end_cannot_be_recorded(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtwin.emulator.sagemaker.delivery.dispatcher._CANCEL_SECONDS", 0.1)

    claim, away = RequestTable.claim, threading.Event()
    away.set()

    def claims(*args: Any, **kwargs: Any) -> Any:
        if away.is_set():
            raise UnavailableError("away")
        return claim(*args, **kwargs)

    monkeypatch.setattr(RequestTable, "claim", claims)

    async def scenario(harness: Harness) -> None:
        request = await harness.submit(spec_for())
        await harness.dispatcher.cancel(request.request_id)
        assert harness.record(request)["state"] == "queued"
        assert harness.dispatcher.awaited_count == 0
        away.clear()
        assert (await harness.ended(request))["state"] == "cancelled"

    drive(aws, settings_for(tmp_path), scenario)


def test_deadlines_are_kept_after_an_error_in_what_keeps_them(aws: str, tmp_path: Path) -> None:
    """And a request for which no thread could be started runs once there can be one."""

    async def scenario(harness: Harness) -> None:
        dispatcher: Any = harness.dispatcher
        threads = dispatcher._ending_threads
        real, errors = threads._adjust_thread_count, [RuntimeError("can't start new thread")] * 2

        def fails_at_first() -> None:
            if errors:
                raise errors.pop()
            real()

        threads._adjust_thread_count = fails_at_first
        ring, failures = dispatcher._deadlines._ring, [RuntimeError("whatever")]

        def rings() -> float:
            if failures:
                raise failures.pop()
            return float(ring())

        dispatcher._deadlines._ring = rings
        request = await harness.submit(spec_for(), ttl_seconds=0)
        assert (await harness.ended(request))["state"] == "expired"
        assert not errors
        assert not failures

    drive(aws, settings_for(tmp_path), scenario)


def test_what_waits_is_started_after_an_error_in_what_starts_it(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError("whatever")]
    begin = Dispatcher._begin

    def fails_at_first(dispatcher: Dispatcher, delivery: Delivery) -> None:
        if failures:
            raise failures.pop()
        begin(dispatcher, delivery)

    async def scenario(harness: Harness) -> None:
        specs = [spec_for(concurrency=2) for _ in range(4)]
        for spec in specs:
            await harness.fleets.start(spec)
        monkeypatch.setattr(Dispatcher, "_begin", fails_at_first)
        requests = await asyncio.gather(*map(harness.submit, specs))
        # The one whose start failed is found by the patrol; the others are started at once.
        for request in requests:
            assert (await harness.ended(request))["state"] == "completed"
        assert not failures

    drive(aws, settings_for(tmp_path, patrol_seconds=0.2), scenario)
