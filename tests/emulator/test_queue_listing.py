"""Requests are listed by state, page by page; a table of another making is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.request import State
from meshtwin.emulator.sagemaker.queue.table import RequestTable
from tests.support.harness import Harness, drive, settings_for, spec_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.assumed


def test_requests_are_listed_by_state_the_oldest_first_page_by_page(aws: str, tmp_path: Path) -> None:
    async def scenario(harness: Harness) -> None:
        spec, table = spec_for(), harness.queue.table
        requests = [replace(harness.request(spec), inference_id=f"i{number}") for number in range(5)]
        for position, request in enumerate(requests):
            table.put(request, position)
        other = harness.request(spec_for())
        table.put(other, 0)
        found, token, pages = [], None, 0
        while pages == 0 or token is not None:
            page, token = table.page(spec.endpoint_name, State.QUEUED, 2, token)
            found += [listed.inference_id for listed in page]
            pages += 1
        assert found == ["i0", "i1", "i2", "i3", "i4"]
        assert pages == 3

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 60])
def test_a_queue_of_many_pages_is_read_whole_and_in_its_order(aws: str, tmp_path: Path, count: int) -> None:
    """A page ends at a megabyte: ten of these bodies."""

    async def scenario(harness: Harness) -> None:
        spec, table = spec_for(), harness.queue.table
        requests = [harness.request(spec, b"x" * 100_000) for _ in range(count)]
        for position, request in enumerate(requests):
            table.put(request, position)
        found = table.queued(spec.endpoint_name)
        assert [entry.position for entry in found] == list(range(count))
        assert [entry.request_id for entry in found] == [request.request_id for request in requests]

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.EXPIRED, State.CANCELLED])
def test_an_ended_request_is_listed_with_its_reason_and_asked_for_by_no_start(
    aws: str, tmp_path: Path, state: State
) -> None:
    async def scenario(harness: Harness) -> None:
        spec, table = spec_for(), harness.queue.table
        request = harness.request(spec)
        table.put(request, 1)
        claim = table.claim(spec.endpoint_name, Entry(1, request.request_id, request.expires_at))
        assert [one.request_id for one in table.page(spec.endpoint_name, State.RUNNING, 9)[0]] == [
            request.request_id
        ]
        table.end(claim, state, reason="why", now=7.0, delete_at=2_000_000_000)
        (listed,), token = table.page(spec.endpoint_name, state, 9)
        assert (listed.request_id, listed.ended_at, listed.reason) == (request.request_id, 7.0, "why")
        assert token is None
        assert table.page(spec.endpoint_name, State.RUNNING, 9) == ([], None)
        assert table.queued(spec.endpoint_name) == []
        assert table.running(spec.endpoint_name) == []

    drive(aws, settings_for(tmp_path), scenario)


@pytest.mark.usefixtures("aws")
def test_a_table_without_the_index_is_refused_with_the_way_out() -> None:
    client = Aws("us-east-1")
    try:
        client.dynamodb.create_table(
            TableName="old-requests",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "request_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
        )
        with pytest.raises(RuntimeError, match=r"'old-requests'.*earlier version.*table prefix or delete it"):
            RequestTable(client, "old-requests", "o").create()
    finally:
        client.close()
