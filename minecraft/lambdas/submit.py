"""`POST /build`, the upload of an image, and cancelling."""

from __future__ import annotations

import hashlib
import math
import re
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft.api import images
from meshtwin.minecraft.api.auth import ParameterCache, authorize
from meshtwin.minecraft.api.errors import ApiError
from meshtwin.minecraft.api.http import Request, handle, respond
from meshtwin.minecraft.api.parse import build_request, document, text
from meshtwin.minecraft.invoke import invoke_event
from meshtwin.minecraft.jobs.admission import Claim, LimitError, Limits, Player
from meshtwin.minecraft.jobs.cancel import cancel
from meshtwin.minecraft.jobs.dispatch import start_queued
from meshtwin.minecraft.jobs.estimate import seconds_left
from meshtwin.minecraft.jobs.job import Job
from meshtwin.minecraft.jobs.lease import Leases
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import JobTable, LostJobError
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.pipeline.calls import withdraw
from meshtwin.minecraft.settings import AuthSettings, SubmitSettings

if TYPE_CHECKING:
    from meshtwin.minecraft.api.images import UploadedImage
    from meshtwin.minecraft.jobs.writes import Write
    from meshtwin.minecraft.request import BuildRequest

_MAX_KEY = 128
_MAX_ATTEMPTS = 5
_PREFIX = re.compile(r"(/[\w.-]{1,64}){1,4}", re.ASCII)
"""A path prefix that a server in front of the API has removed."""

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
            200, images.upload_form(clients.s3(), settings.input_bucket, settings.upload_ttl_seconds)
        )
    if request.method == "POST" and request.path.endswith(_BUILD):
        return _submit(request)
    raise ApiError(404, "not_found", f"there is no {request.method} {request.path[:100]}")


def _submit(request: Request) -> dict[str, Any]:
    given = document(request.body)
    wanted = build_request(given)
    sent = images.uploaded_image(given.get("imageUpload"))
    key = _idempotency_key(request, given)
    jobs = _jobs()
    job_id = _add(jobs, wanted, sent, key)
    _start(jobs, job_id)
    return _accepted(jobs, request, job_id)


def _idempotency_key(request: Request, given: dict[str, Any]) -> str:
    value = request.headers.get("idempotency-key") or given.get("idempotencyKey") or ""
    return text("idempotencyKey", value, _MAX_KEY)


def _add(jobs: _Jobs, wanted: BuildRequest, sent: UploadedImage | str | None, key: str) -> str:
    """The id of the job that was added, or of the one that the idempotency key belongs to.

    Ids are random: objects of an earlier job in S3 are never taken for the next one's.
    """
    fingerprint = _fingerprint(wanted, sent)
    job = Job(uuid.uuid4().hex[:12], wanted)
    for _ in range(_MAX_ATTEMPTS):
        claim = Claim.read(jobs.table, wanted.player_uuid, key) if key else None
        if claim is not None and claim.valid and claim.job is not None:
            if claim.fingerprint != fingerprint:
                message = "this idempotency key belongs to another request: use a new one"
                raise ApiError(409, "idempotency_conflict", message)
            return claim.job
        beside = () if claim is None else (claim.taken(jobs.table, job.job_id, fingerprint),)
        counted = _admit(jobs, job)
        if job.request.image_key is None:
            job = _with_image(jobs, job, sent)
        if jobs.table.add(job, *beside, *counted) is not None:
            log("accepted", job_id=job.job_id, size=wanted.options.size, player=wanted.player_uuid or None)
            return job.job_id
    raise LostJobError(f"job {job.job_id}: too many concurrent writes to its player or its key")


def _fingerprint(wanted: BuildRequest, sent: UploadedImage | str | None) -> str:
    content = sent if isinstance(sent, str) else sent.content.hex() if sent is not None else ""
    return hashlib.sha256(f"{wanted.to_json()}\n{content}".encode()).hexdigest()


