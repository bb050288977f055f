"""`POST /build` and what else changes a job: sending a picture ahead, cancelling."""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from minecraft.api import pictures
from minecraft.api.auth import ParameterCache, authorize
from minecraft.api.errors import ApiError
from minecraft.api.http import Request, handle, respond
from minecraft.api.parse import build_request, document, text
from minecraft.contract import invocation_document
from minecraft.events import invoke_event
from minecraft.jobs.cancel import cancel
from minecraft.jobs.dispatch import start_queued
from minecraft.jobs.estimate import seconds_left
from minecraft.jobs.job import Job, Step
from minecraft.jobs.lease import Leases
from minecraft.jobs.states import State
from minecraft.jobs.table import JobTable
from minecraft.lambdas import clients
from minecraft.lambdas.settings import AuthSettings, SubmitSettings
from minecraft.logs import log

if TYPE_CHECKING:
    from minecraft.api.pictures import Picture
    from minecraft.request import BuildRequest

_MAX_KEY = 128
_BUILD = "/build"
_UPLOAD = "/build/upload"

_parameters = ParameterCache(clients.ssm, time.time)


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return handle(event, _route)


@dataclass(frozen=True, slots=True)
class _Jobs:
    settings: SubmitSettings
    table: JobTable
    leases: Leases


def _jobs() -> _Jobs:
    settings = SubmitSettings.from_environment()
    table = JobTable(clients.dynamodb(), settings.job_table, time.time, settings.job_ttl_seconds)
    return _Jobs(settings, table, Leases(table, settings.max_active_jobs))


def _route(request: Request) -> dict[str, Any]:
    authorize(request.headers, AuthSettings.from_environment(), _parameters)
    wants_cancel = request.method == "DELETE" or request.path.endswith("/cancel")
    if request.job_id and wants_cancel:
        return _cancel(request.job_id)
    if request.method == "POST" and request.path.endswith(_UPLOAD):
        settings = SubmitSettings.from_environment()
        return respond(
            200, pictures.upload_form(clients.s3(), settings.input_bucket, settings.upload_ttl_seconds)
        )
    if request.method == "POST" and request.path.endswith(_BUILD):
        return _submit(request)
    raise ApiError(404, "not_found", f"there is no {request.method} {request.path[:100]}")


def _submit(request: Request) -> dict[str, Any]:
    given = document(request.body)
    wanted = build_request(given)
    sent = pictures.picture(given.get("imageUpload"))
    key = _idempotency_key(request, given)
    jobs = _jobs()
    job = _job(wanted, sent, key)
    known = jobs.table.get(job.job_id) if key else None
    if known is None:
        known = _add(jobs, job, sent)
    if known.fingerprint != job.fingerprint:
        words = "this idempotency key belongs to another build: take a new one"
        raise ApiError(409, "idempotency_conflict", words)
    _start(jobs)
    return _accepted(jobs, request, known.job_id)


def _idempotency_key(request: Request, given: dict[str, Any]) -> str:
    value = request.headers.get("idempotency-key") or given.get("idempotencyKey") or ""
    return text("idempotencyKey", value, _MAX_KEY)


def _job(wanted: BuildRequest, sent: Picture | str | None, key: str) -> Job:
    """The job as it would be new. The same key of the same player gives the same id."""
    content = sent if isinstance(sent, str) else sent.content.hex() if sent is not None else ""
    fingerprint = hashlib.sha256(f"{wanted.to_json()}\n{content}".encode()).hexdigest()
    if isinstance(sent, str):
        wanted = replace(wanted, image_key=sent)
    name = hashlib.sha256(f"{wanted.player_uuid}\n{key}".encode()).hexdigest() if key else uuid.uuid4().hex
    return Job(name[:12], wanted, fingerprint=fingerprint)


def _add(jobs: _Jobs, job: Job, sent: Picture | str | None) -> Job:
    """The job, put into the table; or the one of its id that is there."""
    if jobs.table.waiting() >= jobs.settings.max_queued_jobs:
        words = f"{jobs.settings.max_queued_jobs} builds wait already: try again later"
        raise ApiError(429, "queue_full", words)
    bucket = jobs.settings.input_bucket
    if isinstance(sent, str):
        pictures.check_sent_ahead(clients.s3(), bucket, sent)
    elif sent is not None:
        key = pictures.store(clients.s3(), bucket, job.job_id, sent)
        job = replace(job, request=replace(job.request, image_key=key))
    if jobs.table.add(job):
        log("accepted", job_id=job.job_id, size=job.request.size, player=job.request.player_uuid or None)
        return job
    return jobs.table.get(job.job_id) or job


def _start(jobs: _Jobs) -> None:
    """Start whichever jobs have waited longest, and have the worker called for them."""
    for job in start_queued(jobs.table, jobs.leases):
        log("started", job_id=job.job_id)
        _wake(jobs.settings.worker_function, job.job_id)


def _wake(function: str, job_id: str) -> None:
    try:
        invoke_event(clients.functions(), function, {"jobId": job_id})
    except (BotoCoreError, ClientError) as error:
        # The job is in the table: the worker's sweep finds it within a minute.
        log("worker_not_called", job_id=job_id, reason=str(error))


def _accepted(jobs: _Jobs, request: Request, job_id: str) -> dict[str, Any]:
    job = jobs.table.get(job_id)
    if job is None:
        raise ApiError(404, "not_found", "this build is gone already: ask for it again")
    waits = job.state is State.QUEUED
    ahead = jobs.table.ahead_of(job) if waits else 0
    typical = jobs.table.typical_seconds()
    return respond(
        202,
        {
            "jobId": job.job_id,
            "status": job.state.value,
            "started": not waits,
            "queuePosition": ahead + 1 if waits else 0,
            "estimateSeconds": seconds_left(job, ahead, jobs.leases.places, typical, time.time()),
            "statusUrl": f"{_base(jobs.settings, request)}/build/status/{job.job_id}",
        },
    )


def _base(settings: SubmitSettings, request: Request) -> str:
    """The API's own address, as the caller knows it."""
    if settings.api_url:
        return settings.api_url.rstrip("/")
    scheme = request.headers.get("x-forwarded-proto", "https")
    return f"{scheme}://{request.host}{request.path.removesuffix(_BUILD)}"


def _cancel(job_id: str) -> dict[str, Any]:
    jobs = _jobs()
    found = cancel(jobs.table, jobs.leases, job_id)
    if found is None:
        raise ApiError(404, "not_found", "there is no build of this id, or none any longer")
    if found.ended_now:
        log("canceled", job_id=job_id)
        _withdraw(jobs, found.job)
        _start(jobs)
    words = (
        "The build is cancelled." if found.ended_now else f"The build had ended before: {found.job.state}."
    )
    answer = {"jobId": job_id, "status": found.job.state.value, "canceled": found.ended_now, "message": words}
    return respond(200, answer)


def _withdraw(jobs: _Jobs, job: Job) -> None:
    """Take away what the endpoint would be asked: where it has not begun, it fails at once."""
    if job.step in (Step.SHAPE, Step.PAINT):
        key = invocation_document(job.inference_id)
        try:
            clients.s3().delete_object(Bucket=jobs.settings.async_io_bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            log("not_withdrawn", job_id=job.job_id, inference_id=job.inference_id, reason=str(error))
