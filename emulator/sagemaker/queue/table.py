"""The requests' table: every change is one conditional write, checked against the legal transitions.

All calls block; they are made from worker threads. A write may be repeated by the SDK or by the caller after
an answer was lost: each is written so that its repetition succeeds and changes nothing, but for a line of
the timeline that is there twice, and read once.

Errors:

    UnavailableError   DynamoDB refused, hung or is away; the call may be repeated
    StaleClaimError         the request was claimed again since, or has ended: whoever asks has to stop
    └── NoRecordError       there is no such request: the store has lost what was in it
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.emulator.core.aws import says_no_table
from meshtwin.emulator.core.protocol.errors import UnavailableError
from meshtwin.emulator.sagemaker.queue.backlog import Entry
from meshtwin.emulator.sagemaker.queue.index import StateIndex
from meshtwin.emulator.sagemaker.queue.recent import Recent
from meshtwin.emulator.sagemaker.queue.request import TRANSITIONS, AsyncRequest, State
from meshtwin.emulator.sagemaker.queue.rows import to_entry, to_listed, to_running
from meshtwin.emulator.sagemaker.queue.schema import (
    create_table,
    event,
    number,
    state_key,
    text,
    to_item,
    to_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef as Value

    from meshtwin.emulator.core.aws import Aws
    from meshtwin.emulator.sagemaker.queue.rows import Listed, Running

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html, and API_BatchGetItem
_BATCH, _READ_BATCH = 25, 100

_ENDPOINTS_ROW = "#endpoints"
_log = structlog.get_logger()
_OWN_TRIES = 4
"""More than a store loses its tables while one change is made."""
_OWN = "#fence = :fence AND #owner = :owner AND #state IN (:source, :target)"


class StaleClaimError(Exception):
    """The request was claimed again since, or has ended. `item` is its item, None where there is none."""

    def __init__(self, message: str, item: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.item = item


class NoRecordError(StaleClaimError):
    """The table has no such request."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that `owner` runs; `fence` grows with each claim, so that a late write is refused."""

    request: AsyncRequest
    position: int
    owner: str
    fence: int

    @property
    def entry(self) -> Entry:
        """What the queue needs to take the request back."""
        return Entry(self.position, self.request.request_id, self.request.expires_at, self.fence)


