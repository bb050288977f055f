"""The embedded profile's services, as a process: what they remember, and when they end."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config

from meshtwin.cloud.local.stack.child import Child
from tests.support.races import winners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

PART = 5 * 1024 * 1024


class Services:
    def __init__(self, child: Child) -> None:
        self.child = child
        settings: dict[str, Any] = {
            "endpoint_url": child.ready(),
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        self.s3: S3Client = boto3.client("s3", **settings)
        self.dynamodb: DynamoDBClient = boto3.client("dynamodb", **settings)
        self.sns: SNSClient = boto3.client("sns", **settings)

    def close(self) -> None:
        for client in (self.s3, self.dynamodb, self.sns):
            client.close()


@contextmanager
def moto(data: Path, log: Path) -> Iterator[Services]:
    with Child("meshtwin.cloud.local.moto.server", ["--data", str(data)], os.environ, log) as child:
        services = Services(child)
        try:
            yield services
        finally:
            services.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """One that goes on, for what needs no restart."""
    folder = tmp_path_factory.mktemp("moto")
    with moto(folder / "data", folder / "log") as services:
        yield services


def fill(services: Services) -> None:
    services.s3.create_bucket(Bucket="pictures")
    services.s3.put_object(Bucket="pictures", Key="a b/ü.png", Body=b"first", ContentType="image/png")
    services.s3.put_object(Bucket="pictures", Key="gone", Body=b"x")
    services.s3.delete_object(Bucket="pictures", Key="gone")
    upload = services.s3.create_multipart_upload(
        Bucket="pictures", Key="big.glb", ContentType="model/gltf-binary"
    )
    parts = [
        {
            "PartNumber": number,
            "ETag": services.s3.upload_part(
                Bucket="pictures",
                Key="big.glb",
                UploadId=upload["UploadId"],
                PartNumber=number,
                Body=bytes([number]) * PART,
            )["ETag"],
        }
        for number in (1, 2)
    ]
    services.s3.complete_multipart_upload(
        Bucket="pictures",
        Key="big.glb",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
    )
    services.dynamodb.create_table(
        TableName="jobs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    services.dynamodb.put_item(TableName="jobs", Item={"id": {"S": "1"}, "n": {"N": "1"}})
    for _ in range(3):
        services.dynamodb.update_item(
            TableName="jobs",
            Key={"id": {"S": "1"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    services.sns.create_topic(Name="done")


def check(services: Services) -> None:
    first = services.s3.get_object(Bucket="pictures", Key="a b/ü.png")
    assert first["Body"].read() == b"first"
    assert first["ContentType"] == "image/png"
    keys = [entry["Key"] for entry in services.s3.list_objects_v2(Bucket="pictures")["Contents"]]
    assert keys == ["a b/ü.png", "big.glb"]
    big = services.s3.get_object(Bucket="pictures", Key="big.glb")
    assert big["ContentType"] == "model/gltf-binary"
    assert big["Body"].read() == b"\1" * PART + b"\2" * PART
    assert services.dynamodb.get_item(TableName="jobs", Key={"id": {"S": "1"}})["Item"]["n"] == {"N": "4"}
    topics = [topic["TopicArn"].rpartition(":")[2] for topic in services.sns.list_topics()["Topics"]]
    assert topics == ["kept", "done"]


def fill_a_queue(services: Services) -> str:
    """A queue with a message, and the ARN of a topic that it has subscribed to."""
    sqs = boto3.client("sqs", **settings_of(services.s3))
    url = sqs.create_queue(QueueName="kept")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = services.sns.create_topic(Name="kept")["TopicArn"]
    services.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sqs.send_message(QueueUrl=url, MessageBody="before")
    sqs.close()
    return topic


def check_the_queue(services: Services, topic: str) -> None:
    """Queues and subscriptions outlive a restart, and messages do not."""
    sqs = boto3.client("sqs", **settings_of(services.s3))
    services.sns.publish(TopicArn=topic, Message="after")
    url = sqs.get_queue_url(QueueName="kept")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(found) == 1
    assert '"after"' in found[0]["Body"]
    sqs.close()


def test_what_was_answered_is_there_after_a_restart_however_it_ended(tmp_path: Path) -> None:
    journal = tmp_path / "data" / "journal.jsonl"
    with moto(tmp_path / "data", tmp_path / "log") as services:
        topic = fill_a_queue(services)
        fill(services)
        os.kill(services.child.pid, signal.SIGKILL)
    size = journal.stat().st_size
    with moto(tmp_path / "data", tmp_path / "log") as services:
        check(services)
        # Reading leaves no trace.
        assert journal.stat().st_size == size
        check_the_queue(services, topic)
        services.s3.put_object(Bucket="pictures", Key="later", Body=b"x")
    # Its end was SIGTERM; a writer that was killed may leave half a line.
    with journal.open("ab") as file:
        file.write(b'{"method": "PUT", "path": "/pict')
    for _ in range(2):
        with moto(tmp_path / "data", tmp_path / "log") as services:
            later = services.s3.get_object(Bucket="pictures", Key="later")["Body"].read()
            assert later == b"x"
            services.s3.delete_object(Bucket="pictures", Key="later")
            check(services)
            services.s3.put_object(Bucket="pictures", Key="later", Body=b"x")


def test_it_ends_with_its_standard_input(tmp_path: Path) -> None:
    child = Child("meshtwin.cloud.local.moto.server", [], os.environ, tmp_path / "log")
    child.ready()
    process = psutil.Process(child.pid)
    assert child._process.stdin is not None
    child._process.stdin.close()
    assert process.wait(timeout=10) == 0
    child.stop()


def test_of_many_conditional_writes_at_once_one_wins(running: Services) -> None:
    """Moto alone lets two in every tenth round or so."""
    assert winners(running.dynamodb, 60) == [1] * 60


def test_who_waits_for_a_message_holds_up_nobody(running: Services) -> None:
    sqs = boto3.client("sqs", **settings_of(running.s3))
    url = sqs.create_queue(QueueName="waiting")["QueueUrl"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        # Were the journal held, this would come after the 20 seconds, and the message with it.
        sqs.send_message(QueueUrl=url, MessageBody="here")
        assert waiting.result()["Messages"][0]["Body"] == "here"
    sqs.close()


def test_a_function_that_is_hosted_elsewhere_fails_no_publish(running: Services) -> None:
    topic = running.sns.create_topic(Name="topic")["TopicArn"]
    function = "arn:aws:lambda:us-east-1:123456789012:function:elsewhere"
    running.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    assert running.sns.publish(TopicArn=topic, Message="x")["MessageId"]


def settings_of(client: S3Client) -> dict[str, Any]:
    """What a client of another service needs to ask the same server."""
    return {
        "endpoint_url": client.meta.endpoint_url,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
