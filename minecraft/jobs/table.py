"""The job table: rows by key, the queue by a sparse index, every change of a job a conditional write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ClientError

from meshtwin.minecraft.jobs.job import (
    ACTIVE_PART,
    INDEX_KEY,
    JOB_ID,
    QUEUED,
    UNREADABLE,
    UNREADABLE_MESSAGE,
    Job,
    index_of,
    stored,
)
from meshtwin.minecraft.jobs.states import ENDS, State, check
from meshtwin.minecraft.jobs.writes import KEY, Write, execute, from_item, to_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from meshtwin.minecraft.jobs.writes import Value

Clock: TypeAlias = Callable[[], float]
"""Seconds since the epoch, such as `time.time`."""

INDEX = "queue"
TTL_ATTRIBUTE = "expires_at"
DEFAULT_TTL_SECONDS = 604_800
"""A week, after which DynamoDB may delete the row of a job that has not changed."""

COUNTERS = "counters#"
TYPICAL_SECONDS = 180.0
"""How long a job takes, until one has been measured."""

_NEWEST_SHARE = 0.3
"""The weight of the newest job in the running mean."""

_LIVE = "attribute_not_exists(#expires_at) OR #expires_at > :now"
"""Expired rows stay in the index until DynamoDB deletes them, days later: they do not count."""


class LostJobError(Exception):
    """The job has changed since its writer read it: another worker has it, or it has ended."""


def table_definition(name: str) -> dict[str, Any]:
    """CreateTable's parameters. TTL is set separately: `TTL_ATTRIBUTE`, by UpdateTimeToLive.

    The index is sparse: it has the rows with both its keys, which are jobs that have not ended.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html
    """
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": KEY, "AttributeType": "S"},
            {"AttributeName": INDEX_KEY, "AttributeType": "S"},
            {"AttributeName": "ticket", "AttributeType": "N"},
        ],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": INDEX_KEY, "KeyType": "HASH"},
                    {"AttributeName": "ticket", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": [TTL_ATTRIBUTE]},
            }
        ],
    }


def create_table(client: DynamoDBClient, name: str) -> bool:
    """Create the table unless it exists, and wait for it; True where this call created it."""
    try:
        client.create_table(**table_definition(name))
    except client.exceptions.ResourceInUseException:
        return False
    client.get_waiter("table_exists").wait(TableName=name)
    with suppress(ClientError):  # TTL is on already
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        )
    return True


class JobTable:
    """Jobs in the DynamoDB table `name`."""

    def __init__(
        self, client: DynamoDBClient, name: str, clock: Clock, ttl_seconds: int = DEFAULT_TTL_SECONDS
    ) -> None:
        self.client = client
        self.name = name
        self.clock = clock
        self._ttl = ttl_seconds

    def add(self, job: Job, *beside: Write) -> Job | None:
        """Add a new job at the end of the queue, in one transaction with the writes `beside`.

        The job as added; None where its id exists, or an item of `beside` is not as expected.
        """
        now = self.clock()
        new = replace(
            job, ticket=self._take_ticket(), created_at=now, updated_at=now, expires_at=self.expiry()
        )
        put = Write(new.job_id, self._without_key(new.to_values()), {"state": None})
        return new if execute(self.client, self.name, put, *beside) else None

    def expiry(self) -> int:
        """The expiry time of an item that is written now."""
        return int(self.clock()) + self._ttl

    @staticmethod
    def _without_key(values: dict[str, Value | None]) -> dict[str, Value]:
        return {name: value for name, value in values.items() if name != KEY and value is not None}

    def get(self, job_id: str) -> Job | None:
        """The job as it is now, or None where there is none or it has expired.

        DynamoDB deletes late: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
        """
        item = self.item(job_id) if JOB_ID.fullmatch(job_id) else None
        if item is None:
            return None
        job = Job.from_values(item)
        return job if job.expires_at > self.clock() else None

    def fail_unreadable(self, job: Job) -> None:
        """Record that an unreadable job has failed, which removes it from the index; keep all else."""
        now = self.clock()
        changes = stored({"state": State.FAILED, "ended_at": now, "expires_at": self.expiry()})
        message = {"error": UNREADABLE_MESSAGE, "error_code": UNREADABLE, INDEX_KEY: None}
        for part in (QUEUED, ACTIVE_PART):
            if execute(self.client, self.name, Write(job.job_id, changes | message, {INDEX_KEY: part})):
                return

    def advance(self, job: Job, target: State, *beside: Write, **changes: object) -> Job:
        """Change the job's state, in one transaction with the writes `beside`.

        No other method changes a state. The condition is that the job has the state and the fencing number
        that the caller knows.

        Raises:
            IllegalTransitionError: `target` may not follow the job's state.
            LostJobError: the job has changed since the caller read it.
        """
        check(job.state, target)
        now = self.clock()
        times: dict[str, object] = {"expires_at": self.expiry()}
        if target in ENDS:
            times |= {"ended_at": now, "retry_at": None, "deadline": None}
        return self._write(job, {"state": target, **times, **changes}, beside)

    def save(self, job: Job, **changes: object) -> Job:
        """Write fields of a job that keeps its state, under its fencing number.

        Raises:
            LostJobError: the job has changed since the caller read it.
        """
        return self._write(job, changes, ())

    def _write(self, job: Job, changes: dict[str, Any], beside: tuple[Write, ...]) -> Job:
        new = replace(job, updated_at=self.clock(), **changes)
        values = stored({name: getattr(new, name) for name in (*changes, "updated_at")})
        if "state" in changes and index_of(new.state) != index_of(job.state):
            values[INDEX_KEY] = index_of(new.state)
        expected = {"state": job.state.value, "fence": job.fence}
        made = execute(self.client, self.name, Write(job.job_id, values, expected), *beside)
        if not made and not self._is_written(job, values):
            raise LostJobError(f"job {job.job_id}: no longer {job.state} under fence {job.fence}")
        return new

    def _is_written(self, job: Job, values: dict[str, Value | None]) -> bool:
        """Whether the row has these values: a response was lost, and the SDK's retry met its own write."""
        item = self.item(job.job_id) or {}
        return item.get("fence") == values.get("fence", job.fence) and all(
            item.get(name) == value for name, value in values.items()
        )

    def queued(self) -> Iterator[str]:
        """Ids of the queued jobs, the oldest first."""
        return self._indexed(QUEUED)

    def active(self) -> Iterator[str]:
        """Ids of the active jobs, the oldest first."""
        return self._indexed(ACTIVE_PART)

    def ahead_of(self, job: Job) -> int:
        """How many queued jobs came before this one."""
        return self._count("#queue = :part AND #ticket < :ticket", {"ticket": job.ticket})

    def count_waiting(self) -> int:
        """How many jobs are queued."""
        return self._count("#queue = :part", {})

    def _indexed(self, part: str) -> Iterator[str]:
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=INDEX,
            KeyConditionExpression="#queue = :part",
            FilterExpression=_LIVE,
            ExpressionAttributeNames={"#queue": INDEX_KEY, "#expires_at": TTL_ATTRIBUTE},
            ExpressionAttributeValues=to_item({":part": part, ":now": int(self.clock())}),
            PaginationConfig={"PageSize": 100},
        )
        for page in pages:
            for item in page["Items"]:
                yield str(from_item(item)[KEY])

    def _count(self, condition: str, values: dict[str, int]) -> int:
        names = {"#queue": INDEX_KEY, "#expires_at": TTL_ATTRIBUTE} | {f"#{name}": name for name in values}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=INDEX,
            Select="COUNT",
            KeyConditionExpression=condition,
            FilterExpression=_LIVE,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(
                {
                    ":part": QUEUED,
                    ":now": int(self.clock()),
                    **{f":{name}": value for name, value in values.items()},
                }
            ),
        )
        return sum(page["Count"] for page in pages)

    def typical_seconds(self) -> float:
        """The running mean of how long jobs took from start to end, of those that succeeded."""
        item = self.item(COUNTERS)
        return float((item or {}).get("typical_seconds", TYPICAL_SECONDS))

    def record_duration(self, seconds: float) -> None:
        """Add a job's duration to the running mean. Of two concurrent calls one may be lost."""
        known = self.typical_seconds()
        self.client.update_item(
            TableName=self.name,
            Key={KEY: {"S": COUNTERS}},
            UpdateExpression="SET typical_seconds = :seconds",
            ExpressionAttributeValues={":seconds": {"N": repr(known + _NEWEST_SHARE * (seconds - known))}},
        )

    def item(self, key: str) -> dict[str, Any] | None:
        """An item of any kind as it is now; None where there is none."""
        found = self.client.get_item(TableName=self.name, Key={KEY: {"S": key}}, ConsistentRead=True)
        return from_item(found["Item"]) if "Item" in found else None

    def _take_ticket(self) -> int:
        """The next number: clocks of different machines cannot order requests."""
        answer = self.client.update_item(
            TableName=self.name,
            Key={KEY: {"S": COUNTERS}},
            UpdateExpression="ADD tickets :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["tickets"]["N"])
