"""Starts queued jobs, always the oldest first."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.job import UNREADABLE
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import LostJobError
from meshtwin.minecraft.logs import log

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable

_MAX_ATTEMPTS = 20
_INDEX_OVERREAD = 50
"""Rows of the index beyond those that can start: the first may have started or ended a moment ago."""


def start_queued(table: JobTable, leases: Leases, also: Iterable[str] = ()) -> list[Job]:
    """Give each free slot to the oldest queued job; the jobs that were started, STARTING.

    Two callers at once start each job once: the loser of a race reads again. `also` are jobs that the caller
    knows of: an index lags behind its table, and shows a new row up to a second late,
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.Writes.
    """
    started: list[Job] = []
    for _ in range(_MAX_ATTEMPTS):
        free = [lease for lease in leases.all() if lease.job is None]
        oldest = _oldest(table, len(free), also) if free else []
        try:
            for lease, job in zip(free, oldest, strict=False):
                started.append(leases.start(lease, job))
        except LostJobError:
            continue
        break
    return started


def _oldest(table: JobTable, count: int, also: Iterable[str]) -> list[Job]:
    shown = islice(table.queued(), count + _INDEX_OVERREAD)
    found = {job.job_id: job for job in islice(_waiting(table, shown), count)}
    found |= {job.job_id: job for job in _waiting(table, (name for name in also if name not in found))}
    return sorted(found.values(), key=lambda job: job.ticket)[:count]


def _waiting(table: JobTable, ids: Iterable[str]) -> Iterable[Job]:
    """Those of the jobs that are queued."""
    for job_id in ids:
        job = table.get(job_id)
        if job is not None and job.error_code == UNREADABLE:
            fail_unreadable(table, job)
        elif job is not None and job.state is State.QUEUED:
            yield job


def fail_unreadable(table: JobTable, job: Job) -> None:
    """Fail a job whose row cannot be read."""
    log("unreadable", job_id=job.job_id)
    table.fail_unreadable(job)


def release_orphaned_slots(table: JobTable, leases: Leases) -> int:
    """Release the slots of jobs that are gone; how many there were.

    A job's end releases its slot in the same write. What remains are rows that cannot be read, and rows that
    were deleted by TTL or by hand.
    """
    count = 0
    for lease in leases.all():
        if lease.job is None:
            continue
        job = table.get(lease.job)
        if job is not None and job.error_code == UNREADABLE:
            fail_unreadable(table, job)
        if job is None or job.ended_at is not None:
            count += leases.release(lease)
    return count
