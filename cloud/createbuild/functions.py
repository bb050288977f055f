"""The flow's five Lambda functions as data: what each runs, may use, and is called by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minecraft.lambdas import ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud.profiles import Profile

SWEEP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `memory` in MB, `timeout` in seconds; `events` are those of the host's manifest."""

    name: str
    handler: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    events: tuple[Mapping[str, str | int], ...] = field(default=())


def functions(profile: Profile, token: str) -> tuple[Function, ...]:
    """The profile's functions, whose API takes `token`."""
    names = profile.names
    table = {"JOB_TABLE": names.job_table}
    bucket = {
        "INPUT_BUCKET": names.input_bucket,
        "OUTPUT_BUCKET": names.output_bucket,
        "ASYNC_IO_BUCKET": names.async_io_bucket,
    }
    wakes = {"WORKER_FUNCTION": names.worker_function}
    api = {"API_TOKEN": token} | table | bucket | wakes
    steps = {
        "ENDPOINT_NAME": names.endpoint_name,
        "TEXT_TO_IMAGE_FUNCTION": names.text_to_image_function,
        "GLB_TO_VOX_FUNCTION": names.glb_to_vox_function,
    }
    return (
        Function(
            names.submit_function,
            "minecraft.lambdas.submit.handler",
            memory=256,
            timeout=30,
            environment=api,
            events=_routes("submit"),
        ),
        Function(
            names.status_function,
            "minecraft.lambdas.status.handler",
            memory=256,
            timeout=30,
            environment=api,
            events=_routes("status"),
        ),
        Function(
            names.worker_function,
            "minecraft.lambdas.worker.handler",
            memory=256,
            timeout=60,
            environment=table | bucket | steps | wakes,
            events=(*_notices(profile), {"schedule": SWEEP_SECONDS}),
        ),
        Function(
            names.text_to_image_function,
            "minecraft.lambdas.text_to_image.handler",
            memory=512,
            timeout=180,
            environment=bucket | wakes,
        ),
        Function(
            names.glb_to_vox_function,
            "minecraft.lambdas.glb_to_vox.handler",
            memory=3008,
            timeout=300,
            environment=bucket | wakes,
        ),
    )


def _routes(module: str) -> tuple[Mapping[str, str | int], ...]:
    return tuple({"http": route} for route, answers in ROUTES.items() if answers == module)


def _notices(profile: Profile) -> list[dict[str, str | int]]:
    prefix = f"arn:aws:sns:{profile.region}:{profile.account_id}"
    topics = (profile.names.success_topic, profile.names.error_topic)
    return [{"sns": f"{prefix}:{topic}"} for topic in topics if topic]
