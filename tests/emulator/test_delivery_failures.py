"""Failures: one object each, in SageMaker's words, and told apart by a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.sagemaker.delivery.outcome import CLOSED, LOST, NO_LENGTH, TIMED_OUT, failure_reason
from meshtwin.emulator.sagemaker.fleet.spec import FleetFailedError
from meshtwin.emulator.sagemaker.settings import OnInstanceLoss
from tests.support.harness import Harness, drive, settings_for, spec_for

if TYPE_CHECKING:
    from pathlib import Path

SERVER_ERROR_0 = (
    "ClientError: Received server error (0) from model. "
    "See the SageMaker Endpoint logs in your account for more information."
)


def fail(aws: str, folder: Path, body: bytes, **changes: object) -> tuple[dict[str, object], dict[str, str]]:
    """The failure object and the record of a request with this body."""
    found: list[tuple[dict[str, object], dict[str, str]]] = []

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        limits = {"timeout_seconds": 1} if body == b"hang" else {}
        request = await harness.submit(spec, body, **limits)
        record = await harness.ended(request)
        found.append((harness.result(request), record))
        # The endpoint goes on.
        after = await harness.submit(spec, b"after")
        assert (await harness.ended(after))["state"] == "completed"

    drive(aws, settings_for(folder, **changes), scenario)
    return found[0]


@pytest.mark.field_report("https://github.com/awslabs/osml-model-runner")
@pytest.mark.parametrize(("status", "side"), [(400, "client"), (413, "client"), (500, "server")])
def test_a_models_error_is_the_failure_object(aws: str, tmp_path: Path, status: int, side: str) -> None:
    result, record = fail(aws, tmp_path, f"status {status}".encode())
    assert result["failed"]
    assert result["Body"] == b'{"error": "as asked"}'
    assert result["ContentType"] == "application/json"
    assert record["state"] == "failed"
    assert record["reason"] == (
        f"ClientError: Received {side} error ({status}) from model. "
        "See the SageMaker Endpoint logs in your account for more information."
    )


@pytest.mark.field_report("https://github.com/deepjavalibrary/djl-serving/issues/2567")
@pytest.mark.parametrize("body", [b"chunked", b"nolength"])
def test_an_answer_without_its_length_is_refused(aws: str, tmp_path: Path, body: bytes) -> None:
    result, record = fail(aws, tmp_path, body)
    assert result["Body"] == NO_LENGTH.encode()
    assert record["reason"] == SERVER_ERROR_0


@pytest.mark.assumed
@pytest.mark.parametrize("body", [b"chunked", b"nolength"])
def test_it_passes_where_that_is_chosen(aws: str, tmp_path: Path, body: bytes) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        request = await harness.submit(spec, body)
        assert (await harness.ended(request))["state"] == "completed"
        assert harness.result(request)["Body"] == b"hello"

    drive(aws, settings_for(tmp_path, require_content_length=False), scenario)


@pytest.mark.assumed
def test_a_chunked_error_is_the_models_error(aws: str, tmp_path: Path) -> None:
    result, record = fail(aws, tmp_path, b"chunked 422")
    assert result["Body"] == b"hello"
    assert record["reason"] == failure_reason(422)


@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/issues/1119")
def test_a_request_that_takes_too_long_fails_as_timed_out(aws: str, tmp_path: Path) -> None:
    result, record = fail(aws, tmp_path, b"hang")
    assert result["Body"] == TIMED_OUT.encode()
    assert str(result["ContentType"]).startswith("text/plain")
    assert record["reason"] == SERVER_ERROR_0


@pytest.mark.assumed
@pytest.mark.parametrize("body", [b"close", b"short"])
def test_a_container_that_hangs_up_fails_the_request(aws: str, tmp_path: Path, body: bytes) -> None:
    result, record = fail(aws, tmp_path, body)
    assert result["Body"] == CLOSED.encode()
    assert record["reason"] == SERVER_ERROR_0
    assert record["fence"] == "1"


@pytest.mark.assumed
def test_a_request_that_kills_every_instance_ends(aws: str, tmp_path: Path) -> None:
    result, record = fail(aws, tmp_path, b"crash", max_deliveries=3, loss_seconds=20)
    assert result["Body"] == LOST.encode()
    assert record["fence"] == "3"


@pytest.mark.assumed
def test_a_lost_instance_may_fail_its_request(aws: str, tmp_path: Path) -> None:
    changes = {"on_instance_loss": OnInstanceLoss.FAIL, "loss_seconds": 20}
    result, record = fail(aws, tmp_path, b"crash", **changes)
    assert result["Body"] == LOST.encode()
    assert record["fence"] == "1"


@pytest.mark.assumed
def test_a_lost_instance_may_lose_its_request(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"crash")
        assert (await harness.ended(request))["state"] == "failed"
        assert harness.objects() == {}

    drive(aws, settings_for(tmp_path, on_instance_loss=OnInstanceLoss.LOSE, loss_seconds=20), scenario)


@pytest.mark.field_report("https://github.com/SuperCowPowers/workbench")
@pytest.mark.parametrize(
    ("location", "words"), [("s3://{}/none", "NoSuchKey"), ("s3://{}-none/key", "NoSuchBucket")]
)
def test_a_missing_input_fails_the_request(aws: str, tmp_path: Path, location: str, words: str) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        uri = location.format(harness.bucket)
        request = await harness.submit(spec, input_location=uri)
        record = await harness.ended(request)
        assert record["state"] == "failed"
        assert uri in record["reason"]
        assert words in record["reason"]
        result = harness.result(request)
        assert result["failed"]
        assert result["Body"].decode() == record["reason"]

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_an_output_that_is_refused_fails_the_request(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        request = await harness.submit(spec, output_location=f"s3://{harness.bucket}-none/key")
        record = await harness.ended(request)
        assert record["state"] == "failed"
        assert "NoSuchBucket" in record["reason"]
        assert harness.result(request)["failed"]

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/pull/3867")
def test_without_a_failure_path_there_is_no_failure_object(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"status 500", failure_location=None)
        assert (await harness.ended(request))["state"] == "failed"
        assert harness.objects() == {}

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_what_waits_for_a_deleted_endpoint_fails(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        running = await harness.submit(spec, b"hang")
        waiting = await harness.submit(spec)
        await harness.fleets.stop(spec.endpoint_name)
        record = await harness.ended(waiting)
        assert record["reason"] == f"InternalFailure: endpoint {spec.endpoint_name} was deleted"
        assert harness.result(waiting)["Body"].decode() == record["reason"]
        # What ran was lost with its instance.
        assert (await harness.ended(running))["state"] == "failed"

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_a_failed_endpoint_is_deleted_with_what_waits_for_it(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"PING_STATUS": "503"}, startup_timeout=0.2)
        request = await harness.submit(spec)
        with pytest.raises(FleetFailedError):
            await harness.fleets.start(spec)
        assert harness.record(request)["state"] == "queued"
        await harness.fleets.stop(spec.endpoint_name)
        assert "was deleted" in (await harness.ended(request))["reason"]

    drive(aws, settings_for(tmp_path), scenario)
