"""Conditional writes to DynamoDB: the changes of an item, and what it must be for them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "job_id"
"""The table's partition key."""

Value: TypeAlias = str | int | float

_CONFLICT_ATTEMPTS = 8
_FIRST_PAUSE = 0.025
"""Seconds, at most, before the second attempt; twice that before each further one: 3 s in all."""


class Write(NamedTuple):
    """A change of one item, made only where the item is as `expected`.

    None as a change removes the attribute; None as an expectation means that the attribute is not there.
    """

    key: str
    changes: Mapping[str, Value | None]
    expected: Mapping[str, Value | None]

    def parameters(self, table: str) -> dict[str, Any]:
        """As UpdateItem, and an Update of TransactWriteItems, take it."""
        names = {f"#{name}": name for name in (*self.changes, *self.expected)}
        sets = {name: value for name, value in self.changes.items() if value is not None}
        removes = [f"#{name}" for name, value in self.changes.items() if value is None]
        needs = {name: value for name, value in self.expected.items() if value is not None}
        absent = [f"attribute_not_exists(#{name})" for name, value in self.expected.items() if value is None]
        update = []
        if sets:
            update.append("SET " + ", ".join(f"#{name} = :{name}" for name in sets))
        if removes:
            update.append("REMOVE " + ", ".join(removes))
        values = {f":{name}": value for name, value in sets.items()}
        values |= {f":was_{name}": value for name, value in needs.items()}
        return {
            "TableName": table,
            "Key": {KEY: {"S": self.key}},
            "UpdateExpression": " ".join(update),
            "ConditionExpression": " AND ".join([*(f"#{name} = :was_{name}" for name in needs), *absent]),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(values),
        }


def execute(client: DynamoDBClient, table: str, *writes: Write) -> bool:
    """Make all the writes, or none; False where an item was not as expected.

    Raises:
        ClientError: DynamoDB refused for another reason.
    """
    for attempt in range(_CONFLICT_ATTEMPTS):
        if attempt:
            # Jitter, so that writers that conflicted do not conflict again.
            time.sleep(random.uniform(0, _FIRST_PAUSE * 2 ** (attempt - 1)))  # noqa: S311  # no secret
        try:
            _send(client, table, writes)
        except ClientError as error:
            reasons = _reasons(error)
            if "ConditionalCheckFailed" in reasons:
                return False
            # Another transaction holds one of the items: SDKs leave the retry to the caller.
            if "TransactionConflict" not in reasons or attempt == _CONFLICT_ATTEMPTS - 1:
                raise
        else:
            return True
    raise AssertionError  # the last round returns or raises


def _send(client: DynamoDBClient, table: str, writes: tuple[Write, ...]) -> None:
    if len(writes) == 1:
        client.update_item(**writes[0].parameters(table))
    else:
        client.transact_write_items(
            TransactItems=[{"Update": write.parameters(table)} for write in writes]  # type: ignore[typeddict-item]  # built as a plain dict
        )


def _reasons(error: ClientError) -> set[str]:
    code = error.response["Error"]["Code"]
    cancelled: Any = error.response.get("CancellationReasons", [])
    found = {str(reason.get("Code")) for reason in cancelled}
    return found | {code.removesuffix("Exception")}


def to_item(values: Mapping[str, Value | None]) -> dict[str, Any]:
    """A mapping as DynamoDB writes it; what is None is left out."""
    return {
        name: {"S": value} if isinstance(value, str) else {"N": repr(value)}
        for name, value in values.items()
        if value is not None
    }


def from_item(item: Mapping[str, Any]) -> dict[str, Value]:
    """The opposite of `to_item`."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, str]) -> Value:
    if "S" in value:
        return value["S"]
    number = value["N"]
    return int(number) if number.lstrip("-").isdigit() else float(number)
