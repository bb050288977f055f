"""The functions' settings: each field is the environment variable of its upper-cased name."""

from __future__ import annotations

import os
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from meshtwin.minecraft.timeouts import LEASE_SECONDS, STEP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_VALUE = 10**9
MAX_ACTIVE_JOBS = 100
"""How many jobs one sweep can handle within the worker's timeout."""


class SettingsError(Exception):
    """A variable is missing or invalid; names it, its value and what was expected."""


class _Settings:
    __slots__ = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Those of `environment`, by default the process's.

        Raises:
            SettingsError: a variable is missing or invalid.
        """
        variables = os.environ if environment is None else environment
        given: dict[str, Any] = {}
        for entry in fields(cls):  # type: ignore[arg-type]  # each kind of settings is a data class
            text = variables.get(entry.name.upper(), "")
            if text:
                given[entry.name] = _whole(entry, text) if entry.type == "int" else text
            elif entry.default is MISSING:
                raise SettingsError(f"{entry.name.upper()} is not set: this function needs it")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class SubmitSettings(_Settings):
    """Environment variables of the submit function."""

    input_bucket: str
    async_io_bucket: str
    worker_function: str
    job_table: str = "meshtwin-jobs"
    max_active_jobs: int = field(default=1, metadata={"most": MAX_ACTIVE_JOBS})
    max_queued_jobs: int = 1000
    max_player_jobs: int = 5
    max_player_jobs_per_day: int = 100
    player_cooldown_seconds: int = field(default=5, metadata={"least": 0})
    job_ttl_seconds: int = 604_800
    upload_ttl_seconds: int = 900
    api_url: str = ""


@dataclass(frozen=True, slots=True)
class StatusSettings(_Settings):
    """Environment variables of the status function."""

    output_bucket: str
    job_table: str = "meshtwin-jobs"
    max_active_jobs: int = field(default=1, metadata={"most": MAX_ACTIVE_JOBS})
    presign_ttl_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class WorkerSettings(_Settings):
    """Environment variables of the worker function."""

    input_bucket: str
    output_bucket: str
    async_io_bucket: str
    text_to_image_function: str
    glb_to_vox_function: str
    worker_function: str
    endpoint_name: str = "hunyuan3d-async-v2"
    job_table: str = "meshtwin-jobs"
    max_active_jobs: int = field(default=1, metadata={"most": MAX_ACTIVE_JOBS})
    job_ttl_seconds: int = 604_800
    lease_seconds: int = LEASE_SECONDS
    request_ttl_seconds: int = 3600
    invocation_timeout_seconds: int = 1800
    image_timeout_seconds: int = STEP_SECONDS
    voxel_timeout_seconds: int = STEP_SECONDS


NO_MODEL = "none"


@dataclass(frozen=True, slots=True)
class ImageSettings(_Settings):
    """Environment variables of the text_to_image function; docs/services/lambda-text-to-image.md."""

    image_model_id: str = "stability.stable-image-core-v1:1"
    image_model_region: str = "us-west-2"
    image_background_model_id: str = NO_MODEL
    """A Bedrock model, or `none`: the runtime removes backgrounds itself."""

    worker_function: str = ""
    """The function to invoke when the image is written; empty for none."""


@dataclass(frozen=True, slots=True)
class VoxelSettings(_Settings):
    """Environment variables of the glb_to_vox function."""

    worker_function: str = ""


@dataclass(frozen=True, slots=True)
class AuthSettings(_Settings):
    """Environment variables of both API functions that decide who may call."""

    api_token: str = ""
    api_token_parameter: str = ""
    allow_unauthenticated_requests: str = ""


def _whole(entry: Field[Any], text: str) -> int:
    least, most = entry.metadata.get("least", 1), entry.metadata.get("most", MAX_VALUE)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise SettingsError(f"{entry.name.upper()} {text!r}: expected a whole number, {least} to {most}")
    return int(text)
