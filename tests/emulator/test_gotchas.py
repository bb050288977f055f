"""What goes wrong in the field on asynchronous endpoints: each is shown here, or prevented."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import client, create_endpoint, make_endpoint, refusal, status_of
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Made, Running, Start


@pytest.fixture
def made(sagemaker: SageMakerClient, moto_url: str, name: str) -> Made:
    return make_endpoint(sagemaker, moto_url, name)


@pytest.fixture
def store(moto_url: str) -> Iterator[S3Client]:
    s3 = client("s3", moto_url)
    yield s3
    s3.close()


@pytest.fixture
def faults(emulator: Running) -> Iterator[Any]:
    """Adds rules, which are gone at the end."""
    yield lambda **rule: emulator.admin("/faults", rule)
    emulator.admin("/faults", method="DELETE")


def submit(runtime: SageMakerRuntimeClient, name: str, **arguments: Any) -> str:
    """The request id of an accepted call."""
    answer = runtime.invoke_endpoint_async(EndpointName=name, **({"Body": b"hello"} | arguments))
    return answer["OutputLocation"].rpartition("/")[2].removesuffix(".out")


def end_of(emulator: Running, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = emulator.admin(f"/requests/{request_id}/await?timeout=20")
    assert found["ended"], found
    return found


def test_gotcha_01_a_chunked_answer_fails(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, faults: Any
) -> None:
    faults(place="container", effect="chunked", endpoint=made.name, times=1)
    end = end_of(emulator, submit(runtime, made.name))
    assert end["state"] == "failed"
    line = "The response from container primary did not specify the required Content-Length header"
    assert line in emulator.log.read_text()


def test_gotcha_03_requests_can_be_listed_looked_at_awaited_and_cancelled(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, faults: Any
) -> None:
    faults(place="container", effect="hang", endpoint=made.name, times=1)
    running, waiting = submit(runtime, made.name), submit(runtime, made.name)
    wait_until(lambda: emulator.admin(f"/requests/{running}")["exchanges"])
    listed = emulator.admin(f"/requests?endpoint={made.name}")["requests"]
    assert {one["request_id"]: one["state"] for one in listed} == {running: "running", waiting: "queued"}
    assert not emulator.admin(f"/requests/{waiting}/await?timeout=0")["ended"]
    for request_id in (waiting, running):
        cancelled = emulator.admin(f"/requests/{request_id}/cancel", {})
        assert cancelled["state"] == "cancelled"
        assert cancelled["reason"] == "InternalFailure: invocation cancelled"
    refused = emulator.send(f"/_emulator/requests/{waiting}/cancel")
    assert (refused.status, refused.json["error"]["code"]) == (409, "Conflict")


def test_gotcha_04_a_repeated_call_is_run_again(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, store: S3Client
) -> None:
    found = []
    for content in (b"one", b"two"):
        store.put_object(Bucket=made.bucket, Key="in", Body=content)
        location = submit_location(runtime, made.name, InputLocation=f"s3://{made.bucket}/in")
        end_of(emulator, location.rpartition("/")[2].removesuffix(".out"))
        with store.get_object(Bucket=made.bucket, Key=location.split("/", 3)[3])["Body"] as body:
            found.append(body.read())
    assert found == [b"one", b"two"]


def submit_location(runtime: SageMakerRuntimeClient, name: str, **arguments: Any) -> str:
    return str(runtime.invoke_endpoint_async(EndpointName=name, **arguments)["OutputLocation"])


@pytest.mark.parametrize(
    ("way", "state", "objects"), [("requeue", "queued", 0), ("fail", "failed", 1), ("lose", "failed", 0)]
)
def test_gotcha_07_a_scale_in_during_a_request_is_a_setting(
    start_emulator: Start, moto_url: str, name: str, way: str, state: str, objects: int
) -> None:
    options = ("--set", f"on_instance_loss={way}", "--set", "stop_grace=0.2")
    with start_emulator(options=options) as running:
        endpoint = f"{name}-{way}"
        sagemaker, runtime = running.client("sagemaker"), running.client("sagemaker-runtime")
        made = make_endpoint(sagemaker, moto_url, endpoint)
        running.admin("/faults", {"place": "container", "effect": "hang", "times": 1})
        request_id = submit(runtime, made.name)
        wait_until(lambda: running.admin(f"/requests/{request_id}")["exchanges"])
        pid = running.admin("/instances")["instances"][0]["pid"]
        wanted = [{"VariantName": "v", "DesiredInstanceCount": 0}]
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=made.name, DesiredWeightsAndCapacities=wanted
        )
        wait_until(lambda: running.admin(f"/requests/{request_id}")["state"] == state, 20)
        wait_until(lambda: not alive(pid))
        s3 = client("s3", moto_url)
        written = s3.list_objects_v2(Bucket=made.bucket).get("KeyCount", 0)
        assert written == objects
        for used in (s3, sagemaker, runtime):
            used.close()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def strict(start_emulator: Start) -> Iterator[Running]:
    """Refuses what can be told to be refused; its clock stands still."""
    refusals = ("--set", "inline_body=false", "--set", "refused_images=^marketplace/")
    with start_emulator(options=("--speed", "0", *refusals)) as running:
        yield running


def test_gotcha_08_a_body_is_refused_where_the_service_takes_none(
    strict: Running, moto_url: str, name: str
) -> None:
    sagemaker, runtime = strict.client("sagemaker"), strict.client("sagemaker-runtime")
    make_endpoint(sagemaker, moto_url, name)
    with pytest.raises(ClientError, match="Member must have length less than or equal to 0"):
        runtime.invoke_endpoint_async(EndpointName=name, Body=b"x")
    for used in (sagemaker, runtime):
        used.close()


def test_gotcha_11_a_request_can_be_made_to_end_in_neither_object(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, faults: Any, store: S3Client
) -> None:
    faults(place="end", effect="neither", endpoint=made.name, times=1)
    assert end_of(emulator, submit(runtime, made.name))["state"] == "failed"
    assert store.list_objects_v2(Bucket=made.bucket)["KeyCount"] == 0


def test_gotcha_12_a_request_near_its_timeout_is_warned_of(
    strict: Running, moto_url: str, store: S3Client, name: str
) -> None:
    sagemaker, runtime = strict.client("sagemaker"), strict.client("sagemaker-runtime")
    made = make_endpoint(sagemaker, moto_url, name)
    strict.admin("/faults", {"place": "container", "effect": "hang", "times": 1, "endpoint": name})
    store.put_object(Bucket=made.bucket, Key="in", Body=b"x")
    request_id = submit_location(runtime, name, InputLocation=f"s3://{made.bucket}/in")
    request_id = request_id.rpartition("/")[2].removesuffix(".out")
    wait_until(lambda: strict.admin(f"/requests/{request_id}")["exchanges"])
    strict.advance(0.7 * 900)
    assert "invocation_near_timeout" not in strict.log.read_text()
    strict.advance(0.2 * 900)
    wait_until(lambda: "invocation_near_timeout" in strict.log.read_text())
    strict.advance(0.2 * 900)
    assert end_of(strict, request_id)["state"] == "failed"
    for used in (sagemaker, runtime):
        used.close()


def test_gotcha_14_a_request_can_be_delivered_twice_and_ends_once(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, faults: Any, store: S3Client
) -> None:
    faults(place="delivery", effect="duplicate", endpoint=made.name, times=1)
    end = end_of(emulator, submit(runtime, made.name))
    assert len(end["exchanges"]) == 2
    assert store.list_objects_v2(Bucket=made.bucket)["KeyCount"] == 1


def test_gotcha_15_a_region_without_async_fails_at_create_endpoint(start_emulator: Start, name: str) -> None:
    with start_emulator(options=("--set", "allowed_regions=eu-west-1 eu-west-2")) as running:
        sagemaker = running.client("sagemaker")
        with pytest.raises(ClientError, match="One or more endpoint features are not supported"):
            create_endpoint(sagemaker, name, {"S3OutputPath": "s3://b/out"})
        sagemaker.close()


def test_gotcha_16_marketplace_images_are_refused(strict: Running, name: str) -> None:
    sagemaker = strict.client("sagemaker")
    with pytest.raises(ClientError, match="Marketplace images are not supported when specifying"):
        create_endpoint(sagemaker, name, {"S3OutputPath": "s3://b/out"}, image="marketplace/model:1")
    sagemaker.close()


def test_gotcha_17_what_the_container_got_can_be_read_word_for_word(
    emulator: Running, runtime: SageMakerRuntimeClient, made: Made, store: S3Client
) -> None:
    store.put_object(Bucket=made.bucket, Key="in.csv", Body=b"1,2,3")
    request_id = submit_location(
        runtime,
        made.name,
        InputLocation=f"s3://{made.bucket}/in.csv",
        ContentType="text/csv",
        CustomAttributes="a=b",
    )
    request_id = request_id.rpartition("/")[2].removesuffix(".out")
    [exchange] = end_of(emulator, request_id)["exchanges"]
    assert exchange["request_body"]["text"] == "1,2,3"
    assert (exchange["method"], exchange["path"], exchange["status"]) == ("POST", "/invocations", 200)
    headers = exchange["request_headers"]
    assert headers["Content-Type"] == "text/csv"
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "a=b"
    assert exchange["response_body"]["text"] == "1,2,3"


def test_gotcha_18_consumers_meet_test_notifications(
    sagemaker: SageMakerClient, moto_url: str, name: str
) -> None:
    sns, sqs = client("sns", moto_url), client("sqs", moto_url)
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    output = {"S3OutputPath": f"s3://{name}-bucket/out", "NotificationConfig": {"SuccessTopic": topic}}
    make_endpoint(sagemaker, moto_url, name, output=output)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v", "DesiredInstanceCount": 2}]
    )
    wait_until(lambda: status_of(sagemaker, name) == "InService", 20)
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_until(lambda: status_of(sagemaker, name) == "InService", 20)
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    names = [json.loads(json.loads(message["Body"])["Message"])["eventName"] for message in messages]
    assert names == ["TestNotification"] * 3
    for used in (sns, sqs):
        used.close()


def test_gotcha_21_recreating_right_after_a_deletion_is_refused(start_emulator: Start, name: str) -> None:
    options = ("--speed", "0", "--set", "deleting_seconds=60", "--set", "creating_seconds=120")
    with start_emulator(options=options) as running:
        sagemaker = running.client("sagemaker")
        create_endpoint(sagemaker, name, {"S3OutputPath": "s3://b/out"})
        assert "in-progress" in refusal(lambda: sagemaker.delete_endpoint(EndpointName=name))["Message"]
        running.advance(120)
        wait_until(lambda: status_of(sagemaker, name) == "InService")
        sagemaker.delete_endpoint(EndpointName=name)
        again = refusal(lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name))
        assert again["Message"].startswith("Cannot create already existing endpoint")
        running.advance(60)
        wait_until(lambda: status_of(sagemaker, name) == "Deleted")
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        sagemaker.close()


def test_gotcha_23_server_limits_left_at_real_time_defaults_are_named(
    emulator: Running, sagemaker: SageMakerClient, name: str
) -> None:
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": "echo", "Environment": {"TS_MAX_REQUEST_SIZE": "1000000000"}},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "v",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.g5.2xlarge",
            }
        ],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/out"}},
    )
    [line] = [found for found in emulator.log.read_text().splitlines() if name in found and "limits" in found]
    assert re.findall(r"TS_\w+", line) == ["TS_DEFAULT_RESPONSE_TIMEOUT", "TS_MAX_RESPONSE_SIZE"]


def test_gotcha_24_of_parallel_capacity_updates_one_wins(emulator: Running, made: Made) -> None:
    def rescale(count: int) -> int:
        wanted = [{"VariantName": "v", "DesiredInstanceCount": count}]
        params = {"EndpointName": made.name, "DesiredWeightsAndCapacities": wanted}
        return emulator.call("UpdateEndpointWeightsAndCapacities", params).status

    with ThreadPoolExecutor(3) as threads:
        assert sorted(threads.map(rescale, [2, 3, 2])) == [200, 400, 400]
