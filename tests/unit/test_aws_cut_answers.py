"""Answers of AWS, or of a store in its place, whose connection ends before all of them has come."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError, IncompleteReadError

from meshtwin.cloud.clients import Clients
from meshtwin.cloud.profiles import load_profile
from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.lambda_.topics import new_clients
from meshtwin.emulator.sagemaker.delivery.retry import is_passing
from meshtwin.minecraft.images.bedrock import bedrock_client
from meshtwin.minecraft.lambdas import clients as functions
from meshtwin.minecraft.s3 import Location, read_if_there
from meshtwin.runtime.contract import ErrorCode, JobError
from meshtwin.runtime.jobs.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
CALLS: dict[str, Callable[[Aws], object]] = {
    "get": lambda aws: aws.dynamodb.get_item(TableName="table", Key={"id": {"S": "x"}}),
    "query": lambda aws: aws.dynamodb.query(TableName="table", KeyConditionExpression="a = b"),
    "put": lambda aws: aws.s3.put_object(Bucket="bucket", Key="key", Body=b"x"),
    "begin": lambda aws: aws.s3.create_multipart_upload(Bucket="bucket", Key="key"),
    "publish": lambda aws: aws.sns.publish(TopicArn="arn:aws:sns:us-east-1:1:t", Message="m"),
    "measure": lambda aws: aws.cloudwatch.put_metric_data(Namespace="n", MetricData=[]),
}

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
CUT_IN_BODY, CUT_IN_HEAD = HEAD % 300, HEAD[:30]


def command() -> Clients:
    """The clients of a command, which the SDK's own settings lead."""
    return Clients(load_profile("sagemaker", SETTINGS))


OF_OTHERS: dict[str, Callable[[], object]] = {
    "table of builds": lambda: functions.dynamodb().get_item(TableName="table", Key={"id": {"S": "x"}}),
    "build's object": lambda: functions.s3().put_object(Bucket="bucket", Key="key", Body=b"x"),
    "build's function": lambda: functions.functions().invoke(FunctionName="f", InvocationType="Event"),
    "image model": lambda: bedrock_client("us-east-1").invoke_model(modelId="m", body=b"{}"),
    "command's S3": lambda: command().s3.list_objects_v2(Bucket="bucket"),
    "command's invocation": lambda: command().sagemaker_runtime.invoke_endpoint_async(
        EndpointName="e", InputLocation="s3://bucket/key"
    ),
    "command's account": lambda: command().other("sts").get_caller_identity(),
    "host's topics": lambda: new_clients("us-east-1").sns.list_topics(NextToken=""),
    "host's queue": lambda: new_clients("us-east-1").sqs.create_queue(QueueName="q"),
    "container's report": lambda: Storage().put_progress("s3://bucket/key", b"{}"),
}


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[str, list[bytes]]]:
    """A store's URL, and what it answers."""
    given: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, given), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", given
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def answers(store: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the store answers to one call after the other, closing its connection; the last one again."""
    url, given = store
    for name, value in (SETTINGS | {"AWS_ENDPOINT_URL": url}).items():
        monkeypatch.setenv(name, value)
    # What the SDK waits between two attempts.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    given.clear()
    return given


@pytest.fixture(scope="module")
def aws(store: tuple[str, list[bytes]]) -> Iterator[Aws]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (SETTINGS | {"AWS_ENDPOINT_URL": store[0]}).items():
            patched.setenv(name, value)
        made = Aws("us-east-1", threads=1)
    yield made
    made.close()


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


@pytest.mark.parametrize("call", OF_OTHERS.values(), ids=OF_OTHERS.keys())
def test_no_client_takes_a_cut_answer_for_a_success(answers: list[bytes], call: Callable[[], object]) -> None:
    answers.append(CUT_IN_HEAD)
    with pytest.raises(ConnectionClosedError):
        call()


def test_an_error_in_chunks_that_are_cut_off_is_one_of_the_sdk(answers: list[bytes]) -> None:
    answers.append(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n<Error><Code>NoSu")
    with pytest.raises(HTTPClientError):
        functions.s3().get_object(Bucket="bucket", Key="key")


@pytest.mark.parametrize("most", [None, 100], ids=["all", "its beginning"])
def test_a_build_reads_no_object_in_half(answers: list[bytes], most: int | None) -> None:
    answers.append(HEAD % 10 + b"half.")
    with pytest.raises((HTTPClientError, IncompleteReadError)):
        read_if_there(functions.s3(), Location("bucket", "key"), most)
    answers[:] = [HEAD % 10 + b"0123456789"]
    assert read_if_there(functions.s3(), Location("bucket", "key"), most) == b"0123456789"


def test_a_build_reads_no_more_of_an_object_than_it_wants(answers: list[bytes]) -> None:
    answers.append(HEAD % 10 + b"0123456789")
    assert read_if_there(functions.s3(), Location("bucket", "key"), 4) == b"0123"


@pytest.mark.parametrize("cut", [CUT_IN_HEAD, HEAD % 10 + b"half."], ids=["in head", "in body"])
def test_the_container_downloads_again_what_was_cut_off(
    answers: list[bytes], tmp_path: Path, cut: bytes
) -> None:
    answers += [cut, HEAD % 10 + b"0123456789"]
    storage = Storage()
    storage.download("s3://bucket/key", tmp_path / "file", 10, lambda: None)
    storage.close()
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_an_upload_whose_answer_never_comes_has_failed(answers: list[bytes], tmp_path: Path) -> None:
    answers.append(CUT_IN_BODY)
    (tmp_path / "file").write_bytes(b"x")
    storage = Storage()
    with pytest.raises(JobError) as caught:
        storage.upload(tmp_path / "file", "s3://bucket/key")
    storage.close()
    assert caught.value.code is ErrorCode.STORAGE_UNAVAILABLE
