"""Whole answers, as AWS gave them where they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import make_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Made, Running
    from tests.support.snapshots import Snapshot

pytestmark = pytest.mark.botocore_model


@pytest.fixture
def made(sagemaker: SageMakerClient, moto_url: str, name: str, snapshot: Snapshot) -> Iterator[Made]:
    made = make_endpoint(sagemaker, moto_url, name)
    snapshot.hide(made.bucket, "bucket")
    snapshot.hide(made.name, "name")
    yield made
    sagemaker.delete_endpoint(EndpointName=made.name)


def error_of(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    response: dict[str, Any] = dict(caught.value.response)
    return {"Code": response["Error"]["Code"], "ResponseMetadata": response["ResponseMetadata"]}


@pytest.mark.operation("DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint")
def test_descriptions(sagemaker: SageMakerClient, made: Made, snapshot: Snapshot) -> None:
    model = sagemaker.describe_model(ModelName=made.name)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=made.name)
    endpoint = sagemaker.describe_endpoint(EndpointName=made.name)
    assert endpoint["EndpointStatus"] == "InService"
    snapshot.match("model", model)
    snapshot.match("config", config)
    snapshot.match("endpoint", endpoint)


@pytest.mark.operation("InvokeEndpointAsync")
def test_an_accepted_call(runtime: SageMakerRuntimeClient, made: Made, snapshot: Snapshot) -> None:
    answer = runtime.invoke_endpoint_async(EndpointName=made.name, Body=b"x")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    snapshot.match("accepted", answer)


@pytest.mark.operation("DescribeEndpoint", "CreateEndpoint", "InvokeEndpointAsync", "InvokeEndpoint")
def test_refusals(
    sagemaker: SageMakerClient,
    runtime: SageMakerRuntimeClient,
    made: Made,
    name: str,
    snapshot: Snapshot,
) -> None:
    none = f"{name}-none"
    calls: dict[str, Callable[[], object]] = {
        "describe missing": lambda: sagemaker.describe_endpoint(EndpointName=none),
        "create existing": lambda: sagemaker.create_endpoint(
            EndpointName=made.name, EndpointConfigName=made.name
        ),
        "invoke missing": lambda: runtime.invoke_endpoint_async(EndpointName=none, Body=b"x"),
        "invoke synchronously": lambda: runtime.invoke_endpoint(EndpointName=made.name, Body=b"x"),
    }
    for case, call in calls.items():
        found = error_of(call)
        assert found["Code"] in {"ValidationException", "ValidationError"}
        snapshot.match(case, found)


@pytest.mark.operation("RegisterScalableTarget", "DescribeScalableTargets", "DescribeScalingPolicies")
def test_a_scaled_variant(emulator: Running, made: Made, snapshot: Snapshot) -> None:
    autoscaling = emulator.client("application-autoscaling")
    place = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{made.name}/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    autoscaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=2)
    autoscaling.put_scaling_policy(
        **place,
        PolicyName="step",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    )
    found = autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[place["ResourceId"]]
    )
    assert found["ScalableTargets"][0]["MaxCapacity"] == 2
    snapshot.match("targets", found)
    policies = autoscaling.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=place["ResourceId"]
    )
    assert policies["ScalingPolicies"][0]["PolicyName"] == "step"
    snapshot.match("policies", policies)
    autoscaling.deregister_scalable_target(**place)
    autoscaling.close()
