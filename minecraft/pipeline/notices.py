"""What wakes the worker: a job's name, the endpoint's notices, the ends of functions that failed, the clock.

Pure. Notices: https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html, in the
event of https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html. Failed functions: the record that Lambda
sends to a destination, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from meshtwin.minecraft.contract import ContractError, invocation_document
from meshtwin.minecraft.jobs.job import JOB_ID, Step
from meshtwin.minecraft.pipeline import words

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
    """A job to look at. A notice also says what became of one attempt, `failure` None for a success."""

    job_id: str
    attempt_id: str | None = None
    failure: StepFailure | None = None


class Woken(NamedTuple):
    """What an event asks for; `strange` counts what it had that is not ours."""

    wakes: tuple[Wake, ...]
    sweep: bool = False
    strange: int = 0


def read(event: object) -> Woken:
    """What the event asks for; one that nobody can have meant asks for nothing."""
    if not isinstance(event, dict):
        return Woken((), strange=1)
    if _is_tick(event):
        return Woken((), sweep=True)
    job_id = event.get("jobId")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Woken((Wake(job_id),))
    if isinstance(event.get("requestPayload"), dict):
        died = _death(event)
        return Woken(()) if died is None else Woken((died,))
    records = event.get("Records")
    found = [_notice(record) for record in records] if isinstance(records, list) else [None]
    wakes = tuple(wake for wake in found if wake is not None)
    return Woken(wakes, strange=len(found) - len(wakes))


def _is_tick(event: dict[str, Any]) -> bool:
    scheduled = event.get("source") == "aws.events" and event.get("detail-type") == "Scheduled Event"
    return event.get("sweep") is True or scheduled


def _death(record: dict[str, Any]) -> Wake | None:
    """The step whose function failed; None for a record of the worker's own events, which a sweep follows."""
    payload, error = record["requestPayload"], record.get("responsePayload")
    match = _ATTEMPT_ID.fullmatch(str(payload.get("attempt_id", "")))
    if match is None or match["job"] != payload.get("jobId"):
        return None
    kind = error.get("errorType") if isinstance(error, dict) else None
    # An event that is none does not become one by being sent again.
    failure = words.failure(words.FUNCTION_FAILED, retryable=kind != ContractError.__name__)
    return Wake(match["job"], match[0], failure)


def _notice(record: object) -> Wake | None:
    try:
        notice = json.loads(record["Sns"]["Message"])  # type: ignore[index]  # whatever comes
        inference = _inference(notice)
        if inference is None:
            return None
        has_failed = notice.get("invocationStatus") == "Failed"
        failure = _reason(str(notice.get("failureReason", ""))) if has_failed else None
        return Wake(inference["job"], inference[0], failure)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _inference(notice: dict[str, Any]) -> re.Match[str] | None:
    for text in _names(notice):
        match = _ATTEMPT_ID.fullmatch(text)
        if match is not None:
            return match
    return None


def _names(notice: dict[str, Any]) -> Iterator[str]:
    """The inference id; else that which the input's name tells, should the notice have lost it."""
    yield str(notice.get("inferenceId", ""))
    location = str(notice.get("requestParameters", {}).get("inputLocation", ""))
    document = _DOCUMENT.fullmatch(location.split("/", 3)[-1])
    if document is not None:
        yield document["id"]


def _reason(text: str) -> StepFailure:
    """The failure of a notice's reason, for where its failure object cannot be found."""
    match = _STATUS.search(text)
    status = int(match[1]) if match else 0
    if status == _OUT_OF_MEMORY_STATUS:
        return words.failure(words.OUT_OF_GPU_MEMORY, retryable=True)
    if status in _CLIENT_ERRORS:
        return words.failure(f"status_{status}", retryable=False)
    return words.failure(words.PLATFORM, retryable=True)
