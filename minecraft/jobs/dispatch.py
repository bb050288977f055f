"""Which job is next: always the oldest that waits."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from minecraft.jobs.states import State
from minecraft.jobs.table import LostJobError

if TYPE_CHECKING:
    from minecraft.jobs.job import Job
    from minecraft.jobs.lease import Lease, Leases
    from minecraft.jobs.table import JobTable

_RACES = 20
_LOOKED_AT = 50


def start_queued(table: JobTable, leases: Leases) -> list[Job]:
    """Give each free place to the oldest job that waits; the jobs that were started, STARTING.

    Two who do this at once start each job once. Whoever loses the race looks again.
    """
    started: list[Job] = []
    for _ in range(_RACES):
        lease = _free_place(leases)
        job = _oldest(table) if lease is not None else None
        if lease is None or job is None:
            break
        try:
            started.append(leases.start(lease, job))
        except LostJobError:
            continue
    return started


def _free_place(leases: Leases) -> Lease | None:
    return next((lease for lease in leases.all() if lease.job is None), None)


def _oldest(table: JobTable) -> Job | None:
    # The index runs a little behind the table: what it shows may have started or ended.
    for job_id in islice(table.queued(), _LOOKED_AT):
        job = table.get(job_id)
        if job is not None and job.state is State.QUEUED:
            return job
    return None


def free_forgotten_places(table: JobTable, leases: Leases) -> int:
    """Free the places of jobs that are no more; how many there were.

    A job's end frees its place in the same write. Left are rows that were deleted by TTL or by hand.
    """
    count = 0
    for lease in leases.all():
        if lease.job is not None and _is_over(table.get(lease.job)):
            count += leases.release(lease)
    return count


def _is_over(job: Job | None) -> bool:
    return job is None or job.ended_at is not None
