"""The requests' index: those of an endpoint in one state, by their positions. All calls block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshtwin.emulator.sagemaker.queue.schema import STATE_INDEX, state_key, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from meshtwin.emulator.sagemaker.queue.request import State

    Row = Mapping[str, Any]


class StateIndex:
    """The index of one table; `call` makes DynamoDB's calls, and translates their errors."""

    def __init__(self, call: Callable[..., Any], client: DynamoDBClient, table: str) -> None:
        self._call = call
        self._client = client
        self._table = table

    def all(self, endpoint_name: str, state: State, *attributes: str) -> list[Row]:
        """Every row, with its position and these attributes, oldest first."""
        names = {f"#a{number}": name for number, name in enumerate(("position", *attributes))}
        wanted = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        rows, after = self.page(endpoint_name, state, None, **wanted)
        while after is not None:
            found, after = self.page(endpoint_name, state, after, **wanted)
            rows += found
        return rows

    def page(
        self,
        endpoint_name: str,
        state: State,
        after: str | None,
        **options: Any,  # noqa: ANN401  # Query's own
    ) -> tuple[list[Row], str | None]:
        """Rows behind the position `after`, oldest first, and the position that leads on."""
        key = state_key(endpoint_name, state)
        if after is not None:
            options["ExclusiveStartKey"] = {
                "endpoint_state": key,
                "position": text(after),
                "request_id": text(after.partition("#")[2]),
            }
        names = {"#key": "endpoint_state", **options.pop("ExpressionAttributeNames", {})}
        answer = self._call(
            self._client.query,
            TableName=self._table,
            IndexName=STATE_INDEX,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":key": key},
            **options,
        )
        more = answer.get("LastEvaluatedKey")
        return answer["Items"], more["position"]["S"] if more else None
