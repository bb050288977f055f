"""The one way from the emulator to the S3, DynamoDB, SNS and CloudWatch of the profile: boto3, in threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from meshtwin.emulator.core.store_probe import StoreProbe
from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

P = ParamSpec("P")
T = TypeVar("T")

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,
    # boto3 adds checksums that not every emulator of S3 keeps; AWS does not need them.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

# Else boto3 asks http://bucket.localhost:4566 where http://localhost:4566 is meant.
_PATH_STYLE = Config(s3={"addressing_style": "path"})

_STORE_CONFIG = _CONFIG.merge(
    # A caller of InvokeEndpointAsync waits for DynamoDB: it hears soon when that does not answer.
    Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
)


_READING_CONFIG = _CONFIG.merge(
    # An emulator of DynamoDB may read every item of a long queue for each page of it.
    Config(read_timeout=60)
)

_CLOSE_SECONDS = 3.0
"""Longer than a store that answers takes; one that hangs may keep a call for minutes."""


@dataclass
class Usage:
    """What the AWS clients were asked to do, and the CPU time that took: for benchmarks and operators."""

    calls: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0


class Aws:
    """boto3 clients, built from the process's own AWS settings, and the threads their calls run in.

    Endpoint, region and credentials come from the environment (`AWS_ENDPOINT_URL`, ...), as for every SDK.
    """

    def __init__(self, region: str, *, threads: int = 64) -> None:
        session = boto3.session.Session(region_name=region)
        self.usage = Usage()
        self._lock = threading.Lock()
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self.store_probe = StoreProbe()
        self.s3: S3Client = session.client("s3", config=_CONFIG)
        if not is_of_aws(self.s3.meta.endpoint_url):
            self.s3 = session.client("s3", config=_CONFIG.merge(_PATH_STYLE))
        self.dynamodb: DynamoDBClient = session.client("dynamodb", config=_STORE_CONFIG)
        self.dynamodb_reading: DynamoDBClient = session.client("dynamodb", config=_READING_CONFIG)
        """For long queries, whose caller has time."""
        self.sns: SNSClient = session.client("sns", config=_CONFIG)
        self.cloudwatch: CloudWatchClient = session.client("cloudwatch", config=_CONFIG)
        self._clients = (self.s3, self.dynamodb, self.dynamodb_reading, self.sns, self.cloudwatch)
        for client in self._clients:
            self._meter(refuse_cut_answers(client))

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a blocking call, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, partial(function, *args, **kwargs))

    def publish(self, topic: str, message: str, group: str, name: str) -> None:
        """Publish a notice. Blocks.

        To a FIFO topic it goes in `group`, and once in five minutes by `name`:
        https://docs.aws.amazon.com/sns/latest/dg/fifo-topics.html
        """
        if topic.endswith(".fifo"):
            self.sns.publish(
                TopicArn=topic, Message=message, MessageGroupId=group, MessageDeduplicationId=name
            )
        else:
            self.sns.publish(TopicArn=topic, Message=message)

    def describe_alarms(self) -> list[MetricAlarmTypeDef]:
        """Every metric alarm of CloudWatch. Blocks.

        Nobody asks by ActionPrefix: LocalStack 4.14.0 answers that with an InternalError.
        """
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        return [alarm for page in pages for alarm in page["MetricAlarms"]]

    def close(self) -> None:
        """Let running calls end, but for those that hang, and close the connections."""
        ending = threading.Thread(target=partial(self.executor.shutdown, cancel_futures=True), daemon=True)
        ending.start()
        ending.join(_CLOSE_SECONDS)
        for client in self._clients:
            client.close()

    def _meter(self, client: S3Client | DynamoDBClient | SNSClient | CloudWatchClient) -> None:
        """Count a client's calls; botocore's own events begin late and end early, and miss a fifth of it."""
        service = client.meta.service_model.service_name
        call = client._make_api_call  # type: ignore[union-attr]  # noqa: SLF001  # the one door of all calls

        def metered(operation: str, params: object) -> object:
            started = time.thread_time()
            try:
                return call(operation, params)
            finally:
                seconds = time.thread_time() - started
                with self._lock:
                    self.usage.calls[f"{service}.{operation}"] += 1
                    self.usage.cpu_seconds += seconds

        client._make_api_call = metered  # type: ignore[union-attr]  # noqa: SLF001  # same


def is_of_aws(endpoint_url: str) -> bool:
    """Whether a client's endpoint is AWS's own, rather than what somebody has put in its place."""
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def says_no_table(error: BaseException | None) -> bool:
    """Whether DynamoDB answered that a table is not there, as one does that has lost everything."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException"
