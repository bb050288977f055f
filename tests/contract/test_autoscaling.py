"""Application Auto Scaling: targets, policies, activities, and what is refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import client, make_endpoint
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient

    from tests.support.emulator import Running

GUIDE = "https://docs.aws.amazon.com/autoscaling/application/userguide"
API = "https://docs.aws.amazon.com/autoscaling/application/APIReference"
ASYNC = "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html"

pytestmark = pytest.mark.operation(
    "RegisterScalableTarget",
    "DescribeScalableTargets",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "DescribeScalingPolicies",
    "DeleteScalingPolicy",
    "DescribeScalingActivities",
)


@pytest.fixture
def autoscaling(emulator: Running) -> Iterator[ApplicationAutoScalingClient]:
    made = emulator.client("application-autoscaling")
    yield made
    made.close()


@pytest.fixture
def cloudwatch(moto_url: str) -> Iterator[CloudWatchClient]:
    made = client("cloudwatch", moto_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(sagemaker: SageMakerClient, moto_url: str) -> str:
    return make_endpoint(sagemaker, moto_url, f"scaled-{uuid.uuid4().hex[:8]}").name


def place(endpoint: str) -> Any:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


@pytest.fixture
def target(autoscaling: ApplicationAutoScalingClient, served: str) -> Iterator[Any]:
    """A registered variant, deregistered at the end."""
    autoscaling.register_scalable_target(**place(served), MinCapacity=1, MaxCapacity=3)
    yield place(served)
    if autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[place(served)["ResourceId"]]
    )["ScalableTargets"]:
        autoscaling.deregister_scalable_target(**place(served))


def steps(*adjustments: dict[str, Any], **config: Any) -> Any:
    return {
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": list(adjustments),
            **config,
        },
    }


def tracking(endpoint: str, **config: Any) -> Any:
    metric = {
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Namespace": "AWS/SageMaker",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
    }
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 5.0,
            "CustomizedMetricSpecification": metric,
            **config,
        },
    }


def code_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.operation("RegisterScalableTarget", "DescribeScalableTargets")
@pytest.mark.documented(f"{API}/API_RegisterScalableTarget.html")
def test_a_target_is_registered_and_changed(autoscaling: ApplicationAutoScalingClient, target: Any) -> None:
    arn = autoscaling.register_scalable_target(**target, MaxCapacity=4)["ScalableTargetARN"]
    assert arn.startswith("arn:aws:application-autoscaling:us-east-1:")
    autoscaling.register_scalable_target(**target, SuspendedState={"DynamicScalingInSuspended": True})
    [found] = autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 4)
    assert found["ScalableTargetARN"] == arn
    assert found["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }


@pytest.mark.operation("RegisterScalableTarget")
@pytest.mark.documented(f"{API}/API_RegisterScalableTarget.html")
def test_both_capacities_are_needed_the_first_time(
    autoscaling: ApplicationAutoScalingClient, served: str
) -> None:
    code, message = code_of(lambda: autoscaling.register_scalable_target(**place(served), MinCapacity=1))
    assert code == "ValidationException"
    assert "MaxCapacity" in message


@pytest.mark.operation("RegisterScalableTarget")
@pytest.mark.assumed
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ResourceId": "endpoint/nowhere/variant/v"}, "no such endpoint"),
        ({"ResourceId": "table/t"}, "expected endpoint/"),
        ({"ServiceNamespace": "dynamodb"}, "expected sagemaker"),
        ({"ScalableDimension": "sagemaker:inference-component:DesiredCopyCount"}, "is not served here"),
        ({"MinCapacity": 4}, "MinCapacity <= MaxCapacity"),
    ],
)
def test_a_target_that_can_not_be_is_refused(
    autoscaling: ApplicationAutoScalingClient, served: str, changes: dict[str, Any], words: str
) -> None:
    given = {**place(served), "MinCapacity": 1, "MaxCapacity": 3, **changes}
    code, message = code_of(lambda: autoscaling.register_scalable_target(**given))
    assert code == "ValidationException"
    assert words in message


@pytest.mark.operation("PutScalingPolicy", "DeregisterScalableTarget", "DeleteScalingPolicy")
@pytest.mark.documented(f"{API}/API_PutScalingPolicy.html")
def test_what_is_not_registered_has_no_policies(autoscaling: ApplicationAutoScalingClient, name: str) -> None:
    step = steps({"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1})
    for call in (
        lambda: autoscaling.put_scaling_policy(**place(name), PolicyName="p", **step),
        lambda: autoscaling.deregister_scalable_target(**place(name)),
        lambda: autoscaling.delete_scaling_policy(**place(name), PolicyName="p"),
    ):
        assert code_of(call)[0] == "ObjectNotFoundException"


@pytest.mark.operation("PutScalingPolicy", "DeleteScalingPolicy")
@pytest.mark.documented(f"{GUIDE}/target-tracking-scaling-policy-overview.html")
def test_target_tracking_makes_two_alarms_and_takes_them_away(
    autoscaling: ApplicationAutoScalingClient, cloudwatch: CloudWatchClient, target: Any, served: str
) -> None:
    made = autoscaling.put_scaling_policy(**target, PolicyName="track", **tracking(served))
    names = sorted(alarm["AlarmName"] for alarm in made["Alarms"])
    prefix = f"TargetTracking-{target['ResourceId']}-Alarm"
    assert [name.startswith(prefix) for name in names] == [True, True]
    alarms = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    shown = {
        (alarm["ComparisonOperator"], alarm["EvaluationPeriods"], alarm["Threshold"]) for alarm in alarms
    }
    assert shown == {("GreaterThanThreshold", 3, 5.0), ("LessThanThreshold", 15, 4.5)}
    assert all(alarm["AlarmActions"] == [made["PolicyARN"]] for alarm in alarms)
    again = autoscaling.put_scaling_policy(
        **target, PolicyName="track", **tracking(served, DisableScaleIn=True)
    )
    assert again["PolicyARN"] == made["PolicyARN"]
    [left] = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert "-AlarmHigh-" in left["AlarmName"]
    autoscaling.delete_scaling_policy(**target, PolicyName="track")
    assert cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


@pytest.mark.operation("DescribeScalingPolicies", "DeleteScalingPolicy")
@pytest.mark.documented(f"{GUIDE}/step-scaling-policy-overview.html")
def test_a_step_policy_shows_the_alarms_that_name_it_and_leaves_them_without_the_action(
    autoscaling: ApplicationAutoScalingClient, cloudwatch: CloudWatchClient, target: Any, name: str
) -> None:
    step = steps({"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1})
    arn = autoscaling.put_scaling_policy(**target, PolicyName="wake", **step)["PolicyARN"]
    assert arn.endswith(f":resource/sagemaker/{target['ResourceId']}:policyName/wake")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[arn],
    )
    [policy] = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker", PolicyNames=["wake"])[
        "ScalingPolicies"
    ]
    [shown] = policy["Alarms"]
    assert shown["AlarmName"] == name
    assert shown["AlarmARN"].endswith(f":alarm:{name}")
    autoscaling.delete_scaling_policy(**target, PolicyName="wake")
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm["AlarmActions"] == []
    assert alarm["Threshold"] == 1
    cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.operation("PutScalingPolicy")
@pytest.mark.documented(f"{API}/API_StepAdjustment.html")
@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ([(0, 10), (5, None)], "overlap"),
        ([(0, 5), (10, None)], "gap"),
        ([(None, None)], "needs a MetricIntervalLowerBound"),
        ([(5, 5)], "not below"),
        ([(-10, 0)], "negative lower bound"),
        ([(0, 10)], "positive upper bound"),
        ([], "at least one"),
    ],
)
def test_steps_that_do_not_fit_together_are_refused(
    autoscaling: ApplicationAutoScalingClient, target: Any, bounds: list[Any], words: str
) -> None:
    adjustments = [
        {
            "ScalingAdjustment": 1,
            **({} if lower is None else {"MetricIntervalLowerBound": lower}),
            **({} if upper is None else {"MetricIntervalUpperBound": upper}),
        }
        for lower, upper in bounds
    ]
    code, message = code_of(
        lambda: autoscaling.put_scaling_policy(**target, PolicyName="p", **steps(*adjustments))
    )
    assert code == "ValidationException"
    assert words in message


@pytest.mark.operation("PutScalingPolicy")
@pytest.mark.documented(f"{GUIDE}/application-auto-scaling-quotas.html")
def test_limits(autoscaling: ApplicationAutoScalingClient, target: Any) -> None:
    many = [
        {"MetricIntervalLowerBound": at, "MetricIntervalUpperBound": at + 1, "ScalingAdjustment": at}
        for at in range(20)
    ]
    last = {"MetricIntervalLowerBound": 20, "ScalingAdjustment": 21}
    config = steps(*many, last)
    code, _ = code_of(lambda: autoscaling.put_scaling_policy(**target, PolicyName="p", **config))
    assert code == "LimitExceededException"


@pytest.mark.operation("DescribeScalingPolicies")
@pytest.mark.documented(f"{API}/API_DescribeScalingPolicies.html")
def test_policies_come_in_pages(autoscaling: ApplicationAutoScalingClient, target: Any) -> None:
    step = steps({"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1})
    for number in range(5):
        autoscaling.put_scaling_policy(**target, PolicyName=f"p{number}", **step)
    found = autoscaling.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker",
        ResourceId=target["ResourceId"],
        PaginationConfig={"PageSize": 2},
    )
    assert [policy["PolicyName"] for page in found for policy in page["ScalingPolicies"]] == [
        f"p{number}" for number in range(5)
    ]
    code, _ = code_of(
        lambda: autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker", NextToken="x")
    )
    assert code == "InvalidNextTokenException"


@pytest.mark.documented(f"{API}/API_TagResource.html")
@pytest.mark.operation("TagResource", "UntagResource", "ListTagsForResource")
def test_tags_of_a_target(autoscaling: ApplicationAutoScalingClient, target: Any) -> None:
    arn = autoscaling.register_scalable_target(**target)["ScalableTargetARN"]
    autoscaling.tag_resource(ResourceARN=arn, Tags={"a": "1", "b": "2"})
    autoscaling.untag_resource(ResourceARN=arn, TagKeys=["a", "none"])
    assert autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    code, _ = code_of(
        lambda: autoscaling.list_tags_for_resource(ResourceARN=arn.rpartition("/")[0] + "/none")
    )
    assert code == "ResourceNotFoundException"


@pytest.mark.documented("https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling.html")
@pytest.mark.operation("RegisterScalableTarget", "UpdateEndpoint")
def test_a_registered_variant_keeps_its_instance_type(
    sagemaker: SageMakerClient, target: Any, served: str, name: str
) -> None:
    variant: Any = {
        "VariantName": "v",
        "ModelName": served,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.g5.xlarge",
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/out"}},
    )
    assert target["ResourceId"].endswith("/v")
    code, message = code_of(lambda: sagemaker.update_endpoint(EndpointName=served, EndpointConfigName=name))
    assert code == "ValidationException"
    assert "deregistered" in message


@pytest.mark.operation("RegisterScalableTarget", "DescribeScalingActivities")
@pytest.mark.documented(f"{API}/API_RegisterScalableTarget.html")
def test_a_count_out_of_bounds_is_brought_within_them(
    autoscaling: ApplicationAutoScalingClient, sagemaker: SageMakerClient, moto_url: str, name: str
) -> None:
    make_endpoint(sagemaker, moto_url, name)
    autoscaling.register_scalable_target(**place(name), MinCapacity=2, MaxCapacity=3)

    def counts() -> tuple[str, int]:
        found = sagemaker.describe_endpoint(EndpointName=name)
        return found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]

    wait_until(lambda: counts() == ("InService", 2), 20)

    def activities() -> Any:
        return autoscaling.describe_scaling_activities(
            ServiceNamespace="sagemaker", ResourceId=place(name)["ResourceId"]
        )["ScalingActivities"]

    wait_until(lambda: activities()[0]["StatusCode"] == "Successful")
    [activity] = activities()
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["Cause"] == "minimum capacity was set to 2"
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 2. Change successfully fulfilled by sagemaker."
    )
    sagemaker.delete_endpoint(EndpointName=name)
    wait_until(
        lambda: (
            not autoscaling.describe_scalable_targets(
                ServiceNamespace="sagemaker", ResourceIds=[place(name)["ResourceId"]]
            )["ScalableTargets"]
        )
    )
