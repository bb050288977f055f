"""Buckets and topics that endpoint configurations name: created again where an emulated store lost them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.aws import is_of_aws
from meshtwin.emulator.core.locations import is_bucket_name, parse_location
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.control_plane.resources import Kind
from meshtwin.emulator.sagemaker.delivery.retry import is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry
    from meshtwin.emulator.sagemaker.settings import Settings

log = structlog.get_logger(__name__)

_NOT_FOUND = 404
_NO_LOCATION = "us-east-1"
"""The one region that CreateBucket does not accept:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html"""


class OutputResources:
    """The buckets and topics that results and notices go to."""

    def __init__(self, aws: Aws, registry: Registry, settings: Settings) -> None:
        self._aws = aws
        self._registry = registry
        self._settings = settings

    async def create_missing(self) -> None:
        """Create what is missing; nothing on AWS, where it was somebody's to delete.

        UnavailableError where S3 or SNS is away; what they refuse is logged.
        """
        outputs = list(self._outputs())
        if not is_of_aws(self._aws.s3.meta.endpoint_url):
            for bucket in sorted(self._buckets(outputs)):
                await self._aws.run(self._attempt, self._create_bucket, bucket)
        if not is_of_aws(self._aws.sns.meta.endpoint_url):
            for topic in sorted(_topics(outputs)):
                await self._aws.run(self._attempt, self._create_topic, topic)

    def _outputs(self) -> Iterator[Mapping[str, Any]]:
        configs = [config.params for config in self._registry.all(Kind.CONFIG)]
        for endpoint in self._registry.endpoints():
            # Its configuration may have been deleted since, and one that is on its way is needed soon.
            configs += [endpoint.config, (endpoint.pending or {}).get("config", {})]
        for config in configs:
            yield config.get("AsyncInferenceConfig", {}).get("OutputConfig", {})

    def _buckets(self, outputs: list[Mapping[str, Any]]) -> set[str]:
        uris = {output.get(name) for output in outputs for name in ("S3OutputPath", "S3FailurePath")}
        uris |= {self._settings.default_output_path}
        endpoint = self._aws.s3.meta.endpoint_url
        names = {parse_location(uri, endpoint).bucket for uri in uris if uri}
        return set(filter(is_bucket_name, names))

    def _attempt(self, create: Callable[[str], None], name: str) -> None:
        try:
            create(name)
        except (ClientError, BotoCoreError) as error:
            if is_passing(error):
                raise UnavailableError(f"{name}: {error}") from error
            log.warning("not_created_again", name=name, error=str(error))

    def _create_bucket(self, bucket: str) -> None:
        s3 = self._aws.s3
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _NOT_FOUND:
                raise
        else:
            return
        region: Any = {"LocationConstraint": self._settings.region}
        more: Any = {} if self._settings.region == _NO_LOCATION else {"CreateBucketConfiguration": region}
        s3.create_bucket(Bucket=bucket, **more)
        log.warning("bucket_created_again", bucket=bucket, lost="what was in it")

    def _create_topic(self, topic: str) -> None:
        sns = self._aws.sns
        try:
            sns.get_topic_attributes(TopicArn=topic)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _NOT_FOUND:
                raise
        else:
            return
        name = topic.rpartition(":")[2]
        attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        created = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        log.warning("topic_created_again", topic=topic, lost="its subscriptions")
        if created != topic:
            log.warning("topic_has_another_arn", topic=topic, created=created)


def _topics(outputs: list[Mapping[str, Any]]) -> set[str]:
    given = [output.get("NotificationConfig", {}) for output in outputs]
    return {topic for one in given for name in ("SuccessTopic", "ErrorTopic") if (topic := one.get(name))}
