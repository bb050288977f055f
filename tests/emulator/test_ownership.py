"""One emulator owns its tables: a second one refuses to start, and takes over those of one that has ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import boto3
import pytest

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.core.documents import DocumentTable
from meshtwin.emulator.core.owner import new_owner
from meshtwin.emulator.sagemaker.queue.table import RequestTable
from meshtwin.emulator.sagemaker.recovery.ownership import Ownership, TablesOwnedError
from tests.support.emulator import run_emulator
from tests.support.harness import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.assumed

ELSEWHERE = "another-host:1:00000000"
"""Of a process there, nobody here knows whether it runs."""


class Tables:
    """The two tables of one prefix, and who may want to own them."""

    def __init__(self, aws: Aws, prefix: str) -> None:
        self.aws = aws
        self.documents = DocumentTable(aws, prefix)
        self.requests = RequestTable(aws, f"{prefix}-requests", ELSEWHERE)

    def ownership(self, owner: str, lease_seconds: float = 1.0) -> Ownership:
        return Ownership(self.aws, self.documents.name, self.requests.name, owner, lease_seconds)


@contextlib.asynccontextmanager
async def tables() -> AsyncIterator[Tables]:
    aws = Aws("us-east-1")
    made = Tables(aws, f"t-{uuid.uuid4().hex[:8]}")
    await made.documents.setup()
    await aws.run(made.requests.create)
    try:
        yield made
    finally:
        aws.close()


def drive(scenario: Callable[[Tables], Awaitable[None]]) -> None:
    async def main() -> None:
        async with tables() as made:
            await scenario(made)

    asyncio.run(main())


def test_a_second_emulator_refuses_to_start_and_says_whose_the_tables_are(aws: str, tmp_path: Path) -> None:
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    with run_emulator(aws, tmp_path, table_prefix=prefix) as first:
        second = subprocess.run(
            [sys.executable, "-m", "meshtwin.emulator", "--table-prefix", prefix],
            env={**os.environ, "AWS_ENDPOINT_URL": aws},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f"process {first.process.pid} on {socket.gethostname()}" in second.stderr
        assert f"{prefix}-requests" in second.stderr
        assert "--table-prefix" in second.stderr
        assert "Traceback" not in second.stderr


def test_one_that_was_killed_is_succeeded_at_once_and_one_that_was_stopped_too(
    aws: str, tmp_path: Path
) -> None:
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    for is_killed in (True, False, False):
        options = ("--set", "lease_seconds=3600")
        with run_emulator(aws, tmp_path, table_prefix=prefix, options=options) as running:
            if is_killed:
                running.process.kill()


def test_an_emulator_whose_tables_another_one_has_taken_over_ends(aws: str, tmp_path: Path) -> None:
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    dynamodb = boto3.client("dynamodb", endpoint_url=aws)
    with run_emulator(aws, tmp_path, table_prefix=prefix, options=("--set", "lease_seconds=1")) as running:
        dynamodb.update_item(
            TableName=f"{prefix}-resources",
            Key={"kind": {"S": "store"}, "name": {"S": "owner"}},
            UpdateExpression="SET #owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": ELSEWHERE}},
        )
        assert running.process.wait(20) == 1
        assert "belong to another emulator, process 1 on another-host" in running.log.read_text()
    dynamodb.close()


@pytest.mark.usefixtures("aws")
def test_an_owner_elsewhere_whose_heartbeat_goes_on_keeps_its_tables() -> None:
    async def scenario(tables: Tables) -> None:
        first, second = tables.ownership(ELSEWHERE), tables.ownership(new_owner())
        await first.acquire()
        with pytest.raises(TablesOwnedError, match="process 1 on another-host"):
            await second.acquire()
        await second.close()
        assert await first.is_there()
        await first.close()
        assert not await first.is_there()

    drive(scenario)


@pytest.mark.usefixtures("aws")
def test_an_owner_elsewhere_without_heartbeat_is_succeeded_and_ends_when_it_comes_back() -> None:
    async def scenario(tables: Tables) -> None:
        # Its first heartbeat comes after the other's lease: it hangs, as one whose machine sleeps.
        first, second = tables.ownership(ELSEWHERE, 10.0), tables.ownership(new_owner(), 1.0)
        await first.acquire()
        await second.acquire()
        with pytest.raises(TablesOwnedError, match=socket.gethostname()):
            await asyncio.wait_for(first.wait_until_taken(), 10)
        await first.close()
        assert await second.is_there()
        await second.close()

    drive(scenario)


@pytest.mark.usefixtures("aws")
def test_of_two_that_find_the_tables_free_one_gets_them() -> None:
    async def scenario(tables: Tables) -> None:
        both = [tables.ownership(f"host-{number}:1:00000000", 3600.0) for number in range(2)]
        ends = await asyncio.gather(*(one.write() for one in both), return_exceptions=True)
        assert [type(end) for end in ends if end is not None] == [TablesOwnedError]
        for one in both:
            await one.close()
        assert not await both[0].is_there()

    drive(scenario)


@pytest.mark.usefixtures("aws")
def test_a_row_that_the_store_has_lost_is_asked_about_and_not_written_by_a_heartbeat() -> None:
    async def scenario(tables: Tables) -> None:
        owner = tables.ownership(new_owner())
        await owner.acquire()
        tables.aws.store_probe.open()
        key = {"kind": {"S": "store"}, "name": {"S": "owner"}}
        await tables.aws.run(
            lambda: tables.aws.dynamodb.delete_item(TableName=tables.documents.name, Key=key)
        )
        assert await until(lambda: tables.aws.store_probe.wanted(1.0))
        assert not await owner.is_there()
        tables.aws.store_probe.close()
        await owner.close()

    drive(scenario)
