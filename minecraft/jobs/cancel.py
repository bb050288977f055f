"""Cancels a job, in any state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.states import ENDS, State
from meshtwin.minecraft.jobs.table import LostJobError

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable

_MAX_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The job as it is now, and whether this call ended it."""

    job: Job
    ended_now: bool


def cancel(table: JobTable, leases: Leases, job_id: str) -> Cancellation | None:
    """End the job as CANCELED and release its slot; an ended job stays as it is. None: no such job.

    A worker that holds its lease can write nothing more.
    """
    for _ in range(_MAX_ATTEMPTS):
        job = table.get(job_id)
        if job is None:
            return None
        if job.state in ENDS:
            return Cancellation(job, ended_now=False)
        try:
            has_slot = job.slot is not None and leases.get(job.slot).job == job.job_id
            beside = leases.free(job) if has_slot else ()
            ended = table.advance(job, State.CANCELED, *beside)
        except LostJobError:
            continue  # a worker wrote first
        return Cancellation(ended, ended_now=True)
    raise LostJobError(f"job {job_id}: it changes faster than it can be cancelled, ask again")
