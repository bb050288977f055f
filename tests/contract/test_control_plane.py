"""Models, configurations and endpoints: what is kept, what is refused, and an endpoint's life."""

from __future__ import annotations

import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.support.emulator import (
    ACCOUNT_ID,
    client,
    create_endpoint,
    make_endpoint,
    refusal,
    status_of,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from tests.support.emulator import Made, Running, Start

DESCRIBE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"
EXISTING = "https://github.com/ministryofjustice/modernisation-platform-environments/pull/9383"
OPERATOR = "https://github.com/aws/amazon-sagemaker-operator-for-k8s"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT_ID}"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/service/execution"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:topic"


pytestmark = pytest.mark.operation(
    "CreateModel",
    "DescribeModel",
    "DeleteModel",
    "CreateEndpointConfig",
    "DescribeEndpointConfig",
    "DeleteEndpointConfig",
    "CreateEndpoint",
    "DescribeEndpoint",
    "DeleteEndpoint",
)


def variant(model: str, **more: Any) -> dict[str, Any]:
    given = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    return {**given, **more}


def serverless(model: str, memory: int) -> dict[str, Any]:
    config = {"MemorySizeInMB": memory, "MaxConcurrency": 5}
    return {"VariantName": "v", "ModelName": model, "ServerlessConfig": config}


def output_to(bucket: str) -> dict[str, Any]:
    return {"OutputConfig": {"S3OutputPath": f"s3://{bucket}/out"}}


@pytest.fixture
def model(sagemaker: SageMakerClient, name: str) -> str:
    """The name of a model."""
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": "echo"}, ExecutionRoleArn=ROLE)
    return name


@pytest.fixture
def config(sagemaker: SageMakerClient, model: str) -> str:
    """The name of an asynchronous configuration, and of its model."""
    sagemaker.create_endpoint_config(
        EndpointConfigName=model,
        ProductionVariants=[variant(model)],  # type: ignore[list-item]
        AsyncInferenceConfig=output_to("b"),  # type: ignore[arg-type]
    )
    return model


@pytest.mark.operation("CreateModel", "DescribeModel")
@pytest.mark.botocore_model
def test_a_model_is_described_as_it_was_created(sagemaker: SageMakerClient, name: str) -> None:
    given: dict[str, Any] = {
        "PrimaryContainer": {
            "Image": "registry/image:1",
            "Environment": {"KEY": "value", "EMPTY": ""},
            "ModelDataSource": {
                "S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
            },
        },
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    }
    created = sagemaker.create_model(ModelName=name, **given)
    assert created["ModelArn"] == f"{ARN}:model/{name}"
    found: dict[str, Any] = dict(sagemaker.describe_model(ModelName=name))
    assert {key: found[key] for key in given} == given
    assert abs((dt.datetime.now(dt.UTC) - found["CreationTime"]).total_seconds()) < 60


