"""One emulator owns its tables: a row says which, and its heartbeat that it lives.

Heartbeats are a promise between processes, whose clocks may differ: all times here are real seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.aws import says_no_table
from meshtwin.emulator.core.owner import is_certainly_gone, is_certainly_running
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.core.supervised import Supervised

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

    from meshtwin.emulator.core.aws import Aws

_KEY: dict[str, Value] = {"kind": {"S": "store"}, "name": {"S": "owner"}}
_HEARTBEATS = 5
"""In each lease."""

log = structlog.get_logger(__name__)


class TablesOwnedError(Exception):
    """The tables belong to another emulator."""


class _Row(NamedTuple):
    owner: str
    heartbeat: int


class Ownership:
    """The owner's row in the table of resources. Used from one event loop.

    An emulator that finds the row of another one waits for `lease_seconds` whether its heartbeat goes on,
    unless the other one is a process of this host, whose life can be read from the system.
    """

    def __init__(self, aws: Aws, resources: str, requests: str, owner: str, lease_seconds: float) -> None:
        self._aws = aws
        self._resources = resources
        self._requests = requests
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._is_held = False
        self._taken: asyncio.Future[None] | None = None
        self._tasks = Supervised()

    async def acquire(self) -> None:
        """Own the tables from now on.

        Raises:
            TablesOwnedError: another emulator owns them and is running.
            UnavailableError: DynamoDB does not answer, or refuses.
        """
        found = await self._aws.run(self._read_row)
        if found is not None and not is_certainly_gone(found.owner):
            await self._wait_for_the_end_of(found)
        await self.write(found)
        self._taken = asyncio.get_running_loop().create_future()
        self._tasks.run("heartbeats", self._run)

    async def _wait_for_the_end_of(self, found: _Row) -> None:
        if is_certainly_running(found.owner):
            raise self._owned_by(found.owner)
        log.warning("waiting_for_owner", owner=found.owner, seconds=self._lease_seconds)
        deadline = time.monotonic() + self._lease_seconds
        while (remaining := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(remaining, self._lease_seconds / _HEARTBEATS))
            row = await self._aws.run(self._read_row)
            if row is None:
                return
            if row != found:
                raise self._owned_by(row.owner)

    async def write(self, found: _Row | None = None) -> None:
        """Write the row where there is none, or in place of the one that was found.

        TablesOwnedError where another emulator was faster, UnavailableError where DynamoDB is away.
        """
        await self._aws.run(self._write, found)
        self._is_held = True

    def _write(self, found: _Row | None) -> None:
        # The row that was found, or one that no heartbeat ever leaves.
        owner, heartbeat = found if found is not None else _Row("nobody", -1)
        dynamodb = self._aws.dynamodb
        try:
            dynamodb.put_item(
                TableName=self._resources,
                Item={**_KEY, "owner": {"S": self._owner}, "heartbeat": {"N": "0"}},
                ConditionExpression="attribute_not_exists(#owner)"
                " OR (#owner = :owner AND #heartbeat = :heartbeat)",
                ExpressionAttributeNames={"#owner": "owner", "#heartbeat": "heartbeat"},
                ExpressionAttributeValues={":owner": {"S": owner}, ":heartbeat": {"N": str(heartbeat)}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            row = self._read_row()
            if row is None or row.owner != self._owner:  # else it is this write, repeated by the SDK
                raise self._owned_by(row.owner if row is not None else "unknown") from None
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error

    async def wait_until_taken(self) -> None:
        """Returns when another emulator has taken the tables over, which were left without heartbeats."""
        assert self._taken is not None
        await asyncio.shield(self._taken)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / _HEARTBEATS)
            try:
                await self._aws.run(self._beat)
            except UnavailableError:
                continue  # the watch over the store logs it
            except TablesOwnedError as error:
                log.error("tables_taken_over", reason=str(error))  # noqa: TRY400  # the message says all
                self._is_held = False
                if self._taken is not None and not self._taken.done():
                    self._taken.set_exception(error)
                return

    def _beat(self) -> None:
        dynamodb = self._aws.dynamodb
        try:
            dynamodb.update_item(
                TableName=self._resources,
                Key=_KEY,
                UpdateExpression="ADD #heartbeat :one",
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner", "#heartbeat": "heartbeat"},
                ExpressionAttributeValues={":owner": {"S": self._owner}, ":one": {"N": "1"}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            row = self._read_row()
            if row is None:
                self._aws.store_probe.request()
            elif row.owner != self._owner:
                raise self._owned_by(row.owner) from None
        except (BotoCoreError, ClientError) as error:
            if says_no_table(error):
                self._aws.store_probe.request()
            raise self._unavailable(error) from error

    async def is_there(self) -> bool:
        """Whether both tables are there, and the row: a store that has lost everything has none.

        UnavailableError where DynamoDB does not answer, or refuses.
        """
        return await self._aws.run(self._read_row) is not None

    def _read_row(self) -> _Row | None:
        try:
            answer = self._aws.dynamodb.batch_get_item(
                RequestItems={
                    self._resources: {"Keys": [_KEY], "ConsistentRead": True},
                    # For the table's sake: the answer is an error where it is missing.
                    self._requests: {"Keys": [{"request_id": {"S": "#owner"}}]},
                }
            )
        except (BotoCoreError, ClientError) as error:
            if says_no_table(error):
                return None
            raise self._unavailable(error) from error
        if answer["UnprocessedKeys"]:
            raise UnavailableError(f"DynamoDB table {self._resources!r}: it has too much to do")
        rows = answer["Responses"][self._resources]
        return _Row(rows[0]["owner"]["S"], int(rows[0]["heartbeat"]["N"])) if rows else None

    async def close(self) -> None:
        """Give the tables up, for the next emulator to have them at once."""
        await self._tasks.close()
        if self._taken is not None:
            self._taken.cancel()
        if self._is_held:
            self._is_held = False
            await self._aws.run(self._delete)

    def _delete(self) -> None:
        dynamodb = self._aws.dynamodb
        try:
            dynamodb.delete_item(
                TableName=self._resources,
                Key=_KEY,
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": self._owner}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return
        except (BotoCoreError, ClientError) as error:
            log.warning("tables_not_given_up", error=str(error))

    def _owned_by(self, owner: str) -> TablesOwnedError:
        host, pid = [*owner.split(":"), ""][:2]
        return TablesOwnedError(
            f"the tables {self._resources} and {self._requests} at {self._aws.dynamodb.meta.endpoint_url} "
            f"belong to another emulator, process {pid} on {host}, which is running. Stop it, or start this "
            "one with another --table-prefix."
        )

    def _unavailable(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"DynamoDB table {self._resources!r}: {error}")
