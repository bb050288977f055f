"""Cancelling: in every state, by whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.states import ENDS, State
from meshtwin.minecraft.jobs.table import LostJobError

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job
    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable

_RACES = 50


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What came of it: the job as it is now, and whether it was this call that ended it."""

    job: Job
    ended_now: bool


def cancel(table: JobTable, leases: Leases, job_id: str) -> Cancellation | None:
    """End the job as CANCELED, and free its place; one that has ended stays as it is. None: no such job.

    A worker that has it at this moment can write nothing more.
    """
    for _ in range(_RACES):
        job = table.get(job_id)
        if job is None:
            return None
        if job.state in ENDS:
            return Cancellation(job, ended_now=False)
        try:
            has_place = job.slot is not None and leases.get(job.slot).job == job.job_id
            beside = leases.free(job) if has_place else ()
            ended = table.advance(job, State.CANCELED, *beside)
        except LostJobError:
            continue  # a worker was quicker with another write
        return Cancellation(ended, ended_now=True)
    raise LostJobError(f"job {job_id}: it changes faster than it can be cancelled, ask again")
