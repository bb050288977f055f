"""Conditional writes at the same time: of many callers, one is first."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CALLERS = 8


def winners(dynamodb: DynamoDBClient, rounds: int) -> list[int]:
    """How many callers were told in each round that they were the first."""
    table = f"races-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    with ThreadPoolExecutor(CALLERS) as threads:
        return [_round(dynamodb, table, str(number), threads) for number in range(rounds)]


def _round(dynamodb: DynamoDBClient, table: str, key: str, threads: ThreadPoolExecutor) -> int:
    at_once = threading.Barrier(CALLERS)
    dynamodb.put_item(TableName=table, Item={"key": {"S": key}})

    def is_first(caller: int) -> bool:
        at_once.wait()
        try:
            dynamodb.update_item(
                TableName=table,
                Key={"key": {"S": key}},
                UpdateExpression="SET winner = :caller",
                ConditionExpression="attribute_not_exists(winner)",
                ExpressionAttributeValues={":caller": {"N": str(caller)}},
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    return sum(threads.map(is_first, range(CALLERS)))
