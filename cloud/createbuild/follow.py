"""Follows a build job to its end, and reports its progress."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshtwin.cloud.errors import JobFailedError, NotYetError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshtwin.cloud.createbuild.api import BuildApi

_INTERVAL = 0.25
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.1
_AWAY_SECONDS = 60.0
"""How long the API may be unavailable: Lambda's response to an overload is a 5xx."""

_SHARES = {
    "image_generation": (0.0, 0.1),
    "shape_generation": (0.1, 0.4),
    "texture_paint": (0.5, 0.4),
    "voxelization": (0.9, 0.1),
}
"""Each stage's start and share on a bar from 0 to 1, roughly by time."""

_ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


@dataclass(frozen=True, slots=True)
class Update:
    """A job's progress: a message, the `fraction` that is done, and the API's name of its stage."""

    message: str
    fraction: float
    stage: str = ""


def follow(
    api: BuildApi, job_id: str, *, timeout: float, on_update: Callable[[Update], None]
) -> dict[str, Any]:
    """The last status of a job that succeeded.

    Raises:
        JobFailedError: it failed, or was cancelled; with the API's message.
        NotYetError: `timeout` seconds have passed; the job goes on.
        UnavailableError: the API has been unavailable for a minute.
    """
    start = answered = time.monotonic()
    interval = _INTERVAL
    while True:
        try:
            status = api.status(job_id)
            answered = time.monotonic()
        except UnavailableError:
            if time.monotonic() - answered > _AWAY_SECONDS:
                raise
            status = {}
        if status.get("status") in _ENDED:
            return _succeeded(job_id, status)
        if status:
            on_update(update_of(status))
        if time.monotonic() - start > timeout:
            raise NotYetError(
                f"job {job_id} has not ended after {timeout:g} s, and goes on: "
                f"`meshtwin build --job {job_id}` waits for it again"
            )
        time.sleep(interval)
        interval = min(interval * _GROWTH, _LONGEST_INTERVAL)


def update_of(status: Mapping[str, Any]) -> Update:
    """The progress in the status of a job that has not ended."""
    message = str(status.get("progressMessage") or status.get("status"))
    if status.get("queuePosition"):
        message = f"{message} (position {status['queuePosition']})"
    stage = str(status.get("progressStage"))
    start, share = _SHARES.get(stage, (0.0, 0.0))
    return Update(message, start + share * float(status.get("progress") or 0), stage)


def _succeeded(job_id: str, status: dict[str, Any]) -> dict[str, Any]:
    if status["status"] == "SUCCEEDED":
        return status
    verb = "failed" if status["status"] == "FAILED" else "was cancelled"
    raise JobFailedError(f"job {job_id} {verb}: {status.get('error') or 'no reason given'}")
