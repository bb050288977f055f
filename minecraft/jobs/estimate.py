"""Estimates how long a job will still take, from how long others took. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.states import ENDS, State

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job

SOON = 5
"""The estimate for a job that should have ended by now."""


def seconds_left(job: Job, ahead: int, slots: int, typical: float, now: float) -> int:
    """Whole seconds until the job's end; 0 for one that has ended.

    `ahead` jobs wait before it, `slots` run at once, and each takes `typical` seconds. Running jobs are
    taken to be half done.
    """
    if job.state in ENDS:
        return 0
    if job.state is State.QUEUED:
        rounds = ahead // slots + 1
        return math.ceil(typical * (rounds + 0.5))
    elapsed = now - (job.started_at if job.started_at is not None else now)
    return max(SOON, math.ceil(typical - elapsed))
