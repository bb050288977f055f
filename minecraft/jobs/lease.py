"""Leases: the places in which jobs are worked on, and who works there now.

There are MAX_ACTIVE_JOBS places. A job keeps its place from its start to its end; whoever works on it, holds
the place's lease for the length of one call. Each holder gets a new fencing number, which the job's row gets
in the same transaction: a holder whose lease was taken over can write nothing any more, whatever its clock
says. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BestPractices_DistributedLocking.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import LostJobError
from meshtwin.minecraft.jobs.writes import KEY, Write, execute, from_item
from meshtwin.minecraft.timeouts import LEASE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.table import JobTable
    from meshtwin.minecraft.jobs.writes import Value

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Lease:
    """One place: which job has it, and who works on that until when. `nudges` counts those who came by."""

    slot: int
    job: str | None = None
    owner: str | None = None
    until: float = 0.0
    fence: int = 0
    nudges: int = 0

    @property
    def key(self) -> str:
        """The item's."""
        return key_of(self.slot)

    def held_at(self, now: float) -> bool:
        """Whether somebody may be at work."""
        return self.owner is not None and self.until > now


def key_of(slot: int) -> str:
    """The key of a place's item."""
    return f"lease#{slot}"


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to write a job, for as long as nobody takes it over."""

    lease: Lease
    job: Job


class Leases:
    """The places of a job table."""

    def __init__(self, table: JobTable, places: int = 1, seconds: float = LEASE_SECONDS) -> None:
        self._table = table
        self.places = places
        self._seconds = seconds

    def get(self, slot: int) -> Lease:
        """A place as it is now."""
        answer = self._table.client.get_item(
            TableName=self._table.name, Key={KEY: {"S": key_of(slot)}}, ConsistentRead=True
        )
        values = from_item(answer.get("Item", {}))
        return Lease(
            slot,
            _text(values.get("job")),
            _text(values.get("owner")),
            float(values.get("until", 0)),
            int(values.get("fence", 0)),
            int(values.get("nudges", 0)),
        )

    def all(self) -> Iterator[Lease]:
        """Every place."""
        return (self.get(slot) for slot in range(self.places))

    def start(self, lease: Lease, job: Job) -> Job:
        """Give a free place to a queued job, which is STARTING then.

        Raises:
            LostJobError: the place or the job was given away meanwhile.
        """
        fence = max(lease.fence, job.fence) + 1
        occupy = Write(
            lease.key, {"job": job.job_id, "fence": fence}, {"job": None, "fence": lease.fence or None}
        )
        return self._table.advance(
            job, State.STARTING, occupy, slot=lease.slot, fence=fence, started_at=self._table.clock()
        )

    def take(self, job: Job, owner: str) -> Hold | None:
        """The lease of an active job's place; None where somebody else is at work, who will hear of it.

        Raises:
            LostJobError: the job has lost its place: it has ended, or an operator has cleared it away.
        """
        assert job.slot is not None
        for _ in range(_ATTEMPTS):
            lease = self.get(job.slot)
            if lease.job != job.job_id:
                raise LostJobError(f"job {job.job_id}: {lease.key} is {lease.job or 'nobody'}'s")
            if lease.held_at(self._table.clock()):
                if self._nudge(lease):
                    return None
            elif (hold := self._take_over(lease, job, owner)) is not None:
                return hold
            job = self._again(job)
        return None

    def _take_over(self, lease: Lease, job: Job, owner: str) -> Hold | None:
        fence = max(lease.fence, job.fence) + 1
        until = self._table.clock() + self._seconds
        new = replace(lease, owner=owner, until=until, fence=fence)
        take = Write(
            lease.key,
            {"owner": owner, "until": until, "fence": fence},
            {"job": job.job_id, "fence": lease.fence, "owner": lease.owner},
        )
        mark = Write(job.job_id, {"fence": fence}, {"state": job.state.value, "fence": job.fence})
        if execute(self._table.client, self._table.name, take, mark):
            return Hold(new, replace(job, fence=fence))
        return None

    def _again(self, job: Job) -> Job:
        found = self._table.get(job.job_id)
        if found is None or found.slot is None or found.state not in (State.STARTING, State.RUNNING):
            raise LostJobError(f"job {job.job_id}: it has ended")
        return found

    def _nudge(self, lease: Lease) -> bool:
        """Have the holder look once more; False where it has left meanwhile."""
        changes = {"nudges": lease.nudges + 1}
        expected = {"owner": lease.owner, "fence": lease.fence, "nudges": lease.nudges or None}
        return execute(self._table.client, self._table.name, Write(lease.key, changes, expected))

    def leave(self, hold: Hold) -> Hold | None:
        """Give the lease back, the job keeps its place; or a hold to go on with, where somebody came by.

        Raises:
            LostJobError: the lease was taken over.
        """
        lease = hold.lease
        expected: dict[str, Value | None] = {"fence": lease.fence, "nudges": lease.nudges or None}
        if execute(
            self._table.client, self._table.name, Write(lease.key, {"owner": None, "until": None}, expected)
        ):
            return None
        now = self.get(lease.slot)
        if now.fence != lease.fence or now.owner != lease.owner:
            raise LostJobError(f"job {hold.job.job_id}: {lease.key} was taken over")
        return replace(hold, lease=now)

    def drop(self, hold: Hold) -> None:
        """Give the lease back whoever came by, for the job is lost or could not be looked at."""
        expected: dict[str, Value | None] = {"fence": hold.lease.fence, "owner": hold.lease.owner}
        changes = {"owner": None, "until": None}
        execute(self._table.client, self._table.name, Write(hold.lease.key, changes, expected))

    def free(self, job: Job) -> tuple[Write, ...]:
        """What makes an ending job's place free, to be written with its end."""
        if job.slot is None:
            return ()
        changes = {"job": None, "owner": None, "until": None}
        return (Write(key_of(job.slot), changes, {"job": job.job_id}),)

    def release(self, lease: Lease) -> bool:
        """Free a place whatever job it has: its row is gone, or says that it has ended."""
        changes = {"job": None, "owner": None, "until": None, "fence": lease.fence + 1}
        expected: dict[str, Value | None] = {"job": lease.job, "fence": lease.fence}
        return execute(self._table.client, self._table.name, Write(lease.key, changes, expected))


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)
