"""The image step: a picture for a job, drawn by a model or given by the player.

It can run any number of times for the same job: what is there is not bought again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.contract import ContractError, StepFailure, failure_of
from meshtwin.minecraft.images.bedrock import bedrock_client
from meshtwin.minecraft.images.notes import FailureCode, read_request
from meshtwin.minecraft.images.prompt import NEGATIVE, clean, for_one_object
from meshtwin.minecraft.images.provider import Busy, Failed, Picture, Refused
from meshtwin.minecraft.images.settings import NO_MODEL, ImageSettings
from meshtwin.minecraft.images.stability import StabilityBackgroundRemover, StabilityImages
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.lambdas.step_results import call_worker, clear_failure, put_failure, refuse
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.objects import Location, put_first, read_if_there, size_if_there

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.minecraft.images.notes import ImageRequest
    from meshtwin.minecraft.images.provider import ImageProvider, Outcome


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Put a job's picture, or why there is none, into S3, and call the worker.

    The event: `jobId`, `prompt`, `seed`, `output_s3`, and `source_s3` where the player gave a picture. The
    answer has `jobId` and `outcome`: `picture`, `kept` (it was there before), or the failure's code.

    Raises:
        ContractError: the event does not say whose it is and where to write.
        ClientError: S3 or Lambda refuses; the worker hears of it as of a death.
    """
    settings = ImageSettings.from_environment()
    try:
        request = read_request(event)
    except ContractError as error:
        return refuse(event, error, "output_s3", "", settings.worker_function)
    outcome = _settled(request) or _work(request, settings)
    call_worker(settings.worker_function, request.job_id)
    log("image", job_id=request.job_id, outcome=outcome)
    return {"jobId": request.job_id, "outcome": outcome}


def _settled(request: ImageRequest) -> str | None:
    """How an earlier call ended, unless it is worth another one."""
    if size_if_there(clients.s3(), request.output) is not None:
        return "kept"
    output = request.output
    told = read_if_there(clients.s3(), Location(output.bucket, failure_of(output.key)))
    if told is None:
        return None
    failure = json.loads(told)
    return None if failure.get("retryable") else str(failure.get("code"))


def _work(request: ImageRequest, settings: ImageSettings) -> str:
    result = _picture(request, settings)
    if isinstance(result, StepFailure):
        log("image_failed", job_id=request.job_id, code=result.code, reason=result.message)
        put_failure(request.output, result)
        return str(result.code)
    kept = put_first(clients.s3(), request.output, result.png, "image/png")
    clear_failure(request.output)
    return "picture" if kept else "kept"


def _picture(request: ImageRequest, settings: ImageSettings) -> Picture | StepFailure:
    if request.source is not None:
        return _uploaded(request.source)
    words = clean(request.prompt)
    if not words:
        return StepFailure(FailureCode.FAILED, "The prompt has no words: say what to build.", retryable=False)
    client = bedrock_client(settings.region)
    provider: ImageProvider = StabilityImages(client, settings.model_id)
    outcome = provider.make(for_one_object(words), NEGATIVE, request.seed)
    if isinstance(outcome, Picture) and settings.background_model_id != NO_MODEL:
        outcome = StabilityBackgroundRemover(client, settings.background_model_id).remove(outcome)
    return outcome if isinstance(outcome, Picture) else _failure(outcome)


def _uploaded(source: Location) -> Picture | StepFailure:
    from meshtwin.minecraft.images.upload import read_upload  # noqa: PLC0415  # Pillow, which most jobs need not wait for

    data = read_if_there(clients.s3(), source)
    if data is None:
        return StepFailure(
            FailureCode.BAD_UPLOAD, "The picture that was given is not there.", retryable=False
        )
    found = read_upload(data)
    if isinstance(found, Failed):
        return StepFailure(FailureCode.BAD_UPLOAD, found.reason, retryable=False)
    return found


def _failure(outcome: Outcome) -> StepFailure:
    match outcome:
        case Refused(reason):
            return StepFailure(FailureCode.REFUSED, reason, retryable=False)
        case Busy(reason):
            return StepFailure(FailureCode.BUSY, reason, retryable=True)
        case Failed(reason):
            return StepFailure(FailureCode.FAILED, reason, retryable=False)
        case Picture():
            raise TypeError("a picture is no failure")
