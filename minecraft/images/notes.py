"""What the image step is asked, and the codes of its failures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.minecraft.contract import ContractError, ImageTask
from meshtwin.minecraft.objects import Location, location

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_CHARACTERS = 20_000


class FailureCode(StrEnum):
    """Why there is no picture."""

    REFUSED = "image_refused"
    BUSY = "image_busy"
    FAILED = "image_failed"
    BAD_UPLOAD = "image_bad_upload"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What the image step is asked: `source` is the player's own picture, if there is one."""

    job_id: str
    prompt: str
    seed: int
    output: Location
    source: Location | None


def read_request(event: Mapping[str, Any]) -> ImageRequest:
    """The event of the image step.

    Raises:
        ContractError: a field is missing or has a value that it cannot have; the message names both.
    """
    task = ImageTask.from_event(event)
    if not _JOB_ID.fullmatch(task.job_id):
        raise ContractError(f"jobId {task.job_id!r}: expected 1 to 64 letters, digits, - or _")
    if len(task.prompt) > _MOST_CHARACTERS:
        raise ContractError(f"prompt of {len(task.prompt)} characters: expected at most {_MOST_CHARACTERS}")
    source = None if task.source_s3 is None else location(task.source_s3, "source_s3")
    return ImageRequest(task.job_id, task.prompt, task.seed, location(task.output_s3, "output_s3"), source)
