"""The store that stands in for DynamoDB keeps its promise: an item is read and written whole."""

from __future__ import annotations

import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.emulator import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef

pytestmark = pytest.mark.documented(
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"
)
ATTRIBUTES = [f"a{number}" for number in range(40)]
SCHEMA: list[KeySchemaElementTypeDef] = [
    {"AttributeName": "id", "KeyType": "HASH"},
    {"AttributeName": "part", "KeyType": "RANGE"},
]
UPDATE = "SET " + ", ".join(f"{name} = :value" for name in ATTRIBUTES)


@pytest.fixture
def dynamodb(moto_url: str) -> Iterator[DynamoDBClient]:
    made = client("dynamodb", moto_url)
    yield made
    made.close()


@pytest.fixture
def hurried() -> Iterator[None]:
    """The server's threads have their turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("keys", [["id"], ["id", "part"]])
@pytest.mark.usefixtures("hurried")
def test_nobody_reads_half_an_update(dynamodb: DynamoDBClient, keys: list[str]) -> None:
    table = f"atomic-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=SCHEMA[: len(keys)],
    )
    key = {name: {"S": "one"} for name in keys}
    done = threading.Event()

    def write() -> None:
        for number in range(25):
            values = {":value": {"N": str(number)}}
            dynamodb.update_item(
                TableName=table, Key=key, UpdateExpression=UPDATE, ExpressionAttributeValues=values
            )
        done.set()

    def read() -> set[int]:
        """How many different values the items had that were read."""
        seen = set()
        while not done.is_set():
            asked = [dynamodb.get_item(TableName=table, Key=key).get("Item", {})]
            asked += dynamodb.scan(TableName=table)["Items"]
            seen |= {len({str(item.get(name)) for name in ATTRIBUTES}) for item in asked}
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        pool.submit(write).result()
        assert [reader.result() for reader in readers] == [{1}, {1}, {1}]
    dynamodb.delete_table(TableName=table)
