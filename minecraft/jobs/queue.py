"""The operator's view of the queue: list and clear. For the command line; nothing scans the table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.jobs.cancel import cancel

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Lease, Leases
    from meshtwin.minecraft.jobs.table import JobTable


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that has not ended: `position` 0 is running, 1 the next, and so on."""

    position: int
    job: Job


@dataclass(frozen=True, slots=True)
class Clearing:
    """What `clear` cancels and releases, or, as a dry run, would."""

    queued: tuple[str, ...]
    active: tuple[str, ...]
    slots: tuple[Lease, ...]
    done: bool

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `meshtwin queue clear`, in which a slot is a place, and its wakeups are nudges."""
        values = asdict(self)
        slots = values.pop("slots")
        places = [{"nudges" if name == "wakeups" else name: slot[name] for name in slot} for slot in slots]
        return values | {"places": places}


def entries(table: JobTable, limit: int = 1000) -> list[Entry]:
    """At most `limit` jobs: the running ones, then the queued ones, the oldest first."""
    found: list[Entry] = []
    position = 0
    for waits, ids in ((False, table.active()), (True, table.queued())):
        for job_id in ids:
            if len(found) == limit:
                return found
            job = table.get(job_id)
            if job is not None and job.ended_at is None:
                position += waits
                found.append(Entry(position, job))
    return found


def clear(table: JobTable, leases: Leases, *, dry_run: bool, active_too: bool = True) -> Clearing:
    """Cancel every queued job and, with `active_too`, the running ones, and release their slots.

    A slot that no job of the table has is released in any case: it is the worker lock of a job that is gone.
    """
    queued = tuple(table.queued())
    active = tuple(table.active()) if active_too else ()
    known = set(active) if active_too else set(table.active())
    slots = tuple(
        lease for lease in leases.all() if lease.job is not None and (active_too or lease.job not in known)
    )
    if not dry_run:
        # The queued ones first: a slot that is released would start the next of them.
        for job_id in (*queued, *active):
            cancel(table, leases, job_id)
        for lease in slots:
            _free(leases, lease)
    return Clearing(queued, active, slots, done=not dry_run)


def _free(leases: Leases, planned: Lease) -> None:
    lease = leases.get(planned.slot)
    if lease.job is not None and lease.job == planned.job:
        leases.release(lease)
