"""The response of `GET /build/status/{jobId}`. Pure."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft import contract
from meshtwin.minecraft.jobs.job import Step
from meshtwin.minecraft.jobs.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.minecraft.jobs.job import Job

STAGES: Mapping[Step, tuple[str, str]] = {
    Step.IMAGE: ("image_generation", "The image is being made"),
    Step.SHAPE: ("shape_generation", "The shape is being made"),
    Step.PAINT: ("texture_paint", "The shape is being painted"),
    Step.VOXELS: ("voxelization", "The model is being turned into blocks"),
}
"""The API's name of each step's stage, and its message."""

_OTHER: Mapping[State, tuple[str, str]] = {
    State.QUEUED: ("queued", "The build waits in the queue"),
    State.STARTING: ("starting", "The build is starting"),
    State.SUCCEEDED: ("ready_to_place", "The build is ready"),
    State.FAILED: ("failed", "The build failed"),
    State.CANCELED: ("canceled", "The build was cancelled"),
}

_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class StatusContext:
    """What is not in a job's row: its queue position, its progress, and how to sign a link."""

    now: float
    bucket: str
    queue_position: int
    estimate_seconds: int
    progress: Mapping[str, Any]
    sign: Callable[[str], str]
    link_seconds: int


def progress_key(job: Job) -> str | None:
    """The container's progress object, for a job that runs there."""
    names = {Step.SHAPE: contract.SHAPE, Step.PAINT: contract.TEXTURED}
    if job.state is not State.RUNNING or job.step not in names:
        return None
    return f"{contract.job_prefix(job.job_id)}{names[job.step]}.progress.json"


def read_progress(body: bytes | None) -> dict[str, Any]:
    """The container's progress; empty where it cannot be read. It may be half a second old."""
    try:
        found = json.loads(body or b"{}")
        fraction = min(1.0, max(0.0, float(found["fraction"])))
        message = str(found.get("message") or found.get("step") or "")
    except (KeyError, TypeError, ValueError):
        return {}
    return {"fraction": fraction, "message": message[:_LONGEST_MESSAGE]}


def describe(job: Job, context: StatusContext) -> dict[str, Any]:
    """The response's document. It has at most one link for each artefact, so its size is bounded."""
    stage, message = _stage(job)
    answer = {
        "jobId": job.job_id,
        "status": job.state.value,
        "error": job.error,
        "errorCode": job.error_code,
        "createdAt": _time(job.created_at),
        "updatedAt": _time(job.updated_at),
        "progressStage": stage,
        "progressMessage": context.progress.get("message") or message,
        "progress": context.progress.get("fraction"),
        "queuePosition": context.queue_position,
        "estimateSeconds": context.estimate_seconds,
        "attempt": job.attempt,
        "notes": [*job.notes, *((job.result or {}).get("notes") or [])],
        "painted": bool(job.painted),
        "timings": _timings(job, context.now),
        "prompt": job.request.prompt,
        "size": job.request.options.size,
        "seed": job.seed,
        "world": job.request.world or None,
        "anchor": None if job.request.anchor is None else dict(zip("xyz", job.request.anchor, strict=True)),
    }
    return answer | _result(job, context)


def _stage(job: Job) -> tuple[str, str]:
    if job.state is State.RUNNING and job.step is not None:
        return STAGES[job.step]
    return _OTHER.get(job.state, _OTHER[State.STARTING])


def _timings(job: Job, now: float) -> dict[str, float]:
    """Seconds of each step so far."""
    return {
        STAGES[Step(name)][0]: round((now if end is None else end) - start, 3)
        for name, (start, end) in job.timings.items()
    }


def _result(job: Job, context: StatusContext) -> dict[str, Any]:
    result = job.result or {}
    prefix = contract.job_prefix(job.job_id)
    named: dict[str, str] = result.get("artefacts", {})
    # Only the job's own objects are signed, whatever a summary names.
    own = {name: key for name, key in named.items() if key.startswith(prefix)}
    links = {name: context.sign(key) for name, key in list(own.items())[: contract.MAX_ARTEFACTS]}
    if result:
        made = (contract.IMAGE, contract.SHAPE, *((contract.TEXTURED,) if job.painted else ()))
        links |= {name: context.sign(f"{prefix}{name}") for name in made}
    materials: dict[str, int] = result.get("materials", {})
    model = contract.TEXTURED if job.painted else contract.SHAPE
    commands = any(name.startswith(contract.COMMANDS) for name in own)
    return {
        "voxelCount": result.get("blocks"),
        "dimensions": dict(zip("xyz", result["size"], strict=True)) if "size" in result else None,
        "commandCount": result.get("commands"),
        "block": max(materials, key=lambda name: materials[name]) if materials else None,
        "texturedGlbS3": f"s3://{context.bucket}/{prefix}{model}" if result else None,
        "sourceMcfunctionS3": f"s3://{context.bucket}/{prefix}{contract.COMMANDS}" if commands else None,
        "previewUrl": links.get(contract.PREVIEW),
        "buildUrl": links.get(contract.BUILD_DOCUMENT),
        "artifacts": links,
        "linksExpireInSeconds": context.link_seconds if links else None,
    }


def _time(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
