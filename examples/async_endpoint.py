"""An asynchronous endpoint with autoscaling to zero, from end to end, in plain boto3.

The steps are those of the SageMaker developer guide, in its order:

    create     https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint.html
    invoke     https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html
    results    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
    autoscale  https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
    clean up   https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-delete-endpoint.html

Nothing here knows where it runs. Against AWS, set ROLE_ARN, IMAGE and BUCKET; against `meshtwin up`, run it
with the settings that are printed there, at `--speed 60` or so, as scaling in waits for fifteen minutes:

    python examples/async_endpoint.py
"""

from __future__ import annotations

import json
import os
import time
import uuid

import boto3

region = boto3.session.Session().region_name
account_id = boto3.client("sts").get_caller_identity()["Account"]
role_arn = os.environ.get("ROLE_ARN", f"arn:aws:iam::{account_id}:role/async-endpoint-role")
image = os.environ.get("IMAGE", f"{account_id}.dkr.ecr.{region}.amazonaws.com/sum:latest")
bucket = os.environ.get("BUCKET", "async-walkthrough")
body = os.environ.get("BODY", "1,2,3").encode()
content_type = os.environ.get("CONTENT_TYPE", "text/csv")

name = f"walkthrough-{uuid.uuid4().hex[:8]}"
variant = "variant1"
resource_id = f"endpoint/{name}/variant/{variant}"

sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
sns = boto3.client("sns")
autoscaling = boto3.client("application-autoscaling")
cloudwatch = boto3.client("cloudwatch")


def step(words: str) -> None:
    """Say what comes next."""
    print(f"== {words}", flush=True)


def instances() -> int:
    """How many the endpoint has now."""
    described = sagemaker.describe_endpoint(EndpointName=name)
    return int(described["ProductionVariants"][0]["CurrentInstanceCount"])


def wait_for_instances(count: int) -> None:
    """Wait until the endpoint has `count` instances."""
    while instances() != count:
        time.sleep(0.5)
    print(f"   {count} instances", flush=True)


def result_of(output_location: str) -> bytes:
    """Wait for an output object."""
    output_bucket, _, key = output_location.removeprefix("s3://").partition("/")
    while True:
        try:
            return s3.get_object(Bucket=output_bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            time.sleep(0.5)


def invoke() -> bytes:
    """One request, and its result."""
    key = f"async-inputs/{uuid.uuid4()}.csv"
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
    response = runtime.invoke_endpoint_async(
        EndpointName=name,
        InputLocation=f"s3://{bucket}/{key}",
        ContentType=content_type,
        InvocationTimeoutSeconds=3600,
    )
    print("   accepted", response["InferenceId"], flush=True)
    return result_of(response["OutputLocation"])


step("a bucket and two topics")
s3.create_bucket(Bucket=bucket)
success_topic = sns.create_topic(Name=f"{name}-success")["TopicArn"]
error_topic = sns.create_topic(Name=f"{name}-error")["TopicArn"]

step("model, endpoint configuration, endpoint")
sagemaker.create_model(
    ModelName=name, ExecutionRoleArn=role_arn, PrimaryContainer={"Image": image, "Environment": {}}
)
sagemaker.create_endpoint_config(
    EndpointConfigName=name,
    ProductionVariants=[
        {
            "VariantName": variant,
            "ModelName": name,
            "InstanceType": "ml.m5.xlarge",
            "InitialInstanceCount": 1,
        }
    ],
    AsyncInferenceConfig={
        "OutputConfig": {
            "S3OutputPath": f"s3://{bucket}/output",
            "S3FailurePath": f"s3://{bucket}/failure",
            "NotificationConfig": {"SuccessTopic": success_topic, "ErrorTopic": error_topic},
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
    },
)
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
while (status := sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]) == "Creating":
    time.sleep(0.5)
assert status == "InService", sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]

step("a request while there is an instance")
print("  ", invoke().decode(), flush=True)

step("autoscaling between zero and five instances, by the backlog per instance")
autoscaling.register_scalable_target(
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    MinCapacity=0,
    MaxCapacity=5,
)
autoscaling.put_scaling_policy(
    PolicyName="Invocations-ScalingPolicy",
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 5.0,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": name}],
            "Statistic": "Average",
        },
        "ScaleInCooldown": 600,
        "ScaleOutCooldown": 300,
    },
)

step("and from zero to one by the first request that waits")
policy_arn = autoscaling.put_scaling_policy(
    PolicyName="HasBacklogWithoutCapacity-ScalingPolicy",
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    PolicyType="StepScaling",
    StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    },
)["PolicyARN"]
cloudwatch.put_metric_alarm(
    AlarmName=f"{name}-HasBacklogWithoutCapacity",
    MetricName="HasBacklogWithoutCapacity",
    Namespace="AWS/SageMaker",
    Statistic="Average",
    EvaluationPeriods=2,
    DatapointsToAlarm=2,
    Threshold=1,
    ComparisonOperator="GreaterThanOrEqualToThreshold",
    TreatMissingData="missing",
    Dimensions=[{"Name": "EndpointName", "Value": name}],
    Period=60,
    AlarmActions=[policy_arn],
)

step("fifteen minutes without work: the endpoint goes to zero")
wait_for_instances(0)

step("a request at zero instances waits, wakes the endpoint, and is answered")
print("  ", invoke().decode(), flush=True)
assert instances() >= 1

step("what autoscaling did")
activities = autoscaling.describe_scaling_activities(ServiceNamespace="sagemaker", ResourceId=resource_id)
for activity in reversed(activities["ScalingActivities"]):
    print(f"   {activity['StatusCode']}: {activity['Description']} {activity['Cause']}", flush=True)

step("clean up")
autoscaling.deregister_scalable_target(
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
)
cloudwatch.delete_alarms(AlarmNames=[f"{name}-HasBacklogWithoutCapacity"])
while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "InService":
    time.sleep(0.5)
sagemaker.delete_endpoint(EndpointName=name)
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1})
sagemaker.delete_endpoint_config(EndpointConfigName=name)
sagemaker.delete_model(ModelName=name)
print(json.dumps({"endpoint": name, "activities": len(activities["ScalingActivities"])}))
