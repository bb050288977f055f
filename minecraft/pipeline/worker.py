"""What one call of the worker does: the jobs it was woken for, then whatever may start now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.jobs.dispatch import free_forgotten_places, start_queued
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline.notices import Wake

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.minecraft.jobs.lease import Leases
    from meshtwin.minecraft.jobs.table import JobTable
    from meshtwin.minecraft.pipeline.machine import Machine
    from meshtwin.minecraft.pipeline.notices import Woken

ROUNDS = 25
"""How often one call fills freed places, before it has another call go on: a call's time is bounded."""


class Worker:
    """Works on jobs with a machine; `call_again` has the worker called for a job of this id."""

    def __init__(
        self, table: JobTable, leases: Leases, machine: Machine, call_again: Callable[[str], None]
    ) -> None:
        self._table = table
        self._leases = leases
        self._machine = machine
        self._call_again = call_again

    def handle(self, woken: Woken, owner: str) -> list[str]:
        """Do what can be done now; the ids of the jobs that were worked on.

        Raises:
            Exception: the first that a job met, once the others had their turn. Lambda then calls again.
        """
        if woken.strange:
            log("not_understood", count=woken.strange)
        errors: list[Exception] = []
        worked = [wake.job_id for wake in self._wakes(woken) if self._try(wake, owner, errors)]
        for _ in range(ROUNDS):
            also = {wake.job_id for wake in woken.wakes}
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

    def _wakes(self, woken: Woken) -> list[Wake]:
        if not woken.sweep:
            return list(woken.wakes)
        free_forgotten_places(self._table, self._leases)
        return [Wake(job_id) for job_id in self._table.active()]

    def _try(self, wake: Wake, owner: str, errors: list[Exception]) -> bool:
        try:
            self._machine.work(wake, owner)
        except Exception as error:  # noqa: BLE001  # one job's trouble is not the next one's; it is raised later
            log("trouble", job_id=wake.job_id, kind=type(error).__name__, reason=str(error))
            errors.append(error)
        return True
