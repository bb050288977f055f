"""What a container answers is what lies in S3, once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.sagemaker.delivery import objects
from tests.support.harness import Harness, drive, settings_for, spec_for, until

if TYPE_CHECKING:
    from pathlib import Path

INVOKE = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html"


@pytest.mark.assumed
def test_every_request_has_one_result_for_few_calls(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for(concurrency=16)
        await harness.fleets.start(spec)
        requests = [harness.request(spec, str(n).encode()) for n in range(60)]
        await harness.accept_all(requests)
        for request in requests:
            record = await harness.ended(request)
            assert record["state"] == "completed"
            assert record["fence"] == "1"
        # A record is written before its call is counted.
        await until(lambda: not harness.dispatcher.running_count)
        found = await asyncio.to_thread(harness.objects)
        assert {value["Body"] for value in found.values()} == {str(n).encode() for n in range(60)}
        assert len(found) == 60
        calls = harness.writes()
        assert calls["s3.PutObject"] == 60
        assert calls["dynamodb.PutItem"] == 60
        # Claims and ends; and one for all, that notes the endpoint's name.
        assert calls["dynamodb.UpdateItem"] <= 2 * 60 + 1
        assert "dynamodb.Scan" not in calls

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_a_request_that_has_to_wait_costs_three_writes(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        waiting = [await harness.submit(spec) for _ in range(5)]
        before = harness.writes()
        assert before["dynamodb.PutItem"] == 5
        await harness.fleets.start(spec)
        for request in waiting:
            await harness.ended(request)
        await until(lambda: not harness.dispatcher.running_count)
        assert harness.writes()["dynamodb.UpdateItem"] - before["dynamodb.UpdateItem"] == 10
        assert harness.writes()["s3.PutObject"] == 5

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/issues/3100")
def test_the_result_has_the_containers_content_type(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        request = await harness.submit(spec, content_type="model/gltf-binary")
        await harness.ended(request)
        result = harness.result(request)
        assert result["ContentType"] == "model/gltf-binary"
        assert result["Metadata"] == {"meshtwin-request-id": request.request_id}
        assert not result["failed"]

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/blob/master/tests/integ")
@pytest.mark.parametrize(
    ("parameter", "of_object", "seen"),
    [
        ("text/csv", "image/png", "text/csv"),
        (None, "image/png", "image/png"),
        (None, None, "binary/octet-stream"),
    ],
)
def test_the_container_sees_the_parameters_type_or_the_objects(
    aws: str, tmp_path: Path, parameter: str | None, of_object: str | None, seen: str
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        typed: dict[str, Any] = {} if of_object is None else {"ContentType": of_object}
        harness.s3.put_object(Bucket=harness.bucket, Key="in/a b?#c", Body=b"headers", **typed)
        location = f"s3://{harness.bucket}/in/a b?#c"
        request = await harness.submit(
            spec,
            input_location=location,
            content_type=parameter,
            accept="application/json",
            custom_attributes="trace=1",
        )
        await harness.ended(request)
        headers = json.loads(harness.result(request)["Body"])
        assert headers["Content-Type"] == seen
        assert headers["Content-Length"] == "7"
        assert headers["Accept"] == "application/json"
        assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
        assert headers["X-Amzn-SageMaker-Inference-Id"] == request.inference_id
        assert headers["X-Amzn-SageMaker-Forwarded-Api"] == "InvokeEndpointAsync"

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.documented(INVOKE)
def test_bodies_larger_than_memory_go_through(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PART_BYTES", 5 * 1024 * 1024)
    body = bytes(range(256)) * 4096 * 12

    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        await harness.fleets.start(spec)
        harness.s3.put_object(Bucket=harness.bucket, Key="in", Body=body)
        request = await harness.submit(spec, input_location=f"s3://{harness.bucket}/in")
        assert (await harness.ended(request))["state"] == "completed"
        result = harness.result(request)
        assert result["Body"] == body
        assert result["Metadata"]["meshtwin-request-id"] == request.request_id
        assert harness.writes()["s3.UploadPart"] == 3

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.botocore_model
def test_the_result_is_encrypted_with_the_endpoints_key(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for(kms_key_id="arn:aws:kms:us-east-1:123456789012:key/abc")
        await harness.fleets.start(spec)
        request = await harness.submit(spec)
        await harness.ended(request)
        assert harness.result(request)["SSEKMSKeyId"].endswith("key/abc")

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_an_answer_without_content_is_an_empty_result(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for("script")
        await harness.fleets.start(spec)
        request = await harness.submit(spec, b"empty")
        assert (await harness.ended(request))["state"] == "completed"
        assert harness.result(request)["Body"] == b""

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_an_endpoint_works_on_no_more_than_its_concurrency(aws: str, tmp_path: Path) -> None:
    deliveries, gate = tmp_path / "deliveries", tmp_path / "gate"

    async def scenario(harness: Harness) -> None:
        environment = {"DELIVERIES": str(deliveries)}
        spec = spec_for("script", instance_count=2, concurrency=2, environment=environment)
        await harness.fleets.start(spec)
        requests = [await harness.submit(spec, f"wait {gate}".encode()) for _ in range(8)]
        await until(lambda: deliveries.exists() and len(deliveries.read_text().split()) == 4)
        assert len(harness.queue.backlog(spec.endpoint_name)) == 4
        gate.touch()
        for request in requests:
            assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.assumed
def test_what_came_first_is_delivered_first(aws: str, tmp_path: Path) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        requests = [await harness.submit(spec) for _ in range(20)]
        await harness.fleets.start(spec)
        for request in requests:
            await harness.ended(request)
        assert deliveries.read_text().split() == [request.inference_id for request in requests]

    drive(aws, settings_for(tmp_path), scenario)
