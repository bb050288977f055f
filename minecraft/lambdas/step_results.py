"""How step functions report a failure to the worker, an invalid event included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.contract import ContractError, StepFailure, failure_of
from meshtwin.minecraft.invoke import invoke_event
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.s3 import Location, location

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_TASK = "bad_task"
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def put_failure(output: Location, failure: StepFailure) -> None:
    """Write the failure object of `output`."""
    clients.s3().put_object(
        Bucket=output.bucket,
        Key=failure_of(output.key),
        Body=failure.to_json().encode("ascii"),
        ContentType="application/json",
    )


def clear_failure(output: Location) -> None:
    """Delete the failure object of an attempt before: the output exists."""
    clients.s3().delete_object(Bucket=output.bucket, Key=failure_of(output.key))


def call_worker(worker: str, job_id: str) -> None:
    """Invoke the worker for the job, unless `worker` is empty."""
    if worker:
        invoke_event(clients.functions(), worker, {"jobId": job_id})


def refuse(event: object, error: ContractError, field: str, name: str, worker: str) -> dict[str, Any]:
    """Fail the step of an invalid event: its output is at the location in `field`, with `name` appended.

    Raises:
        ContractError: the event lacks the job's id or where to write.
    """
    given: Mapping[str, object] = event if isinstance(event, dict) else {}
    job_id, target = given.get("jobId"), given.get(field)
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id) or not isinstance(target, str):
        raise error
    if name and not target.endswith("/"):
        raise error
    output = location(f"{target}{name}", field)
    log("bad_task", job_id=job_id, reason=str(error))
    put_failure(output, StepFailure(BAD_TASK, f"This build's task is invalid: {error}.", retryable=False))
    call_worker(worker, job_id)
    return {"jobId": job_id, "outcome": BAD_TASK}
