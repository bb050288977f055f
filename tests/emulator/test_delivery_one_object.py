"""S3 answers 500 for one object, whatever is asked of it, and serves all others: its request alone fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Harness, drive, settings_for, spec_for, until
from tests.support.s3_proxy import S3Proxy, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.assumed


@pytest.fixture
def proxy(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    with S3Proxy(aws).running() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
        yield running


def test_an_input_that_s3_cannot_read_holds_up_nobody(aws: str, tmp_path: Path, proxy: S3Proxy) -> None:
    proxy.faults["GET", "bad"] = refuse(500, "InternalError")

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        bad = await harness.submit(spec, input_location=f"s3://{harness.bucket}/bad")
        good = await harness.submit(spec, b"good")
        assert (await harness.ended(bad))["state"] == "failed"
        assert b"Unable to download the input" in harness.result(bad)["Body"]
        assert b"InternalError" in harness.result(bad)["Body"]
        assert (await harness.ended(good))["state"] == "completed"

    drive(aws, settings_for(tmp_path, object_patience=0), scenario)


def test_an_input_is_waited_for_where_s3_answers_nothing_else_either(
    aws: str, tmp_path: Path, proxy: S3Proxy
) -> None:
    proxy.faults["GET", "input"] = refuse(500, "InternalError")

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.s3.put_object(Bucket=harness.bucket, Key="input", Body=b"x")
        proxy.faults["HEAD", harness.bucket] = refuse(500, "InternalError")
        request = await harness.submit(spec, input_location=f"s3://{harness.bucket}/input")
        await until(lambda: ("HEAD", harness.bucket) in proxy.seen)
        del proxy.faults["GET", "input"]
        assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path, object_patience=0), scenario)


def test_a_result_that_s3_does_not_take_fails_once_it_has_taken_another_one(
    aws: str, tmp_path: Path, proxy: S3Proxy
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        bad = harness.request(spec)
        key = bad.output_location.rpartition("/")[2]
        proxy.faults["PUT", key] = refuse(500, "InternalError")
        await harness.queue.accept(bad)
        # More than one call of the SDK's makes: nobody knows yet that it is the object's fault.
        await until(lambda: proxy.seen.count(("PUT", key)) > 3)
        assert "ended_at" not in harness.record(bad)
        good = await harness.submit(spec)
        assert (await harness.ended(good))["state"] == "completed"
        assert (await harness.ended(bad))["state"] == "failed"
        assert harness.result(bad)["failed"]
        assert b"Unable to upload" in harness.result(bad)["Body"]

    drive(aws, settings_for(tmp_path, object_patience=0), scenario)


def test_an_object_that_cannot_be_read_counts_as_not_written(
    aws: str, tmp_path: Path, proxy: S3Proxy
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        request = await harness.submit(spec)
        proxy.faults["GET", request.output_location.rpartition("/")[2]] = refuse(500, "InternalError")
        entry = harness.queue.backlog(spec.endpoint_name).pop()
        assert entry is not None
        # As an emulator that is killed while it writes leaves it.
        claim = harness.queue.table.claim(spec.endpoint_name, entry)
        harness.queue.table.put_back(claim, harness.clock.now())
        harness.queue.push(spec.endpoint_name, claim.entry)
        await harness.fleets.start(spec)
        assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path, object_patience=0), scenario)
