"""What has to outlive the emulator and is small: documents in one DynamoDB table, read by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.aws import says_no_table
from meshtwin.emulator.core.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from meshtwin.emulator.core.aws import Aws

    P = ParamSpec("P")
    T = TypeVar("T")


class DocumentTable:
    """The table `<prefix>-resources`: partition key `kind`, sort key `name`, and a JSON `document`.

    Every call raises UnavailableError where DynamoDB does not answer, or refuses.
    """

    def __init__(self, aws: Aws, prefix: str) -> None:
        self._aws = aws
        self.name = f"{prefix}-resources"

    async def setup(self) -> None:
        """Create the table where it is not there yet."""
        try:
            await self._call(self._create)
        except UnavailableError as error:
            if not _has_code(error.__cause__, "ResourceInUseException"):
                raise
        await self._call(self._wait_until_active)

    def _create(self) -> None:
        # A store that loads a service at its first call takes longer than for later calls.
        self._aws.dynamodb_reading.create_table(
            TableName=self.name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "kind", "KeyType": "HASH"},
                {"AttributeName": "name", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "kind", "AttributeType": "S"},
                {"AttributeName": "name", "AttributeType": "S"},
            ],
        )

    def _wait_until_active(self) -> None:
        waiter = self._aws.dynamodb.get_waiter("table_exists")
        waiter.wait(TableName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    async def load(self, kind: str) -> list[str]:
        """All documents of a kind, in the order of their names."""
        return await self._call(self._query, kind)

    def _query(self, kind: str) -> list[str]:
        pages = self._aws.dynamodb.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            ConsistentRead=True,
        )
        return [item["document"]["S"] for page in pages for item in page["Items"]]

    async def put(self, kind: str, name: str, document: str) -> None:
        """Keep a document, in place of the one of its kind and name."""
        item = {"kind": {"S": kind}, "name": {"S": name}, "document": {"S": document}}
        await self._call(self._aws.dynamodb.put_item, TableName=self.name, Item=item)

    async def delete(self, kind: str, name: str) -> None:
        """Delete a document, there or not."""
        key = {"kind": {"S": kind}, "name": {"S": name}}
        await self._call(self._aws.dynamodb.delete_item, TableName=self.name, Key=key)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._aws.run(function, *args, **kwargs)
        except (BotoCoreError, ClientError) as error:
            if says_no_table(error):
                self._aws.store_probe.request()
            endpoint = self._aws.dynamodb.meta.endpoint_url
            raise UnavailableError(f"DynamoDB at {endpoint}, table {self.name}: {error}") from error


def _has_code(error: BaseException | None, code: str) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == code
