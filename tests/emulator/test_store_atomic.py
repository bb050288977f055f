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
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef, UniversalAttributeValueTypeDef

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


VALUES: dict[str, UniversalAttributeValueTypeDef] = {
    "text": {"S": "é"},
    "no text": {"S": ""},
    "number": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "blobs": {"BS": [b"\x00", b"\xff"]},
    "map": {"M": {"S": {"S": "N"}, "N": {"M": {"B": {"B": b"deep"}}}}},
    "list": {"L": [{"S": "a"}, {"N": "7"}, {"L": []}, {"NULL": True}]},
    "true": {"BOOL": True},
    "false": {"BOOL": False},
}


def test_a_value_of_each_type_comes_back_as_it_was_put(dynamodb: DynamoDBClient) -> None:
    table = f"types-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=SCHEMA[:1],
    )
    item = {"id": {"S": "one"}, **VALUES}
    dynamodb.put_item(TableName=table, Item=item)
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "one"}})["Item"] == item
    assert dynamodb.scan(TableName=table)["Items"] == [item]


def test_an_update_of_several_clauses_does_the_same_each_time(dynamodb: DynamoDBClient) -> None:
    table = f"updates-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=SCHEMA[:1],
    )
    update = "SET kept = if_not_exists(kept, :new), much = much + :one REMOVE rest[0], rest[2] ADD seen :one"
    for key in ("first", "second"):
        rest = [{"S": f"{key}-{number}"} for number in range(5)]
        dynamodb.put_item(TableName=table, Item={"id": {"S": key}, "much": {"N": "1"}, "rest": {"L": rest}})
    for key in ("first", "second", "first"):
        dynamodb.update_item(
            TableName=table,
            Key={"id": {"S": key}},
            UpdateExpression=update,
            ExpressionAttributeValues={":new": {"S": key}, ":one": {"N": "1"}},
        )
    found = {item["id"]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}
    assert [text["S"] for text in found["first"]["rest"]["L"]] == ["first-3"]
    assert [text["S"] for text in found["second"]["rest"]["L"]] == ["second-1", "second-3", "second-4"]
    assert [(item["kept"]["S"], item["much"]["N"], item["seen"]["N"]) for item in found.values()] == [
        ("first", "3", "2"),
        ("second", "2", "1"),
    ]
