"""Answers of a store whose connection ends before all of them has come."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError

from emulator.aws import Aws
from emulator.delivery.retry import is_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
CALLS: dict[str, Callable[[Aws], object]] = {
    "get": lambda aws: aws.dynamodb.get_item(TableName="table", Key={"id": {"S": "x"}}),
    "query": lambda aws: aws.dynamodb.query(TableName="table", KeyConditionExpression="a = b"),
    "put": lambda aws: aws.s3.put_object(Bucket="bucket", Key="key", Body=b"x"),
    "begin": lambda aws: aws.s3.create_multipart_upload(Bucket="bucket", Key="key"),
    "publish": lambda aws: aws.sns.publish(TopicArn="arn:aws:sns:us-east-1:1:t", Message="m"),
    "measure": lambda aws: aws.cloudwatch.put_metric_data(Namespace="n", MetricData=[]),
}


@pytest.fixture(scope="module")
def given() -> Iterator[list[bytes]]:
    with pytest.MonkeyPatch.context() as patched, socket.create_server(("127.0.0.1", 0)) as listener:
        given: list[bytes] = []
        patched.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        patched.setenv("AWS_ACCESS_KEY_ID", "test")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "test")
        # What the SDK waits between two attempts.
        patched.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        threading.Thread(target=_serve, args=(listener, given), daemon=True).start()
        yield given
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def aws(given: list[bytes]) -> Iterator[Aws]:
    assert not given
    made = Aws("us-east-1", threads=1)
    yield made
    made.close()


@pytest.fixture
def answers(given: list[bytes]) -> list[bytes]:
    """What the store answers to one call after the other, closing its connection; the last one again."""
    given.clear()
    return given


def _serve(listener: socket.socket, given: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # The client may be gone before all of it is sent.
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(given.pop(0) if len(given) > 1 else given[0])


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(
    "cut",
    [HEAD % 300, HEAD % 300 + b"<Publ", HEAD[:30], HEAD[:-4] % 30],
    ids=["body", "in body", "in head", "in length"],
)
def test_an_answer_that_is_cut_off_is_an_error_that_passes(
    aws: Aws, answers: list[bytes], cut: bytes, call: Callable[[Aws], object]
) -> None:
    answers.append(cut)
    with pytest.raises(BotoCoreError) as caught:
        call(aws)
    assert is_passing(caught.value)


def test_the_sdk_itself_asks_again(aws: Aws, answers: list[bytes]) -> None:
    body = b'{"Item": {"id": {"S": "x"}}}'
    answers += [HEAD % len(body), HEAD % len(body) + body]
    found: Any = CALLS["get"](aws)
    assert found["Item"] == {"id": {"S": "x"}}


def test_an_answer_that_is_not_what_the_service_speaks_passes(aws: Aws, answers: list[bytes]) -> None:
    answers.append(HEAD % 5 + b"<html")
    with pytest.raises(BotoCoreError) as caught:
        CALLS["publish"](aws)
    assert is_passing(caught.value)


def test_an_answer_without_a_body_needs_no_length(aws: Aws, answers: list[bytes]) -> None:
    answers.append(b"HTTP/1.1 204 No Content\r\n\r\n")
    aws.s3.delete_object(Bucket="bucket", Key="key")