@pytest.mark.operation("CreateEndpointConfig", "DescribeEndpointConfig")
@pytest.mark.botocore_model
def test_a_configuration_is_described_as_it_was_created(sagemaker: SageMakerClient, model: str) -> None:
    given: dict[str, Any] = {
        "ProductionVariants": [variant(model, InitialVariantWeight=2.5, VolumeSizeInGB=512)],
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 1000},
            "OutputConfig": {
                "S3OutputPath": "s3://b/o",
                "S3FailurePath": "s3://b/f",
                "KmsKeyId": "alias/key",
                "NotificationConfig": {
                    "SuccessTopic": TOPIC,
                    "ErrorTopic": TOPIC,
                    "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
                },
            },
        },
        "DataCaptureConfig": {
            "InitialSamplingPercentage": 10,
            "DestinationS3Uri": "s3://b/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    }
    created = sagemaker.create_endpoint_config(EndpointConfigName=model, **given)
    assert created["EndpointConfigArn"] == f"{ARN}:endpoint-config/{model}"
    found: dict[str, Any] = dict(sagemaker.describe_endpoint_config(EndpointConfigName=model))
    assert {key: found[key] for key in given} == given


@pytest.mark.operation("CreateEndpointConfig", "DescribeEndpointConfig")
@pytest.mark.assumed
def test_a_member_newer_than_the_model_is_kept_and_given_back(emulator: Running, name: str) -> None:
    newer = {"Of2030": [{"A": 1.5, "B": None}]}
    params = {"ModelName": name, "PrimaryContainer": {"Image": "i", "Newer": newer}, "Newest": newer}
    assert emulator.call("CreateModel", params).status == 200
    found = emulator.call("DescribeModel", {"ModelName": name}).json
    assert found["Newest"] == found["PrimaryContainer"]["Newer"] == newer


@pytest.mark.operation("CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint")
@pytest.mark.documented(DESCRIBE)
def test_the_life_of_an_endpoint(sagemaker: SageMakerClient, config: str) -> None:
    created = sagemaker.create_endpoint(EndpointName=config, EndpointConfigName=config)
    assert created["EndpointArn"] == f"{ARN}:endpoint/{config}"
    creating = sagemaker.describe_endpoint(EndpointName=config)
    assert creating["EndpointStatus"] == "Creating"
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=config, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    found = sagemaker.describe_endpoint(EndpointName=config)
    assert found["EndpointStatus"] == "InService"
    assert found["EndpointConfigName"] == config
    assert found["AsyncInferenceConfig"] == output_to("b")
    (shown,) = found["ProductionVariants"]
    assert shown["VariantName"] == "v"
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (1, 1)
    assert shown["DeployedImages"][0]["SpecifiedImage"] == "echo"
    assert (shown["CurrentWeight"], shown["DesiredWeight"]) == (1.0, 1.0)
    assert found["CreationTime"] == creating["CreationTime"]
    assert found["LastModifiedTime"] >= creating["LastModifiedTime"]

    sagemaker.delete_endpoint(EndpointName=config)
    waiter = sagemaker.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=config, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert sagemaker.list_endpoints(NameContains=config)["Endpoints"] == []


@pytest.mark.operation("CreateEndpoint", "DescribeEndpoint")
@pytest.mark.documented(DESCRIBE)
def test_a_container_that_exits_fails_the_endpoint_with_a_reason(start_emulator: Start, name: str) -> None:
    with start_emulator(options=("--command", "broken=false")) as running:
        sagemaker = running.client("sagemaker")
        create_endpoint(sagemaker, name, {}, image="broken")
        wait_until(lambda: status_of(sagemaker, name) != "Creating")
        found = sagemaker.describe_endpoint(EndpointName=name)
        assert found["EndpointStatus"] == "Failed"
        assert "did not pass the ping health check" in found["FailureReason"]
        assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 0
        with pytest.raises(WaiterError):
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
        answer = running.send(f"/endpoints/{name}/async-invocations", body=b"{}")
        assert answer.json["Message"].endswith("not found.")
        sagemaker.delete_endpoint(EndpointName=name)
        wait_until(lambda: status_of(sagemaker, name) == "Deleted")
        sagemaker.close()


@pytest.mark.operation("DeleteEndpoint")
@pytest.mark.field_report(OPERATOR)
def test_an_endpoint_on_its_way_can_not_be_deleted(sagemaker: SageMakerClient, config: str) -> None:
    sagemaker.create_endpoint(EndpointName=config, EndpointConfigName=config)
    found = refusal(lambda: sagemaker.delete_endpoint(EndpointName=config))
    assert found["Message"] == f'Cannot update in-progress endpoint "{ARN}:endpoint/{config}".'


@pytest.mark.operation("CreateEndpoint")
@pytest.mark.field_report(EXISTING)
def test_a_second_endpoint_of_one_name_is_refused_in_any_case(
    sagemaker: SageMakerClient, endpoint: Made
) -> None:
    for name in (endpoint.name, endpoint.name.upper()):
        create = partial(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=endpoint.name)
        found = refusal(create)
        arn = f"{ARN}:endpoint/{endpoint.name.lower()}"
        assert found["Message"] == f'Cannot create already existing endpoint "{arn}".'


@pytest.mark.operation("CreateEndpointConfig")
@pytest.mark.field_report("https://github.com/awslabs/spot-tagging-bot-for-digital-assets/issues/2")
def test_a_second_configuration_of_one_name_is_refused(sagemaker: SageMakerClient, config: str) -> None:
    found = refusal(
        lambda: sagemaker.create_endpoint_config(
            EndpointConfigName=config.upper(),
            ProductionVariants=[variant(config)],  # type: ignore[list-item]
        )
    )
    arn = f"{ARN}:endpoint-config/{config}"
    assert found["Message"] == f'Cannot create already existing endpoint configuration "{arn}".'


@pytest.mark.operation("CreateModel")
@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk")
def test_a_second_model_of_one_name_is_refused(sagemaker: SageMakerClient, model: str) -> None:
    found = refusal(lambda: sagemaker.create_model(ModelName=model, PrimaryContainer={"Image": "i"}))
    assert found["Message"].startswith("Cannot create already existing model")


@pytest.mark.operation(
    "DescribeModel",
    "DeleteModel",
    "DescribeEndpointConfig",
    "DeleteEndpointConfig",
    "DescribeEndpoint",
    "DeleteEndpoint",
    "CreateEndpoint",
)
@pytest.mark.field_report(OPERATOR)
@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("describe_endpoint", {"EndpointName": "none"}, f'Could not find endpoint "{ARN}:endpoint/none".'),
        ("delete_endpoint", {"EndpointName": "none"}, f'Could not find endpoint "{ARN}:endpoint/none".'),
        (
            "describe_endpoint_config",
            {"EndpointConfigName": "None"},
            f'Could not find endpoint configuration "{ARN}:endpoint-config/none".',
        ),
        (
            "delete_endpoint_config",
            {"EndpointConfigName": "none"},
            f'Could not find endpoint configuration "{ARN}:endpoint-config/none".',
        ),
        (
            "create_endpoint",
            {"EndpointName": "none", "EndpointConfigName": "none"},
            f'Could not find endpoint configuration "{ARN}:endpoint-config/none".',
        ),
        ("describe_model", {"ModelName": "none"}, f'Could not find model "{ARN}:model/none".'),
        ("delete_model", {"ModelName": "none"}, f'Could not find model "{ARN}:model/none".'),
        (
            "create_endpoint_config",
            {"EndpointConfigName": "none", "ProductionVariants": [variant("none")]},
            f'Could not find model "{ARN}:model/none".',
        ),
    ],
)
def test_what_is_not_there_is_named(
    sagemaker: SageMakerClient, operation: str, params: dict[str, Any], message: str
) -> None:
    assert refusal(lambda: getattr(sagemaker, operation)(**params))["Message"] == message


