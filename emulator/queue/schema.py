"""How a request lies in DynamoDB, and the table it lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.queue.request import AsyncRequest, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

PENDING_INDEX = "pending"
"""Holds only the requests that have not ended: hash `<endpoint>#<state>`, range `<position>#<request id>`."""

_TEXT_FIELDS = (
    "request_id",
    "endpoint_name",
    "inference_id",
    "output_location",
    "failure_location",
    "input_location",
    "content_type",
    "accept",
    "custom_attributes",
)


def text(value: str) -> Value:
    """A DynamoDB string."""
    return {"S": value}


def number(value: float) -> Value:
    """A DynamoDB number; times keep their microseconds."""
    return {"N": str(value) if isinstance(value, int) else f"{value:.6f}"}


def pending_key(endpoint_name: str, state: State) -> Value:
    """The index's hash key."""
    return text(f"{endpoint_name}#{state}")


def to_item(
    request: AsyncRequest, position: int, *, state: State = State.QUEUED, fence: int = 0
) -> dict[str, Value]:
    """The item of a request that has just been accepted."""
    item: dict[str, Value] = {
        "received_at": number(request.received_at),
        "ttl_seconds": number(request.ttl_seconds),
        "timeout_seconds": number(request.timeout_seconds),
        "expires_at": number(request.expires_at),
        "state": text(state),
        "fence": number(fence),
        "pending": pending_key(request.endpoint_name, state),
        # Zero-padded, so that the order of the text is the order of the numbers.
        "position": text(f"{position:020d}#{request.request_id}"),
    }
    for name in _TEXT_FIELDS:
        value = getattr(request, name)
        if value is not None:
            item[name] = text(value)
    if request.body is not None:
        item["body"] = {"B": request.body}
    return item


def to_request(item: Mapping[str, Any]) -> AsyncRequest:
    """The request that lies in `item`."""
    texts = {name: item[name]["S"] for name in _TEXT_FIELDS if name in item}
    return AsyncRequest(
        **texts,
        received_at=float(item["received_at"]["N"]),
        ttl_seconds=int(item["ttl_seconds"]["N"]),
        timeout_seconds=int(item["timeout_seconds"]["N"]),
        body=bytes(item["body"]["B"]) if "body" in item else None,
    )


def create_table(client: DynamoDBClient, name: str) -> None:
    """Create the table, its index and its time to live, as far as they are missing."""
    try:
        table = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        _create(client, name)
    else:
        indexes = {index.get("IndexName") for index in table.get("GlobalSecondaryIndexes", [])}
        if PENDING_INDEX not in indexes:
            raise RuntimeError(
                f"DynamoDB table {name!r} has no index {PENDING_INDEX!r}: it is not the emulator's; "
                f"set another table prefix or delete it"
            )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    status = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if status.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "forget_at"}
        )


def _create(client: DynamoDBClient, name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "request_id", "AttributeType": "S"},
            {"AttributeName": "pending", "AttributeType": "S"},
            {"AttributeName": "position", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": PENDING_INDEX,
                "KeySchema": [
                    {"AttributeName": "pending", "KeyType": "HASH"},
                    {"AttributeName": "position", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["expires_at", "fence", "owner", "lease_expires_at"],
                },
            }
        ],
    )
