"""boto3's clients of one profile, each created once: creating one costs more than a call."""

from __future__ import annotations

import os
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config

from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sns import SNSClient

    from meshtwin.cloud.profiles import Profile

_NO_FILE = (None, None, os.devnull, None)
_NOTHING_SET = MappingProxyType(
    {
        **{
            name: (None, None, default, convert)
            for name, (_, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
        },
        "config_file": _NO_FILE,
        "credentials_file": _NO_FILE,
    }
)
"""botocore's settings, all at their defaults: none is read from the environment or from a file."""

_NO_PROXY = Config(proxies={})


class Clients:
    """The clients of a profile, which may be used from any thread.

    Those of an emulated profile follow its data alone. Those of AWS follow the SDK's own chain, as every
    program does there: https://docs.aws.amazon.com/boto3/latest/guide/configuration.html
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._session: boto3.session.Session | None = None
        self._clients: dict[str, Any] = {}
        # boto3's sessions make one client at a time:
        # https://docs.aws.amazon.com/boto3/latest/guide/session.html
        self._making = threading.Lock()

    @property
    def s3(self) -> S3Client:
        """S3."""
        return cast("S3Client", self.other("s3"))

    @property
    def sagemaker(self) -> SageMakerClient:
        """SageMaker's control plane."""
        return cast("SageMakerClient", self.other("sagemaker"))

    @property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        """SageMaker's runtime."""
        return cast("SageMakerRuntimeClient", self.other("sagemaker-runtime"))

    @property
    def autoscaling(self) -> ApplicationAutoScalingClient:
        """Application Auto Scaling."""
        return cast("ApplicationAutoScalingClient", self.other("application-autoscaling"))

    @property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return cast("DynamoDBClient", self.other("dynamodb"))

    @property
    def sns(self) -> SNSClient:
        """SNS."""
        return cast("SNSClient", self.other("sns"))

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """CloudWatch."""
        return cast("CloudWatchClient", self.other("cloudwatch"))

    def other(self, service: str) -> Any:  # noqa: ANN401  # of a service named at run time
        """The client of any service, by boto3's name of it."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = refuse_cut_answers(self._client(service))
            return self._clients[service]

    def _client(self, service: str) -> Any:  # noqa: ANN401  # as above
        # One session for all clients: each new one reads the list of AWS's endpoints, a tenth of a second.
        if self._session is None:
            self._session = _session(self._profile)
        if not self._profile.emulated:
            return self._session.client(service)  # type: ignore[call-overload]  # typed by the callers
        return self._session.client(  # type: ignore[call-overload]  # as above
            service, endpoint_url=self._profile.endpoint_url(service), config=_NO_PROXY
        )


def _session(profile: Profile) -> boto3.session.Session:
    if profile.credentials is None:
        return boto3.session.Session(region_name=profile.region)
    key_id, secret = profile.credentials
    return boto3.session.Session(
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=profile.region,
        botocore_session=botocore.session.Session(dict(_NOTHING_SET)),
    )
