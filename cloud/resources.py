"""The resources of an endpoint and of the Minecraft flow: buckets, topics and the job table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.cloud.errors import UnavailableError, UsageError
from meshtwin.minecraft.jobs.table import create_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import BucketLifecycleConfigurationTypeDef
    from mypy_boto3_sagemaker.type_defs import AsyncInferenceNotificationConfigTypeDef

    from meshtwin.cloud.client import Client
    from meshtwin.cloud.clients import Clients
    from meshtwin.cloud.profiles import Profile

EXPIRE_AFTER_DAYS: Mapping[str, int] = {
    "jobs/": 30,
    "inputs/": 30,
    "async-input/": 14,
    "async-output/": 14,
    "async-failures/": 14,
}
"""Prefixes of a bucket, and the days after which S3 deletes an object: longer than a job's row is kept."""


def bucket_lifecycle() -> BucketLifecycleConfigurationTypeDef:
    """The lifecycle configuration of each bucket that meshtwin creates."""
    return {
        "Rules": [
            {
                "ID": prefix.rstrip("/"),
                "Status": "Enabled",
                "Filter": {"Prefix": prefix},
                "Expiration": {"Days": days},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
            for prefix, days in EXPIRE_AFTER_DAYS.items()
        ]
    }


def ensure_resources(client: Client) -> list[str]:
    """Create the missing resources; the names of those created. On AWS the deployment creates the table."""
    profile, aws = client.profile, client.aws
    created = _ensure_buckets(profile, aws.s3)
    for topic in _missing_topics(profile, aws):
        aws.sns.create_topic(Name=topic)
        created.append(topic)
    if profile.emulated and _ensure_table(aws, profile.names.job_table):
        created.append(profile.names.job_table)
    return created


def _ensure_buckets(profile: Profile, s3: S3Client) -> list[str]:
    for variable, bucket in profile.names.buckets().items():
        if not bucket:
            raise UsageError(
                f"profile {profile.name!r} needs {variable}: bucket names are global, choose one"
            )
    buckets = dict.fromkeys(profile.names.buckets().values())
    return [bucket for bucket in buckets if _ensure_bucket(s3, bucket, profile.region)]


def _ensure_bucket(s3: S3Client, bucket: str, region: str) -> bool:
    """Create it where it is missing; whether it was."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004  # HEAD has no code
            raise UnavailableError(f"bucket {bucket!r}: {error}") from error
        # us-east-1 is the one region that must not be named:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        if region == "us-east-1":
            s3.create_bucket(Bucket=bucket)
        else:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]  # any region's name
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=bucket_lifecycle())
        return True
    return False


def topic_arns(client: Client) -> AsyncInferenceNotificationConfigTypeDef:
    """The ARNs of the endpoint's success and error topics, which must exist; empty where none is named."""
    profile = client.profile
    known = _arns_by_name(client.aws) if _topics(profile) else {}
    arns: AsyncInferenceNotificationConfigTypeDef = {}
    if profile.names.success_topic:
        arns["SuccessTopic"] = known[profile.names.success_topic]
    if profile.names.error_topic:
        arns["ErrorTopic"] = known[profile.names.error_topic]
    return arns


def _topics(profile: Profile) -> list[str]:
    return [name for name in (profile.names.success_topic, profile.names.error_topic) if name]


def _missing_topics(profile: Profile, aws: Clients) -> list[str]:
    named = _topics(profile)
    known = _arns_by_name(aws) if named else {}
    return [name for name in named if name not in known]


def _arns_by_name(aws: Clients) -> dict[str, str]:
    pages = aws.sns.get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    return {arn.rpartition(":")[2]: arn for arn in arns}


def _ensure_table(aws: Clients, name: str) -> bool:
    """Create it where it is missing; whether it was."""
    dynamodb = aws.dynamodb
    try:
        dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        return create_table(dynamodb, name)
    return False
