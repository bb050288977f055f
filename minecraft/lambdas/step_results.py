"""How the functions that work for the worker tell it that a step failed, an event that is none included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.contract import ContractError, StepFailure, failure_of
from meshtwin.minecraft.events import invoke_event
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.objects import Location, location

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_TASK = "bad_task"
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def put_failure(output: Location, failure: StepFailure) -> None:
    """Write why the object `output` could not be made."""
    clients.s3().put_object(
        Bucket=output.bucket,
        Key=failure_of(output.key),
        Body=failure.to_json().encode("ascii"),
        ContentType="application/json",
    )


def clear_failure(output: Location) -> None:
    """Take away what an attempt before has left: the object is there."""
    clients.s3().delete_object(Bucket=output.bucket, Key=failure_of(output.key))


def call_worker(worker: str, job_id: str) -> None:
    """Have the worker look at the job; with no worker's name, nobody."""
    if worker:
        invoke_event(clients.functions(), worker, {"jobId": job_id})


def refuse(event: object, error: ContractError, field: str, name: str, worker: str) -> dict[str, Any]:
    """Fail the step of an event that is none: the object is the `field`'s location with `name` after it.

    Raises:
        ContractError: the event does not even say whose it is and where to write.
    """
    given: Mapping[str, object] = event if isinstance(event, dict) else {}
    job_id, place = given.get("jobId"), given.get(field)
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id) or not isinstance(place, str):
        raise error
    if name and not place.endswith("/"):
        raise error
    output = location(f"{place}{name}", field)
    log("bad_task", job_id=job_id, reason=str(error))
    put_failure(output, StepFailure(BAD_TASK, f"This build's task makes no sense: {error}.", retryable=False))
    call_worker(worker, job_id)
    return {"jobId": job_id, "outcome": BAD_TASK}
