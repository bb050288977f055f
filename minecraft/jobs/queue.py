"""What an operator does with the queue: look, cancel, clear. For the command line; no table is scanned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.cancel import Cancellation, cancel

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Lease, Leases
    from meshtwin.minecraft.jobs.table import JobTable

__all__ = ["Cancellation", "Clearing", "Entry", "cancel", "clear", "entries"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that has not ended: `position` 0 is at work, 1 the next, and so on."""

    position: int
    job: Job


@dataclass(frozen=True, slots=True)
class Clearing:
    """What `clear` cancels and frees, or, as a dry run, would."""

    queued: tuple[str, ...]
    active: tuple[str, ...]
    places: tuple[Lease, ...]
    done: bool


def entries(table: JobTable, limit: int = 1000) -> list[Entry]:
    """At most `limit` jobs: those at work, then those that wait, the oldest first."""
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
    """Cancel every job that waits and, with `active_too`, those at work, and free their places.

    A place that no job of the table has is freed in any case: that is the worker lock of a job that is gone.
    """
    queued = tuple(table.queued())
    active = tuple(table.active()) if active_too else ()
    known = set(active) if active_too else set(table.active())
    places = tuple(
        lease for lease in leases.all() if lease.job is not None and (active_too or lease.job not in known)
    )
    if not dry_run:
        # The waiting first: a place that is freed would start the next of them.
        for job_id in (*queued, *active):
            cancel(table, leases, job_id)
        for lease in places:
            _free(leases, lease)
    return Clearing(queued, active, places, done=not dry_run)


def _free(leases: Leases, planned: Lease) -> None:
    lease = leases.get(planned.slot)
    if lease.job is not None and lease.job == planned.job:
        leases.release(lease)