@pytest.mark.operation("CreateEndpoint", "DescribeEndpoint")
@pytest.mark.field_report("https://github.com/aws/amazon-sagemaker-examples/issues/293")
def test_an_arn_has_its_name_in_lower_case_and_the_endpoint_keeps_its_own(
    sagemaker: SageMakerClient, endpoint: Made
) -> None:
    found = sagemaker.describe_endpoint(EndpointName=endpoint.name.lower())
    assert found["EndpointName"] == endpoint.name
    assert found["EndpointArn"] == f"{ARN}:endpoint/{endpoint.name.lower()}"


@pytest.mark.operation("DeleteModel", "DeleteEndpointConfig")
@pytest.mark.assumed
def test_configuration_and_model_of_an_endpoint_may_be_deleted(
    sagemaker: SageMakerClient, moto_url: str, name: str
) -> None:
    made = make_endpoint(sagemaker, moto_url, name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    assert sagemaker.describe_endpoint(EndpointName=made.name)["AsyncInferenceConfig"]
    assert sagemaker.list_models(NameContains=name)["Models"] == []
    assert sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"] == []


@pytest.mark.operation("CreateModel", "CreateEndpointConfig")
@pytest.mark.assumed
@pytest.mark.parametrize(
    ("operation", "params", "word"),
    [
        (
            "CreateModel",
            {"PrimaryContainer": {"Image": "i"}, "Containers": [{"Image": "i"}]},
            "exclude each other",
        ),
        (
            "CreateModel",
            {"PrimaryContainer": {"Environment": {"K" * 9 + str(n): "v" * 1000 for n in range(40)}}},
            "bytes",
        ),
    ],
)
def test_what_the_model_can_not_say_is_refused_too(
    emulator: Running, name: str, operation: str, params: dict[str, Any], word: str
) -> None:
    answer = emulator.call(operation, {"ModelName": name, **params})
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert word in answer.json["message"]


@pytest.mark.operation("CreateEndpointConfig")
@pytest.mark.assumed
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ProductionVariants": [variant("-m-"), variant("-m-")]}, "needs its own"),
        (
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "https://example.com/b"}}},
            "S3OutputPath",
        ),
        (
            {
                "ProductionVariants": [serverless("-m-", 2048)],
                "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}},
            },
            "ServerlessConfig of variant v is not supported when specifying an AsyncInferenceConfig",
        ),
        (
            {"ProductionVariants": [serverless("-m-", 1111)]},
            "Value '1111' at 'productionVariants.1.member.serverlessConfig.memorySizeInMB'",
        ),
        (
            {"ProductionVariants": [variant("-m-", ManagedInstanceScaling={"Status": "ENABLED"})]},
            "ManagedInstanceScaling is only supported for inference component endpoints.",
        ),
        (
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/ü"}}},
            "S3OutputPath 's3://b/ü': use ASCII characters only",
        ),
    ],
)
def test_a_configuration_that_can_not_work_is_refused(
    emulator: Running, model: str, changes: dict[str, Any], word: str
) -> None:
    params = {"EndpointConfigName": model, "ProductionVariants": [variant(model)], **changes}
    answer = emulator.call("CreateEndpointConfig", json.loads(json.dumps(params).replace("-m-", model)))
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert word in answer.json["message"]


