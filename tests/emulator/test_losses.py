"""What is missing in the store was lost with all else, or was never there: the one is made up for, once."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import TYPE_CHECKING, Any

import pytest

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.store_probe import StoreProbe
from meshtwin.emulator.sagemaker.delivery import dispatcher as dispatcher_module
from meshtwin.emulator.sagemaker.delivery import objects as objects_module
from meshtwin.emulator.sagemaker.delivery.objects import Objects, OutputError
from meshtwin.emulator.sagemaker.delivery.payload import Payload
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.table import RequestTable
from tests.support.harness import Harness, drive, running, settings_for, spec_for, until
from tests.support.s3_proxy import Handler, S3Proxy, forward

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.assumed

PART = 5 * 1024 * 1024


def write(objects: Objects, location: str, content: bytes) -> None:
    payload = Payload(io.BytesIO(content), len(content), "text/plain")
    objects.write(location, payload, metadata={}, kms_key_id=None, stop=threading.Event())


class Probed(StoreProbe):
    """A probe that finds the store empty and sets it up again, or finds it well where there is no set-up."""

    def __init__(self, set_up: Callable[[], object] | None) -> None:
        super().__init__()
        self._set_up = set_up
        self.requests = 0

    def request(self) -> Future[None]:
        self.requests += 1
        if self._set_up is not None:
            self._set_up()
            self.restarts += 1
        return super().request()


def test_an_upload_whose_parts_are_lost_begins_anew(
    s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_module, "_PART_BYTES", PART)
    client = Aws("us-east-1")
    losses: list[str] = []

    def lose(params: dict[str, Any], **_: Any) -> None:
        if "partNumber=2" in params["url"] and not losses:
            losses.append(params["url"])
            s3.delete_bucket(Bucket=bucket)

    probe = Probed(lambda: s3.create_bucket(Bucket=bucket))
    client.s3.meta.events.register("before-call.s3.UploadPart", lose)
    content = b"x" * PART + b"y" * PART + b"z"
    write(Objects(client.s3, probe), f"s3://{bucket}/key", content)
    client.close()
    with s3.get_object(Bucket=bucket, Key="key")["Body"] as body:
        assert body.read() == content
    assert len(losses) == 1


def test_a_bucket_that_never_was_there_is_asked_about_once(aws: str) -> None:
    assert aws
    client = Aws("us-east-1")
    probe = Probed(None)
    with pytest.raises(OutputError, match="NoSuchBucket"):
        write(Objects(client.s3, probe), "s3://no-such-bucket/key", b"x")
    calls = client.usage.calls["s3.PutObject"]
    client.close()
    assert (probe.requests, calls) == (1, 1)


def test_a_lost_request_that_could_not_be_taken_over_is_counted_whatever_the_store_does_meanwhile(
    aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, spec = settings_for(tmp_path), spec_for()
    refused, away = [True], [0]

    def fault(handler: Handler, body: bytes) -> None:
        operation = handler.headers["X-Amz-Target"].rpartition(".")[2]
        if operation == "UpdateItem" and refused[0] and b"taken over" in body:
            handler.answer(500, b"{}", {"Content-Type": "application/x-amz-json-1.0"})
        elif operation == "BatchGetItem" and away[0]:
            away[0] -= 1
            handler.answer(503, b"{}", {"Content-Type": "application/x-amz-json-1.0"})
        else:
            forward(handler, body)

    async def main() -> None:
        async with running(aws, settings) as first:
            request = await first.submit(spec)
            left = RequestTable(first.aws, first.queue.table.name, "another-host:1:00000000")
            left.claim(spec.endpoint_name, Entry(0, request.request_id, request.expires_at))
        with S3Proxy(aws).running() as proxy:
            proxy.faults["POST", ""] = fault
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
            async with running(aws, settings, bucket=first.bucket) as second:
                second.queue.table.delete(request.request_id)
                away[0] = 3  # each attempt of the SDK
                with pytest.raises(UnavailableError):
                    await second.patrol.report_lost()
                assert (away, second.dispatcher.lost_count) == ([0], 0)
                await second.patrol.report_lost()
                assert second.dispatcher.lost_count == 1
                assert not len(second.queue.backlog(spec.endpoint_name))

    asyncio.run(main())


def test_a_store_is_set_up_again_though_every_thread_waits_for_that(
    aws: str, s3: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "_MAX_THREADS", 1)

    async def scenario(harness: Harness) -> None:
        loop = asyncio.get_running_loop()

        def set_up_again() -> None:
            # The thread of the only delivery comes here, and what runs is written again before it goes on.
            asyncio.run_coroutine_threadsafe(harness.dispatcher.restore_running(), loop).result(10)
            s3.create_bucket(Bucket=harness.bucket)

        monkeypatch.setattr(harness.dispatcher._runner._objects, "_probe", Probed(set_up_again))
        s3.delete_bucket(Bucket=harness.bucket)
        spec = spec_for()
        await harness.fleets.start(spec)
        request = await harness.submit(spec)
        assert (await harness.ended(request))["state"] == "completed"

    drive(aws, settings_for(tmp_path), scenario)


def test_a_request_that_ends_while_it_is_written_again_does_not_run_again(aws: str, tmp_path: Path) -> None:
    gate, deliveries = tmp_path / "gate", tmp_path / "deliveries"
    sent, may_go = threading.Event(), threading.Event()

    def hold(**_: Any) -> None:
        if threading.current_thread().name.startswith("restoring"):
            sent.set()
            may_go.wait()

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        request = await harness.submit(spec, f"wait {gate}".encode())
        await until(deliveries.exists)
        harness.aws.dynamodb.meta.events.register("before-call.dynamodb.PutItem", hold)
        restoring = asyncio.create_task(harness.dispatcher.restore_running())
        await until(sent.is_set)
        gate.touch()
        await harness.ended(request)
        await until(lambda: not harness.dispatcher.running_count)
        # The record of its end is lost, as all that the store had.
        harness.queue.table.delete(request.request_id)
        may_go.set()
        await restoring
        assert await asyncio.to_thread(harness.queue.table.get, request.request_id) is None

    drive(aws, settings_for(tmp_path), scenario)