class RequestTable:
    """Requests in DynamoDB; `owner` names this emulator process."""

    def __init__(self, aws: Aws, name: str, owner: str, recent: Recent | None = None) -> None:
        self.name = name
        self.recent = recent or Recent(0)
        self.owner = owner
        self._client = aws.dynamodb
        self._reading = aws.dynamodb_reading
        self._probe = aws.store_probe
        self._index = StateIndex(self._call, self._reading, name)

    def create(self) -> None:
        """Create the table where it is missing."""
        self._call(create_table, self._reading, self.name)

    def put(self, request: AsyncRequest, position: int) -> None:
        """Accept a request: it is durable when this returns."""
        self._create_item(request.request_id, to_item(request, position))
        self.recent.accepted(request, position, State.QUEUED, 0)

    def _create_item(self, request_id: str, item: dict[str, Value]) -> None:
        """Write an item where there is none, or the same: a repetition that lands late undoes no change.

        A store that was paused does what its callers have given up, and sent again, long ago.
        """
        same = {name: item[name] for name in ("state", "fence", "owner") if name in item}
        is_same = " AND ".join(f"#{name} = :{name}" for name in same)
        try:
            self._call(
                self._client.put_item,
                TableName=self.name,
                Item=item,
                ConditionExpression=f"attribute_not_exists(request_id) OR ({is_same})",
                ExpressionAttributeNames={f"#{name}": name for name in same},
                ExpressionAttributeValues={f":{name}": value for name, value in same.items()},
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise StaleClaimError(f"request {request_id} is claimed already, or has ended") from error

    def delete(self, request_id: str) -> None:
        """Delete a request, there or not: its caller was refused."""
        self._call(self._client.delete_item, TableName=self.name, Key={"request_id": text(request_id)})
        self.recent.remove(request_id)

    def delete_all(self, request_ids: list[str]) -> None:
        """Delete requests, there or not: refused ones, and records whose time is over."""
        for start in range(0, len(request_ids), _BATCH):
            keys = [{"request_id": text(request_id)} for request_id in request_ids[start : start + _BATCH]]
            deletions = [{"DeleteRequest": {"Key": key}} for key in keys]
            self._call(self._client.batch_write_item, RequestItems={self.name: deletions})

    def get(self, request_id: str) -> Mapping[str, Any] | None:
        """The item of a request, ended or not."""
        key = {"request_id": text(request_id)}
        answer = self._call(self._client.get_item, TableName=self.name, Key=key, ConsistentRead=True)
        item: Mapping[str, Any] | None = answer.get("Item")
        return item

    def claim(
        self, endpoint_name: str, entry: Entry, *, now: float = 0.0, instance_id: str | None = None
    ) -> Claim:
        """Claim a queued request for this owner; the write's answer brings the request itself.

        NoRecordError where it is not in the table.
        """
        fence = entry.fence + 1
        item = self._advance(
            entry.request_id,
            State.QUEUED,
            State.RUNNING,
            condition="(#state = :source AND #fence = :before)"
            " OR (#state = :target AND #owner = :owner AND #fence = :fence)",
            values={":before": number(entry.fence), ":fence": number(fence), ":owner": text(self.owner)},
            sets={
                "fence": number(fence),
                "owner": text(self.owner),
                "endpoint_state": state_key(endpoint_name, State.RUNNING),
            },
            event=event(now, "claimed", instance=instance_id, delivery=fence),
            returns=True,
        )
        claim = Claim(to_request(item), entry.position, self.owner, fence)
        self.recent.accepted(claim.request, entry.position, State.RUNNING, fence)
        return claim

    def restore(self, claim: Claim, now: float, is_held: Callable[[], bool]) -> None:
        """Write a running request again where the store has lost it.

        The thread that runs the request may end it at the same time. `is_held` says whether it still does:
        a request that has ended is not left in the table, where it would be found and run once more.
        """
        if not is_held():
            return
        try:
            self._write_again(claim, now)
        except StaleClaimError:
            return  # the store has it: written again by the other thread, or never lost
        if not is_held():
            self._delete_own(claim)

    def _delete_own(self, claim: Claim) -> None:
        try:
            self._call(
                self._client.delete_item,
                TableName=self.name,
                Key={"request_id": text(claim.request.request_id)},
                ConditionExpression="#fence = :fence AND #owner = :owner AND #state = :running",
                ExpressionAttributeNames={f"#{name}": name for name in ("fence", "owner", "state")},
                ExpressionAttributeValues={
                    ":fence": number(claim.fence),
                    ":owner": text(claim.owner),
                    ":running": text(State.RUNNING),
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return  # its end was written after it

    def put_back(self, claim: Claim, now: float = 0.0) -> None:
        """Return the request to the queue."""
        key = state_key(claim.request.endpoint_name, State.QUEUED)
        sets = {"endpoint_state": key}
        self._advance_own(claim, State.QUEUED, sets, now, event(now, "put back"))
        self.recent.accepted(claim.request, claim.position, State.QUEUED, claim.fence)

    def end(self, claim: Claim, state: State, *, reason: str | None, now: float, delete_at: float) -> None:
        """Record the one end of the request. Its inline body stays: a replay needs it."""
        sets = {
            "ended_at": number(now),
            "forget_at": number(int(delete_at)),
            "endpoint_state": state_key(claim.request.endpoint_name, state),
        }
        if reason is not None:
            sets["reason"] = text(reason)
        self._advance_own(claim, state, sets, now, event(now, state, reason=reason))
        self.recent.ended(claim.request, state, now, reason)

    def take_over(self, running: Running, now: float) -> None:
        """Return a request to the queue that an earlier owner, or a thread of this one, left running."""
        self._advance(
            running.entry.request_id,
            State.RUNNING,
            State.QUEUED,
            condition=_OWN,
            values={":fence": number(running.entry.fence), ":owner": text(running.owner)},
            sets={"endpoint_state": state_key(running.endpoint_name, State.QUEUED)},
            event=event(now, "taken over"),
        )
        self.recent.returned(running.endpoint_name)

    def queued(self, endpoint_name: str) -> list[Entry]:
        """The endpoint's queued requests, oldest first."""
        return [to_entry(row) for row in self._index.all(endpoint_name, State.QUEUED, "expires_at", "fence")]

    def oldest(self, endpoint_name: str, limit: int) -> list[Entry]:
        """The endpoint's first queued requests, oldest first."""
        rows, _ = self._index.page(endpoint_name, State.QUEUED, None, Limit=limit)
        return [to_entry(row) for row in rows]

    def present(self, request_ids: list[str]) -> set[str]:
        """Which of these requests the table has, whatever their state."""
        found: set[str] = set()
        for start in range(0, len(request_ids), _READ_BATCH):
            keys = [{"request_id": text(one)} for one in request_ids[start : start + _READ_BATCH]]
            wanted: Any = {
                self.name: {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": "request_id"}
            }
            while wanted:
                answer = self._call(self._reading.batch_get_item, RequestItems=wanted)
                found |= {row["request_id"]["S"] for row in answer["Responses"][self.name]}
                wanted = answer["UnprocessedKeys"]
        return found

    def running(self, endpoint_name: str) -> list[Running]:
        """The endpoint's running requests, oldest first."""
        rows = self._index.all(endpoint_name, State.RUNNING, "expires_at", "fence", "owner")
        return [to_running(row, endpoint_name) for row in rows]

    def register(self, endpoint_name: str) -> None:
        """Note that the endpoint may have requests, so that a later start asks for them."""
        self._endpoints("ADD #names :names, #kept :names", [endpoint_name])

    def unregister(self, endpoint_names: list[str]) -> None:
        """Note that these endpoints have no requests that wait or run."""
        self._endpoints("DELETE #names :names", endpoint_names)

    def unregister_kept(self, endpoint_names: list[str]) -> None:
        """Note that these endpoints have no requests at all."""
        self._endpoints("DELETE #kept :names", endpoint_names)

    def registered(self, attribute: str = "names") -> list[str]:
        """Names of the endpoints that may have requests; with `kept`, also of those whose have all ended."""
        item = self.get(_ENDPOINTS_ROW) or {}
        return sorted(item[attribute]["SS"]) if attribute in item else []

    def _endpoints(self, expression: str, names: list[str]) -> None:
        self._call(
            self._client.update_item,
            TableName=self.name,
            Key={"request_id": text(_ENDPOINTS_ROW)},
            UpdateExpression=expression,
            ExpressionAttributeNames={
                f"#{name}": name for name in ("names", "kept") if f"#{name}" in expression
            },
            ExpressionAttributeValues={":names": {"SS": names}},
        )

    def page(
        self, endpoint_name: str, state: State, limit: int, after: str | None = None
    ) -> tuple[list[Listed], str | None]:
        """Requests of one endpoint in one state, the oldest first, and where the next page begins.

        `after` is the position of the last request of the page before.
        """
        rows, more = self._index.page(endpoint_name, state, after, Limit=limit)
        return [to_listed(row, endpoint_name, state) for row in rows], more

    def _advance_own(
        self, claim: Claim, target: State, sets: dict[str, Value], now: float, event: Value
    ) -> None:
        """A change of a request that this owner runs, all of which is in memory.

        Where the store has lost it, it is written again: its end is recorded whatever the store has been
        through meanwhile. `restore` may write it again between a change that is refused and the read that
        says why: what is still ours is changed then.
        """
        change = partial(
            self._advance,
            claim.request.request_id,
            State.RUNNING,
            target,
            condition=_OWN,
            values={":fence": number(claim.fence), ":owner": text(claim.owner)},
            sets=sets,
            event=event,
        )
        for _ in range(_OWN_TRIES - 1):
            try:
                change()
            except NoRecordError:
                with contextlib.suppress(StaleClaimError):  # written again by `restore` meanwhile
                    self._write_again(claim, now)
            except StaleClaimError as error:
                if not _is_running(claim, error.item):
                    raise
            else:
                return
        change()

    def _write_again(self, claim: Claim, now: float) -> None:
        again = event(now, "written again", delivery=claim.fence)
        item = to_item(claim.request, claim.position, state=State.RUNNING, fence=claim.fence, then=again)
        self._create_item(claim.request.request_id, {**item, "owner": text(claim.owner)})
        _log.warning(
            "request_written_again",
            endpoint=claim.request.endpoint_name,
            request_id=claim.request.request_id,
            inference_id=claim.request.inference_id,
        )

    def _advance(  # noqa: PLR0913  # one door for all changes, each by name
        self,
        request_id: str,
        source: State,
        target: State,
        *,
        condition: str,
        values: dict[str, Value],
        sets: dict[str, Value],
        event: Value,
        returns: bool = False,
    ) -> Mapping[str, Any]:
        """The one door through which a request changes its state."""
        if target is not source and target not in TRANSITIONS[source]:
            raise ValueError(f"request {request_id}: {source} may not become {target}")
        changed = {**sets, "state": text(target)}
        values = {**values, ":source": text(source), ":target": text(target), ":event": {"L": [event]}}
        values.update({f":new_{name}": value for name, value in changed.items()})
        assignments = ", ".join(f"#{name} = :new_{name}" for name in changed)
        try:
            answer = self._call(
                self._client.update_item,
                TableName=self.name,
                Key={"request_id": text(request_id)},
                UpdateExpression=f"SET {assignments}, #timeline = list_append(#timeline, :event)",
                ConditionExpression=condition,
                ExpressionAttributeNames={
                    f"#{name}": name for name in ("fence", "owner", "timeline", *changed)
                },
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW" if returns else "NONE",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item = self.get(request_id)
            if item is None:
                raise NoRecordError(f"request {request_id} is not in the table {self.name!r}") from error
            words = f"{item['state']['S']}, claim {item['fence']['N']}"
            raise StaleClaimError(
                f"request {request_id} cannot become {target}: it is {words}", item
            ) from error
        attributes: Mapping[str, Any] = answer.get("Attributes", {})
        return attributes

    def _call(self, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # boto3's answers
        try:
            return function(*args, **kwargs)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise
        except (BotoCoreError, ClientError) as error:
            if says_no_table(error):
                self._probe.request()
            raise UnavailableError(f"DynamoDB table {self.name!r}: {error}") from error


def _is_running(claim: Claim, item: Mapping[str, Any] | None) -> bool:
    """Whether the item is still as the claim made it."""
    claimed = {"state": text(State.RUNNING), "fence": number(claim.fence), "owner": text(claim.owner)}
    return item is not None and all(item.get(name) == value for name, value in claimed.items())
