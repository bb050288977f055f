"""The image step's task, and the codes of its failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.minecraft.contract import ContractError, ImageTask
from meshtwin.minecraft.s3 import Location, location

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_CHARACTERS = 20_000


class FailureCode(StrEnum):
    """Why there is no image."""

    REFUSED = "image_refused"
    BUSY = "image_busy"
    FAILED = "image_failed"
    BAD_UPLOAD = "image_bad_upload"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The image step's task: `source` is the player's own image, if there is one."""

    job_id: str
    prompt: str
    seed: int
    output: Location
    source: Location | None


def read_request(event: Mapping[str, Any]) -> ImageRequest:
    """The task of an event.

    Raises:
        ContractError: a field is missing or invalid; the message names it and its value.
    """
    task = ImageTask.from_event(event)
    if not _JOB_ID.fullmatch(task.job_id):
        raise ContractError(f"jobId {task.job_id!r}: expected 1 to 64 letters, digits, - or _")
    if len(task.prompt) > _MAX_CHARACTERS:
        raise ContractError(f"prompt of {len(task.prompt)} characters: expected at most {_MAX_CHARACTERS}")
    source = None if task.source_s3 is None else location(task.source_s3, "source_s3")
    return ImageRequest(task.job_id, task.prompt, task.seed, location(task.output_s3, "output_s3"), source)