def _admit(jobs: _Jobs, job: Job) -> tuple[Write, ...]:
    """Check the limits of the queue and of the player; the writes that count the job as the player's."""
    settings, table, now = jobs.settings, jobs.table, time.time()
    if table.count_waiting() >= settings.max_queued_jobs:
        message = f"{settings.max_queued_jobs} builds are queued already: try again later"
        raise ApiError(429, "queue_full", message, math.ceil(table.typical_seconds() / jobs.leases.slots))
    if not job.request.player_uuid:
        return ()
    player = Player.read(table, job.request.player_uuid)
    limits = Limits(
        settings.max_player_jobs, settings.player_cooldown_seconds, settings.max_player_jobs_per_day
    )
    try:
        player.check(limits, now, table.typical_seconds())
    except LimitError as error:
        raise ApiError(429, error.code, error.message, error.seconds) from error
    return (player.counted(job.job_id, now),)


def _with_image(jobs: _Jobs, job: Job, sent: UploadedImage | str | None) -> Job:
    bucket = jobs.settings.input_bucket
    if sent is None:
        return job
    if isinstance(sent, str):
        images.check_uploaded(clients.s3(), bucket, sent)
    key = sent if isinstance(sent, str) else images.store(clients.s3(), bucket, job.job_id, sent)
    return replace(job, request=replace(job.request, image_key=key))


def _start(jobs: _Jobs, *also: str) -> None:
    """Start the oldest queued jobs, and invoke the worker for them.

    It is invoked for the jobs `also` in any case: a slot may become free at this moment.
    """
    started = [job.job_id for job in start_queued(jobs.table, jobs.leases, also)]
    for job_id in started:
        log("started", job_id=job_id)
    for job_id in dict.fromkeys((*started, *also)):
        _invoke_worker(jobs.settings.worker_function, job_id)


def _invoke_worker(function: str, job_id: str) -> None:
    try:
        invoke_event(clients.functions(), function, {"jobId": job_id})
    except (BotoCoreError, ClientError) as error:
        # The job is in the table: the worker's sweep finds it within a minute.
        log("worker_not_called", job_id=job_id, reason=str(error))


def _accepted(jobs: _Jobs, request: Request, job_id: str) -> dict[str, Any]:
    job = jobs.table.get(job_id)
    if job is None:
        raise ApiError(404, "not_found", "this build has expired already: request it again")
    is_queued = job.state is State.QUEUED
    ahead = jobs.table.ahead_of(job) if is_queued else 0
    typical = jobs.table.typical_seconds()
    return respond(
        202,
        {
            "jobId": job.job_id,
            "status": job.state.value,
            "started": not is_queued,
            "queuePosition": ahead + 1 if is_queued else 0,
            "estimateSeconds": seconds_left(job, ahead, jobs.leases.slots, typical, time.time()),
            "statusUrl": f"{_base(jobs.settings, request)}/build/status/{job.job_id}",
        },
    )


def _base(settings: SubmitSettings, request: Request) -> str:
    """The API's own address, as the caller knows it."""
    if settings.api_url:
        return settings.api_url.rstrip("/")
    scheme = request.headers.get("x-forwarded-proto", "https")
    prefix = request.headers.get("x-forwarded-prefix", "")
    if not _PREFIX.fullmatch(prefix):
        prefix = ""
    return f"{scheme}://{request.host}{prefix}{request.path.removesuffix(_BUILD)}"


def _cancel(job_id: str) -> dict[str, Any]:
    jobs = _jobs()
    found = cancel(jobs.table, jobs.leases, job_id)
    if found is None:
        raise ApiError(404, "not_found", "there is no build with this id, or it has expired")
    if found.ended_now:
        log("canceled", job_id=job_id)
        withdraw(clients.s3(), jobs.settings.async_io_bucket, found.job)
        _start(jobs)
    message = (
        "The build is cancelled." if found.ended_now else f"The build had ended before: {found.job.state}."
    )
    answer = {
        "jobId": job_id,
        "status": found.job.state.value,
        "canceled": found.ended_now,
        "message": message,
    }
    return respond(200, answer)
