"""Which job is next: always the oldest that waits."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from minecraft.jobs.states import State
from minecraft.jobs.table import LostJobError

if TYPE_CHECKING:
    from minecraft.jobs.job import Job
    from minecraft.jobs.lease import Leases
    from minecraft.jobs.table import JobTable

_RACES = 20
_STALE = 50


def start_queued(table: JobTable, leases: Leases) -> list[Job]:
    """Give each free place to the oldest job that waits; the jobs that were started, STARTING.

    Two who do this at once start each job once. Whoever loses the race looks again.
    """
    started: list[Job] = []
    for _ in range(_RACES):
        free = [lease for lease in leases.all() if lease.job is None]
        oldest = _oldest(table, len(free)) if free else []
        try:
            for lease, job in zip(free, oldest, strict=False):
                started.append(leases.start(lease, job))
        except LostJobError:
            continue
        break
    return started


def _oldest(table: JobTable, count: int) -> list[Job]:
    # The index runs a little behind the table: what it shows may have started or ended.
    shown = (table.get(job_id) for job_id in islice(table.queued(), count + _STALE))
    return list(islice((job for job in shown if job is not None and job.state is State.QUEUED), count))


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
