"""One call of the worker: the jobs it was woken for, then every queued job that can start now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.dispatch import release_orphaned_slots, start_queued
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline.notifications import Wake

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable
    from meshtwin.minecraft.pipeline.machine import Machine
    from meshtwin.minecraft.pipeline.notifications import WorkerEvent

ROUNDS = 25
"""How often one call fills free slots before it hands over to another call: a call's time is bounded."""


class Worker:
    """Works on jobs with a machine; `call_again` invokes the worker for a job of this id."""

    def __init__(
        self, table: JobTable, leases: Leases, machine: Machine, call_again: Callable[[str], None]
    ) -> None:
        self._table = table
        self._leases = leases
        self._machine = machine
        self._call_again = call_again

    def handle(self, event: WorkerEvent, owner: str) -> list[str]:
        """Do everything that can be done now; the ids of the jobs that were worked on.

        Raises:
            Exception: the first job's error, after all jobs had their turn. Lambda then retries the event.
        """
        if event.unrecognised:
            log("unrecognised_records", count=event.unrecognised)
        errors: list[Exception] = []
        worked = [wake.job_id for wake in self._wakes(event) if self._try(wake, owner, errors)]
        for _ in range(ROUNDS):
            also = {wake.job_id for wake in event.wakes}
            started = [job.job_id for job in start_queued(self._table, self._leases, also)]
            if not started:
                break
            for job_id in started:
                log("started", job_id=job_id)
            worked += [job_id for job_id in started if self._try(Wake(job_id), owner, errors)]
        else:
            self._call_again(worked[-1])
        if errors:
            raise errors[0]
        return worked

    def _wakes(self, event: WorkerEvent) -> list[Wake]:
        if not event.sweep:
            return list(event.wakes)
        release_orphaned_slots(self._table, self._leases)
        return [Wake(job_id) for job_id in self._table.active()]

    def _try(self, wake: Wake, owner: str, errors: list[Exception]) -> bool:
        try:
            self._machine.work(wake, owner)
        except Exception as error:  # noqa: BLE001  # the other jobs still get their turn; it is raised later
            log("job_error", job_id=wake.job_id, kind=type(error).__name__, reason=str(error))
            errors.append(error)
        return True
