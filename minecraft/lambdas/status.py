"""`GET /build/status/{jobId}`: a build's state, and links to its files. It changes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft.api.auth import ParameterCache, authorize
from meshtwin.minecraft.api.errors import ApiError
from meshtwin.minecraft.api.http import Request, handle, respond
from meshtwin.minecraft.api.status import StatusContext, describe, progress_key, read_progress
from meshtwin.minecraft.jobs.estimate import seconds_left
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.jobs.table import JobTable
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.s3 import read_body
from meshtwin.minecraft.settings import AuthSettings, StatusSettings

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.job import Job

_MAX_PROGRESS = 4096

_parameters = ParameterCache(clients.ssm, time.time)


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Answer an HTTP API event."""
    return handle(event, _status)


def _status(request: Request) -> dict[str, Any]:
    authorize(request.headers, AuthSettings.from_environment(), _parameters)
    settings = StatusSettings.from_environment()
    table = JobTable(clients.dynamodb(), settings.job_table, time.time)
    job = table.get(request.job_id) if request.job_id else None
    if job is None:
        raise ApiError(404, "not_found", "there is no build with this id, or it has expired")
    ahead = table.ahead_of(job) if job.state is State.QUEUED else 0
    typical = table.typical_seconds() if job.ended_at is None else 0
    now = time.time()
    context = StatusContext(
        now=now,
        bucket=settings.output_bucket,
        queue_position=ahead + 1 if job.state is State.QUEUED else 0,
        estimate_seconds=seconds_left(job, ahead, settings.max_active_jobs, typical, now),
        progress=_progress(job, settings.output_bucket),
        sign=lambda key: _sign(settings, key),
        link_seconds=settings.presign_ttl_seconds,
    )
    return respond(200, describe(job, context))


def _progress(job: Job, bucket: str) -> dict[str, Any]:
    key = progress_key(job)
    if key is None:
        return {}
    try:
        answer = clients.s3().get_object(Bucket=bucket, Key=key)
        return read_progress(read_body(answer["Body"], _MAX_PROGRESS))
    except (BotoCoreError, ClientError):
        return {}  # there is none before the container starts, and none after its end


def _sign(settings: StatusSettings, key: str) -> str:
    return clients.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": settings.output_bucket, "Key": key},
        ExpiresIn=settings.presign_ttl_seconds,
    )
