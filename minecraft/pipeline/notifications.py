"""Events that wake the worker: a job's id, the endpoint's notifications, failed functions, the schedule.

Pure. Notifications, in the event of https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html:
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html. Failed functions: the
record that Lambda sends to a destination,
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from meshtwin.minecraft.contract import ContractError, invocation_document
from meshtwin.minecraft.jobs.job import JOB_ID, Step
from meshtwin.minecraft.pipeline import messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.contract import StepFailure

_STEPS = "|".join(Step)
_ATTEMPT_ID = re.compile(rf"(?P<job>[0-9a-f]{{12}})-(?P<step>{_STEPS})-(?P<attempt>[0-9]{{1,4}})")
_DOCUMENT = re.compile(re.escape(invocation_document("@")).replace("@", f"(?P<id>{_ATTEMPT_ID.pattern})"))
_STATUS = re.compile(r"\((\d{1,3})\) from model")

_OUT_OF_MEMORY_STATUS = 507
_CLIENT_ERRORS = range(400, 500)


class Wake(NamedTuple):
    """A job to work on. A notification also says how one attempt ended, `failure` None for a success."""

    job_id: str
    attempt_id: str | None = None
    failure: StepFailure | None = None


class WorkerEvent(NamedTuple):
    """What an event asks the worker to do; `unrecognised` counts the records that are not ours."""

    wakes: tuple[Wake, ...]
    sweep: bool = False
    unrecognised: int = 0


def read(event: object) -> WorkerEvent:
    """What the event asks for; an event of any other shape asks for nothing."""
    if not isinstance(event, dict):
        return WorkerEvent((), unrecognised=1)
    if _is_tick(event):
        return WorkerEvent((), sweep=True)
    job_id = event.get("jobId")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return WorkerEvent((Wake(job_id),))
    if isinstance(event.get("requestPayload"), dict):
        failed = _failed_function(event)
        return WorkerEvent(()) if failed is None else WorkerEvent((failed,))
    records = event.get("Records")
    found = [_notification(record) for record in records] if isinstance(records, list) else [None]
    wakes = tuple(wake for wake in found if wake is not None)
    return WorkerEvent(wakes, unrecognised=len(found) - len(wakes))


def _is_tick(event: dict[str, Any]) -> bool:
    scheduled = event.get("source") == "aws.events" and event.get("detail-type") == "Scheduled Event"
    return event.get("sweep") is True or scheduled


def _failed_function(record: dict[str, Any]) -> Wake | None:
    """The step whose function failed; None for the worker's own events: the sweep covers those."""
    payload, error = record["requestPayload"], record.get("responsePayload")
    match = _ATTEMPT_ID.fullmatch(str(payload.get("attempt_id", "")))
    if match is None or match["job"] != payload.get("jobId"):
        return None
    kind = error.get("errorType") if isinstance(error, dict) else None
    # An invalid event stays invalid: sending it again would not help.
    failure = messages.failure(messages.FUNCTION_FAILED, retryable=kind != ContractError.__name__)
    return Wake(match["job"], match[0], failure)


def _notification(record: object) -> Wake | None:
    try:
        notification = json.loads(record["Sns"]["Message"])  # type: ignore[index]  # any JSON
        inference = _inference(notification)
        if inference is None:
            return None
        has_failed = notification.get("invocationStatus") == "Failed"
        failure = _reason(str(notification.get("failureReason", ""))) if has_failed else None
        return Wake(inference["job"], inference[0], failure)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _inference(notification: dict[str, Any]) -> re.Match[str] | None:
    for text in _attempt_ids(notification):
        match = _ATTEMPT_ID.fullmatch(text)
        if match is not None:
            return match
    return None


def _attempt_ids(notification: dict[str, Any]) -> Iterator[str]:
    """The inference id, and the one in the input's name, should the notification lack it."""
    yield str(notification.get("inferenceId", ""))
    location = str(notification.get("requestParameters", {}).get("inputLocation", ""))
    document = _DOCUMENT.fullmatch(location.split("/", 3)[-1])
    if document is not None:
        yield document["id"]


def _reason(text: str) -> StepFailure:
    """The failure that a notification's reason stands for, where there is no failure object."""
    match = _STATUS.search(text)
    status = int(match[1]) if match else 0
    if status == _OUT_OF_MEMORY_STATUS:
        return messages.failure(messages.OUT_OF_GPU_MEMORY, retryable=True)
    if status in _CLIENT_ERRORS:
        return messages.failure(f"status_{status}", retryable=False)
    return messages.failure(messages.PLATFORM, retryable=True)
