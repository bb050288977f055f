"""Slots in which jobs run, and the leases of the workers on them.

There are MAX_ACTIVE_JOBS slots. A job keeps its slot from start to end; the worker holds the slot's lease for
one call. Each holder gets a new fencing number, which the job's row gets in the same transaction: a holder
whose lease was taken over can write nothing, whatever its clock says. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/BestPractices_DistributedLocking.html
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
    """One slot: its job, and the worker on it until when. `wakeups` counts workers that found it held."""

    slot: int
    job: str | None = None
    owner: str | None = None
    until: float = 0.0
    fence: int = 0
    wakeups: int = 0

    @property
    def key(self) -> str:
        """The item's key."""
        return key_of(self.slot)

    def held_at(self, now: float) -> bool:
        """Whether a worker may be running."""
        return self.owner is not None and self.until > now


def key_of(slot: int) -> str:
    """The key of a slot's item."""
    return f"lease#{slot}"


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to write a job, until another worker takes over."""

    lease: Lease
    job: Job


class Leases:
    """The slots of a job table."""

    def __init__(self, table: JobTable, slots: int = 1, seconds: float = LEASE_SECONDS) -> None:
        self._table = table
        self.slots = slots
        self._seconds = seconds

    def get(self, slot: int) -> Lease:
        """A slot as it is now."""
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
        """Every slot."""
        return (self.get(slot) for slot in range(self.slots))

    def start(self, lease: Lease, job: Job) -> Job:
        """Give a free slot to a queued job, which becomes STARTING.

        Raises:
            LostJobError: the slot or the job was taken meanwhile.
        """
        fence = max(lease.fence, job.fence) + 1
        occupy = Write(
            lease.key, {"job": job.job_id, "fence": fence}, {"job": None, "fence": lease.fence or None}
        )
        return self._table.advance(
            job, State.STARTING, occupy, slot=lease.slot, fence=fence, started_at=self._table.clock()
        )

    def take(self, job: Job, owner: str) -> Hold | None:
        """The lease of an active job's slot; None where another worker holds it, which is woken up.

        Raises:
            LostJobError: the job has lost its slot: it has ended, or an operator has cleared it.
        """
        assert job.slot is not None
        for _ in range(_ATTEMPTS):
            lease = self.get(job.slot)
            if lease.job != job.job_id:
                raise LostJobError(f"job {job.job_id}: {lease.key} is {lease.job or 'nobody'}'s")
            if lease.held_at(self._table.clock()):
                if self._wake_holder(lease):
                    return None
            elif (hold := self._take_over(lease, job, owner)) is not None:
                return hold
            job = self._reread(job)
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

    def _reread(self, job: Job) -> Job:
        found = self._table.get(job.job_id)
        if found is None or found.slot is None or found.state not in (State.STARTING, State.RUNNING):
            raise LostJobError(f"job {job.job_id}: it has ended")
        return found

    def _wake_holder(self, lease: Lease) -> bool:
        """Make the holder check the job once more; False where it has left meanwhile."""
        changes = {"nudges": lease.wakeups + 1}
        expected = {"owner": lease.owner, "fence": lease.fence, "nudges": lease.wakeups or None}
        return execute(self._table.client, self._table.name, Write(lease.key, changes, expected))

    def leave(self, hold: Hold) -> Hold | None:
        """Release the lease, while the job keeps its slot; or a hold to continue with, after a wakeup.

        Raises:
            LostJobError: the lease was taken over.
        """
        lease = hold.lease
        expected: dict[str, Value | None] = {"fence": lease.fence, "nudges": lease.wakeups or None}
        if execute(
            self._table.client, self._table.name, Write(lease.key, {"owner": None, "until": None}, expected)
        ):
            return None
        now = self.get(lease.slot)
        if now.fence != lease.fence or now.owner != lease.owner:
            raise LostJobError(f"job {hold.job.job_id}: {lease.key} was taken over")
        return replace(hold, lease=now)

    def drop(self, hold: Hold) -> None:
        """Release the lease regardless of wakeups: the job is lost, or could not be worked on."""
        expected: dict[str, Value | None] = {"fence": hold.lease.fence, "owner": hold.lease.owner}
        changes = {"owner": None, "until": None}
        execute(self._table.client, self._table.name, Write(hold.lease.key, changes, expected))

    def free(self, job: Job) -> tuple[Write, ...]:
        """The writes that release an ending job's slot, for the transaction of its end."""
        if job.slot is None:
            return ()
        changes = {"job": None, "owner": None, "until": None}
        return (Write(key_of(job.slot), changes, {"job": job.job_id}),)

    def release(self, lease: Lease) -> bool:
        """Release a slot whatever job it has: its row is gone, or the job has ended."""
        changes = {"job": None, "owner": None, "until": None, "fence": lease.fence + 1}
        expected: dict[str, Value | None] = {"job": lease.job, "fence": lease.fence}
        return execute(self._table.client, self._table.name, Write(lease.key, changes, expected))


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)
