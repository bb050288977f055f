"""AWS clients for this process's settings, made once: making one costs more than a call."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3

from meshtwin.emulator.core.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sns import SNSClient

_Settings = tuple[tuple[str, str], ...]


def s3() -> S3Client:
    """The profile's S3."""
    client: S3Client = _client("s3", _settings())
    return client


def sagemaker() -> SageMakerClient:
    """The profile's SageMaker control plane."""
    client: SageMakerClient = _client("sagemaker", _settings())
    return client


def sagemaker_runtime() -> SageMakerRuntimeClient:
    """The profile's SageMaker runtime."""
    client: SageMakerRuntimeClient = _client("sagemaker-runtime", _settings())
    return client


def autoscaling() -> ApplicationAutoScalingClient:
    """The profile's Application Auto Scaling."""
    client: ApplicationAutoScalingClient = _client("application-autoscaling", _settings())
    return client


def dynamodb() -> DynamoDBClient:
    """The profile's DynamoDB."""
    client: DynamoDBClient = _client("dynamodb", _settings())
    return client


def sns() -> SNSClient:
    """The profile's SNS."""
    client: SNSClient = _client("sns", _settings())
    return client


def cloudwatch() -> CloudWatchClient:
    """The profile's CloudWatch, which is the store's where there is one."""
    client: CloudWatchClient = _client("cloudwatch", _settings())
    return client


def other(service: str, region: str | None = None) -> Any:  # noqa: ANN401  # of a service named at run time
    """A client of a service that is asked once or twice, in a region or the environment's."""
    return _client(service, _settings(), region)


def _settings() -> _Settings:
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


def _client(service: str, settings: _Settings, region: str | None = None) -> Any:  # noqa: ANN401  # boto3's own type
    with _MAKING:
        return _made(service, settings, region)


_MAKING = threading.Lock()
"""boto3's sessions make one client at a time: https://docs.aws.amazon.com/boto3/latest/guide/session.html"""


@lru_cache(maxsize=16)
def _made(service: str, settings: _Settings, region: str | None) -> Any:  # noqa: ANN401  # as above
    made = _session(settings).client(service, region_name=region)  # type: ignore[call-overload]  # typed by the callers
    return refuse_cut_answers(made)


@lru_cache(maxsize=2)
def _session(_settings: _Settings) -> boto3.session.Session:
    """One for all clients: each new session reads the list of AWS's endpoints again, a tenth of a second."""
    return boto3.session.Session()