@pytest.mark.operation("CreateEndpoint")
@pytest.mark.assumed
@pytest.mark.parametrize(
    ("variants", "word"),
    [
        ([variant("-m-"), variant("-m-", VariantName="w")], "more than one production variant"),
        ([{"VariantName": "v"}], "inference components"),
    ],
)
def test_an_endpoint_that_is_not_served_here_is_refused(
    emulator: Running, model: str, variants: list[Any], word: str
) -> None:
    params = {"EndpointConfigName": model, "ProductionVariants": variants}
    created = emulator.call("CreateEndpointConfig", json.loads(json.dumps(params).replace("-m-", model)))
    assert created.status == 200
    answer = emulator.call("CreateEndpoint", {"EndpointName": model, "EndpointConfigName": model})
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert word in answer.json["message"]


@pytest.mark.operation("CreateEndpoint")
@pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint.html"
)
def test_a_new_endpoint_sends_a_test_notification_to_each_topic(
    sagemaker: SageMakerClient, moto_url: str, name: str
) -> None:
    sns, sqs = client("sns", moto_url), client("sqs", moto_url)
    topics, queues = [], []
    for kind in ("success", "error"):
        topics.append(sns.create_topic(Name=f"{name}-{kind}")["TopicArn"])
        queues.append(sqs.create_queue(QueueName=f"{name}-{kind}")["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=queues[-1], AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topics[-1], Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    notify = {"SuccessTopic": topics[0], "ErrorTopic": topics[1]}
    output = {"S3OutputPath": "s3://b/o", "NotificationConfig": notify}
    make_endpoint(sagemaker, moto_url, name, output=output)
    for queue in queues:
        (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
        envelope = json.loads(message["Body"])
        assert envelope["Message"] == (
            '{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}'
        )
    sns.close()
    sqs.close()


@pytest.mark.operation("CreateEndpoint")
@pytest.mark.assumed
def test_a_topic_that_is_not_there_does_not_keep_the_endpoint_from_service(
    sagemaker: SageMakerClient, moto_url: str, name: str
) -> None:
    notify = {"SuccessTopic": f"{TOPIC}-{name}"}
    make_endpoint(
        sagemaker, moto_url, name, output={"S3OutputPath": "s3://b/o", "NotificationConfig": notify}
    )


@pytest.mark.assumed
def test_an_operation_that_is_not_served_says_what_is(emulator: Running) -> None:
    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=emulator.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    with pytest.raises(ClientError, match="CreateEndpoint") as caught:
        sagemaker.list_training_jobs()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    sagemaker.close()


@pytest.mark.operation("CreateModel")
@pytest.mark.assumed
def test_of_many_that_create_one_name_at_once_one_succeeds(emulator: Running, name: str) -> None:
    def create(number: int) -> int:
        letters = name.upper() if number % 2 else name
        return emulator.call("CreateModel", {"ModelName": letters, "PrimaryContainer": {"Image": "i"}}).status

    with ThreadPoolExecutor(12) as threads:
        statuses = sorted(threads.map(create, range(12)))
    assert statuses == [200] + [400] * 11
