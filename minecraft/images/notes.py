"""What the image step and the worker say to each other: the event, and the failure beside the picture."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURE_SUFFIX = ".failure.json"
"""After the picture's key: where the reason is when there is no picture."""

_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})", re.DOTALL)
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_CHARACTERS = 20_000


class FailureCode(StrEnum):
    """Why there is no picture."""

    REFUSED = "image_refused"
    BUSY = "image_busy"
    FAILED = "image_failed"
    BAD_UPLOAD = "image_bad_upload"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no picture: `message` is in words for the player, `retryable` if the same may succeed."""

    code: FailureCode
    message: str
    retryable: bool

    def document(self) -> bytes:
        """The JSON beside the picture's place."""
        return json.dumps(asdict(self)).encode("ascii")


@dataclass(frozen=True, slots=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str


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
        ValueError: a field is missing or has a value that it cannot have; the message names both.
    """
    job_id, prompt, seed = event.get("jobId"), event.get("prompt", ""), event.get("seed", 0)
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"jobId {job_id!r}: expected 1 to 64 letters, digits, - or _")
    if not isinstance(prompt, str) or len(prompt) > _MOST_CHARACTERS:
        raise ValueError(f"prompt of {type(prompt).__name__}: expected at most {_MOST_CHARACTERS} characters")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed {seed!r}: expected a whole number")  # noqa: TRY004  # a field's value, as above
    source = event.get("source_s3")
    output = _location(event.get("output_s3"), "output_s3")
    return ImageRequest(
        job_id, prompt, seed, output, None if source is None else _location(source, "source_s3")
    )


def _location(value: object, field: str) -> Location:
    match = _LOCATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{field} {value!r}: expected s3://bucket/key")
    return Location(match[1], match[2])
