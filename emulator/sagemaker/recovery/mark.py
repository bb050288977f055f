"""A mark in the emulator's tables, by which a store that has lost all is told from one that is away."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.aws import says_no_table
from meshtwin.emulator.sagemaker.queue.table import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

    from meshtwin.emulator.core.aws import Aws

_KEY: dict[str, Value] = {"kind": {"S": "store"}, "name": {"S": "mark"}}


class Mark:
    """One id in the table of resources. All emulators on these tables share it; the first one has written it.

    Both calls raise StoreUnavailableError where DynamoDB does not answer, or refuses.
    """

    def __init__(self, aws: Aws, resources: str, requests: str) -> None:
        self._aws = aws
        self._resources = resources
        self._requests = requests
        self._id: str | None = None

    async def write(self) -> None:
        """Leave a mark where there is none, and know it from now on."""
        await self._aws.run(self._write, uuid.uuid4().hex)

    def _write(self, new: str) -> None:
        dynamodb = self._aws.dynamodb
        try:
            dynamodb.put_item(
                TableName=self._resources,
                Item={**_KEY, "document": {"S": new}},
                ConditionExpression="attribute_not_exists(#kind)",
                ExpressionAttributeNames={"#kind": "kind"},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            new = self._read() or ""
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error
        self._id = new

    async def is_there(self) -> bool:
        """Whether both tables are there, and the mark is the one that is known."""
        return await self._aws.run(self._read) == self._id

    def _read(self) -> str | None:
        try:
            answer = self._aws.dynamodb.batch_get_item(
                RequestItems={
                    self._resources: {"Keys": [_KEY], "ConsistentRead": True},
                    # For the table's sake: the answer is an error where it is missing.
                    self._requests: {"Keys": [{"request_id": {"S": "#mark"}}]},
                }
            )
        except (BotoCoreError, ClientError) as error:
            if says_no_table(error):
                return None
            raise self._unavailable(error) from error
        if answer["UnprocessedKeys"]:
            raise StoreUnavailableError(f"DynamoDB table {self._resources!r}: it has too much to do")
        return next((item["document"]["S"] for item in answer["Responses"][self._resources]), None)

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(f"DynamoDB table {self._resources!r}: {error}")
