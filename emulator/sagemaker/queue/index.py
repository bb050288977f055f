"""The requests' index: those of an endpoint in one state, by their positions. All calls block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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

    def page(
        self, endpoint_name: str, state: State, limit: int, after: str | None
    ) -> tuple[list[Row], str | None]:
        """At most `limit` rows behind the position `after`, oldest first, and the position that leads on."""
        answer = self._query(endpoint_name, state, after, Limit=limit)
        more = answer.get("LastEvaluatedKey")
        return answer["Items"], more["position"]["S"] if more else None

    def all(self, endpoint_name: str, state: State, *attributes: str) -> list[Row]:
        """Every row, with its position and these attributes, oldest first.

        A long queue is read from both ends at once, until the readers meet.
        """
        names = {f"#a{number}": name for number, name in enumerate(("position", *attributes))}
        wanted = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        first = self._query(endpoint_name, state, None, **wanted)
        rows: list[Row] = list(first["Items"])
        more = first.get("LastEvaluatedKey")
        if more is not None:
            meeting = _Meeting(more["position"]["S"])
            with ThreadPoolExecutor(1) as thread:
                newest = thread.submit(self._until_met, endpoint_name, state, meeting, wanted, forward=False)
                rows += self._until_met(endpoint_name, state, meeting, wanted, forward=True)
                rows += newest.result()
        by_position = {row["position"]["S"]: row for row in rows}
        return [by_position[position] for position in sorted(by_position)]

    def _until_met(
        self, endpoint_name: str, state: State, meeting: _Meeting, wanted: Mapping[str, Any], *, forward: bool
    ) -> list[Row]:
        rows: list[Row] = []
        start = meeting.low if forward else None
        while not meeting.is_over:
            page = self._query(endpoint_name, state, start, ScanIndexForward=forward, **wanted)
            rows += page["Items"]
            more = page.get("LastEvaluatedKey")
            if more is None:
                meeting.end()
                break
            start = more["position"]["S"]
            meeting.reached(start, forward=forward)
        return rows

    def _query(
        self,
        endpoint_name: str,
        state: State,
        after: str | None,
        **options: Any,  # noqa: ANN401  # Query's own
    ) -> dict[str, Any]:
        key = state_key(endpoint_name, state)
        if after is not None:
            place = {
                "endpoint_state": key,
                "position": text(after),
                "request_id": text(after.partition("#")[2]),
            }
            options["ExclusiveStartKey"] = place
        names = {"#key": "endpoint_state", **options.pop("ExpressionAttributeNames", {})}
        answer: dict[str, Any] = self._call(
            self._client.query,
            TableName=self._table,
            IndexName=STATE_INDEX,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":key": key},
            **options,
        )
        return answer


class _Meeting:
    """How far two readers have come, one from each end: once one has passed the other, all has been read.

    Each position is written by one reader alone, so that both may read it without a lock: a reader that sees
    an older one reads a page that the other has, too.
    """

    def __init__(self, low: str) -> None:
        self.low = low
        self._high: str | None = None
        self._ended = False

    @property
    def is_over(self) -> bool:
        return self._ended or (self._high is not None and self.low >= self._high)

    def reached(self, position: str, *, forward: bool) -> None:
        if forward:
            self.low = position
        else:
            self._high = position

    def end(self) -> None:
        """One of them has come to the other end."""
        self._ended = True
