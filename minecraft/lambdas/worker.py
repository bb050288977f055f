"""The worker: invoked with a job's id, with the endpoint's notifications, and each minute to sweep."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.invoke import invoke_event
from meshtwin.minecraft.jobs.lease import Leases
from meshtwin.minecraft.jobs.table import JobTable
from meshtwin.minecraft.lambdas import clients
from meshtwin.minecraft.pipeline.calls import Calls, Resources
from meshtwin.minecraft.pipeline.machine import Machine
from meshtwin.minecraft.pipeline.notifications import read
from meshtwin.minecraft.pipeline.observe import StepObjects
from meshtwin.minecraft.pipeline.policy import GRACE_SECONDS, policies
from meshtwin.minecraft.pipeline.worker import Worker
from meshtwin.minecraft.settings import WorkerSettings

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.table import Clock


def handler(event: object, context: object = None) -> dict[str, Any]:
    """Do everything that can be done now; the ids of the jobs that were worked on."""
    owner = getattr(context, "aws_request_id", None) or uuid.uuid4().hex
    return {"jobs": build(WorkerSettings.from_environment()).handle(read(event), str(owner))}


def build(settings: WorkerSettings, clock: Clock = time.time) -> Worker:
    """A worker of these settings, with the environment's AWS."""
    table = JobTable(clients.dynamodb(), settings.job_table, clock, settings.job_ttl_seconds)
    leases = Leases(table, settings.max_active_jobs, settings.lease_seconds)
    calls = Calls(_resources(settings), clients.s3(), clients.functions, clients.sagemaker_runtime)
    objects = StepObjects(clients.s3(), settings.output_bucket)
    endpoint_seconds = settings.request_ttl_seconds + settings.invocation_timeout_seconds + GRACE_SECONDS
    steps = policies(
        image_seconds=settings.image_timeout_seconds,
        endpoint_seconds=endpoint_seconds,
        voxel_seconds=settings.voxel_timeout_seconds,
    )
    machine = Machine(table, leases, objects, calls, steps)
    return Worker(
        table,
        leases,
        machine,
        lambda job_id: invoke_event(clients.functions(), settings.worker_function, {"jobId": job_id}),
    )


def _resources(settings: WorkerSettings) -> Resources:
    return Resources(
        endpoint=settings.endpoint_name,
        text_to_image=settings.text_to_image_function,
        glb_to_vox=settings.glb_to_vox_function,
        jobs_bucket=settings.output_bucket,
        async_bucket=settings.async_io_bucket,
        input_bucket=settings.input_bucket,
        request_ttl_seconds=settings.request_ttl_seconds,
        invocation_timeout_seconds=settings.invocation_timeout_seconds,
    )
