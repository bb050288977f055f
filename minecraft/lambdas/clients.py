"""AWS clients, created on first use and cached: creating one takes longer than a call."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from meshtwin.minecraft.timeouts import AWS
from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_ssm import SSMClient

_CONFIG = AWS.config()
_S3 = _CONFIG.merge(
    Config(
        # Buckets of newer regions refuse links with the older signature.
        signature_version="s3v4",
        # boto3 adds checksums that not every S3 emulator keeps; AWS does not need them.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)


def dynamodb() -> DynamoDBClient:
    """DynamoDB."""
    client: DynamoDBClient = _client("dynamodb", _environment())
    return client


def s3() -> S3Client:
    """S3."""
    client: S3Client = _client("s3", _environment())
    return client


def functions() -> LambdaClient:
    """Lambda."""
    client: LambdaClient = _client("lambda", _environment())
    return client


def sagemaker_runtime() -> SageMakerRuntimeClient:
    """SageMaker's runtime."""
    client: SageMakerRuntimeClient = _client("sagemaker-runtime", _environment())
    return client


def ssm() -> SSMClient:
    """Systems Manager, for its Parameter Store."""
    client: SSMClient = _client("ssm", _environment())
    return client


def _environment() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))


@lru_cache(maxsize=32)
def _client(service: str, _environment: tuple[tuple[str, str], ...]) -> Any:  # noqa: ANN401  # of any service
    config = _S3 if service == "s3" else _CONFIG
    client = boto3.session.Session().client(service, config=config)  # type: ignore[call-overload]  # named at run time
    return refuse_cut_answers(client)
