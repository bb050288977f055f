"""DynamoDB answers 500 for the item of one request, and serves all others: that request alone waits."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.table import RequestTable
from tests.support.harness import Harness, drive, running, settings_for, spec_for, until
from tests.support.s3_proxy import S3Proxy, forward

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tests.support.s3_proxy import Handler

pytestmark = pytest.mark.assumed

DEAD_OWNER = f"{socket.gethostname()}:999999999:00000000"


class Store:
    """DynamoDB, which answers 500 to every UpdateItem that has all of `words` in it."""

    def __init__(self, proxy: S3Proxy) -> None:
        self.words: tuple[str, ...] | None = None
        self.failed = 0
        proxy.faults["POST", ""] = self._serve

    def _serve(self, handler: Handler, body: bytes) -> None:
        is_update = handler.headers["X-Amz-Target"].endswith(".UpdateItem")
        if is_update and self.words is not None and all(word.encode() in body for word in self.words):
            self.failed += 1
            handler.answer(500, json.dumps({"__type": "InternalServerError"}).encode())
        else:
            forward(handler, body)


@pytest.fixture
def store(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with S3Proxy(aws).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
        yield Store(proxy)


def settings(folder: Path, **changes: Any) -> Any:
    return settings_for(folder, item_patience=0, patrol_seconds=0.3, **changes)


def test_a_request_that_cannot_be_claimed_holds_no_slot(aws: str, tmp_path: Path, store: Store) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        bad, good = await harness.submit(spec, b"bad"), await harness.submit(spec, b"good")
        store.words = (bad.request_id,)
        await harness.fleets.start(spec)
        assert (await harness.ended(good))["state"] == "completed"
        assert harness.record(bad)["state"] == "queued"
        store.words = None
        assert (await harness.ended(bad))["state"] == "completed"
        assert harness.result(bad)["Body"] == b"bad"

    drive(aws, settings(tmp_path), scenario)


def test_requests_whose_ends_cannot_be_recorded_hold_up_nobody_and_run_once(
    aws: str, tmp_path: Path, store: Store
) -> None:
    deliveries = tmp_path / "deliveries"

    async def scenario(harness: Harness) -> None:
        spec = spec_for("script", environment={"DELIVERIES": str(deliveries)})
        await harness.fleets.start(spec)
        store.words = (spec.endpoint_name, "ended_at")
        # As many as may wait for their ends beside one slot.
        bad = [await harness.submit(spec) for _ in range(3)]
        await until(lambda: deliveries.exists() and len(deliveries.read_text().split()) == 3)
        assert not any("ended_at" in harness.record(one) for one in bad)
        store.words = None
        for one in bad:
            assert (await harness.ended(one))["state"] == "completed"
            assert harness.result(one)["Body"] == b"hello"
        assert len(deliveries.read_text().split()) == 3

    drive(aws, settings(tmp_path), scenario)


def test_a_request_is_waited_for_where_dynamodb_writes_nothing(
    aws: str, tmp_path: Path, store: Store
) -> None:
    async def scenario(harness: Harness) -> None:
        spec = spec_for()
        request = await harness.submit(spec)
        store.words = ()
        await harness.fleets.start(spec)
        await until(lambda: store.failed > 8)
        store.words = None
        assert (await harness.ended(request))["state"] == "completed"

    with capture_logs() as logs:
        drive(aws, settings(tmp_path), scenario)
    assert "request_set_aside" not in [line["event"] for line in logs]


def test_an_emulator_starts_beside_a_request_that_cannot_be_taken_over(
    aws: str, tmp_path: Path, store: Store
) -> None:
    given, spec = settings(tmp_path), spec_for()

    async def main() -> None:
        async with running(aws, given) as first:
            bad, good = await first.submit(spec, b"bad"), await first.submit(spec, b"good")
            for one in (bad, good):
                left = RequestTable(first.aws, first.queue.table.name, DEAD_OWNER)
                left.claim(spec.endpoint_name, Entry(0, one.request_id, one.expires_at))
        store.words = (bad.request_id,)
        async with running(aws, given, bucket=first.bucket) as second:
            await second.fleets.start(spec)
            assert (await second.ended(good))["state"] == "completed"
            store.words = None
            assert (await second.ended(bad))["state"] == "completed"

    asyncio.run(main())
