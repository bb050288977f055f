"""How a request lies in DynamoDB, and the table it lies in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.queue.request import AsyncRequest, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

STATE_INDEX = "by_state"
"""All requests: hash `<endpoint>#<state>`, range `<position>#<request id>`."""

_CALL_FIELDS = (
    "output_location",
    "failure_location",
    "input_location",
    "call_id",
    "content_type",
    "accept",
    "custom_attributes",
    "received_at",
    "ttl_seconds",
    "timeout_seconds",
    "generation",
)
"""What nobody asks for alone lies in one attribute: stores are as slow as an item has attributes."""


def text(value: str) -> Value:
    """A DynamoDB string."""
    return {"S": value}


def number(value: float) -> Value:
    """A DynamoDB number; times keep their microseconds."""
    return {"N": str(value) if isinstance(value, int) else f"{value:.6f}"}


def state_key(endpoint_name: str, state: State) -> Value:
    """The index's hash key."""
    return text(f"{endpoint_name}#{state}")


def event(at: float, what: str, **facts: str | int | None) -> Value:
    """One entry of a request's timeline."""
    given = {name: value for name, value in facts.items() if value is not None}
    return text(json.dumps({"at": round(at, 6), "event": what, **given}, separators=(",", ":")))


def to_item(
    request: AsyncRequest,
    position: int,
    *,
    state: State = State.QUEUED,
    fence: int = 0,
    then: Value | None = None,
) -> dict[str, Value]:
    """The item of a request that has just been accepted; `then` is what else has happened to it already."""
    accepted = event(request.received_at, "accepted")
    call = {name: value for name in _CALL_FIELDS if (value := getattr(request, name)) is not None}
    item: dict[str, Value] = {
        "request_id": text(request.request_id),
        "endpoint_name": text(request.endpoint_name),
        "inference_id": text(request.inference_id),
        "call": text(json.dumps(call, separators=(",", ":"))),
        "expires_at": number(request.expires_at),
        "state": text(state),
        "fence": number(fence),
        "endpoint_state": state_key(request.endpoint_name, state),
        # Zero-padded, so that the order of the text is the order of the numbers.
        "position": text(f"{position:020d}#{request.request_id}"),
        "timeline": {"L": [accepted] if then is None else [accepted, then]},
    }
    if request.body is not None:
        item["body"] = {"B": request.body}
    return item


def to_request(item: Mapping[str, Any]) -> AsyncRequest:
    """The request that lies in `item`."""
    return AsyncRequest(
        request_id=item["request_id"]["S"],
        endpoint_name=item["endpoint_name"]["S"],
        inference_id=item["inference_id"]["S"],
        **json.loads(item["call"]["S"]),
        body=bytes(item["body"]["B"]) if "body" in item else None,
    )


def timeline_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What has happened to the request that lies in `item`, in its order."""
    # A write whose answer was lost, and which was sent again, has left its line twice.
    return [json.loads(line) for line in dict.fromkeys(entry["S"] for entry in item["timeline"]["L"])]


def create_table(client: DynamoDBClient, name: str) -> None:
    """Create the table, its index and its time to live, as far as they are missing."""
    try:
        table = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        _create(client, name)
    else:
        indexes = {index.get("IndexName") for index in table.get("GlobalSecondaryIndexes", [])}
        if STATE_INDEX not in indexes:
            raise RuntimeError(
                f"DynamoDB table {name!r} has no index {STATE_INDEX!r}: it is not the emulator's, or an "
                "earlier version's; set another table prefix or delete it"
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
            {"AttributeName": "endpoint_state", "AttributeType": "S"},
            {"AttributeName": "position", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "request_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": STATE_INDEX,
                "KeySchema": [
                    {"AttributeName": "endpoint_state", "KeyType": "HASH"},
                    {"AttributeName": "position", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": [
                        "expires_at",
                        "fence",
                        "owner",
                        "inference_id",
                        "ended_at",
                        "reason",
                    ],
                },
            }
        ],
    )
