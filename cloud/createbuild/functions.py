"""The flow's five Lambda functions as data: handler, limits, environment and events."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UsageError
from meshtwin.minecraft import timeouts
from meshtwin.minecraft.lambdas import ROUTES
from meshtwin.minecraft.settings import SettingsError, StatusSettings, SubmitSettings, WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshtwin.cloud.profiles import Profile

SWEEP_SECONDS = 60

_IMAGE_MODELS = ("IMAGE_MODEL_ID", "IMAGE_MODEL_REGION", "IMAGE_BACKGROUND_MODEL_ID")
_API_AND_STEPS = (SubmitSettings, StatusSettings, WorkerSettings)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `memory` in MB, times in seconds; `events` are those of the host's manifest.

    `retries` and `maximum_age` are of its asynchronous events; the record of one that fails goes to the
    function `on_failure`: MaximumRetryAttempts, MaximumEventAgeInSeconds and DestinationConfig.OnFailure of
    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html. `concurrency` is the
    most that may run at once, None for no limit of its own.
    """

    name: str
    handler: str
    memory: int
    timeout: int
    environment: Mapping[str, str]
    events: tuple[Mapping[str, str | int], ...] = field(default=())
    retries: int = 2
    maximum_age: int = 21_600
    on_failure: str | None = None
    concurrency: int | None = None


def given_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """The functions' numbers and models that `variables` set.

    Raises:
        UsageError: a value is not a number in its range.
    """
    numbers = {entry.name.upper() for kind in _API_AND_STEPS for entry in fields(kind) if entry.type == "int"}
    found = {name: variables[name] for name in (*sorted(numbers), *_IMAGE_MODELS) if variables.get(name)}
    try:
        for kind in _API_AND_STEPS:
            needed = {entry.name.upper(): "set" for entry in fields(kind) if entry.type == "str"}
            kind.from_environment(needed | found)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    return found


def functions(profile: Profile, token: str, given: Mapping[str, str] | None = None) -> tuple[Function, ...]:
    """The profile's functions, whose API takes `token`, with settings `given` besides."""
    more = given or {}
    names = profile.names
    table = {**more, "JOB_TABLE": names.job_table}
    bucket = {
        **more,
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
        _api(names.submit_function, "submit", api),
        _api(names.status_function, "status", api),
        Function(
            names.worker_function,
            "meshtwin.minecraft.lambdas.worker.handler",
            memory=256,
            timeout=timeouts.WORKER_SECONDS,
            environment=table | bucket | steps | wakes,
            events=(*_notifications(profile), {"schedule": SWEEP_SECONDS}),
            # Each POST invokes it: a burst would use up the API's concurrency, and its own events can wait.
            concurrency=4,
        ),
        _step(names.text_to_image_function, "text_to_image", 1024, timeouts.IMAGE_SECONDS, bucket | wakes),
        _step(names.glb_to_vox_function, "glb_to_vox", 3008, timeouts.VOXEL_SECONDS, bucket | wakes),
    )


def _step(name: str, module: str, memory: int, timeout: int, environment: Mapping[str, str]) -> Function:
    """A step function: the worker is notified at once of one that fails, and retries itself."""
    return Function(
        name,
        f"meshtwin.minecraft.lambdas.{module}.handler",
        memory=memory,
        timeout=timeout,
        environment=environment,
        retries=0,
        maximum_age=timeouts.EVENT_AGE_SECONDS,
        on_failure=environment["WORKER_FUNCTION"],
    )


def _api(name: str, module: str, environment: Mapping[str, str]) -> Function:
    """A function that answers the HTTP API's requests to its routes."""
    return Function(
        name,
        f"meshtwin.minecraft.lambdas.{module}.handler",
        memory=256,
        timeout=timeouts.API_SECONDS,
        environment=environment,
        events=tuple({"http": route} for route, answers in ROUTES.items() if answers == module),
    )


def _notifications(profile: Profile) -> list[dict[str, str | int]]:
    prefix = f"arn:aws:sns:{profile.region}:{profile.account_id}"
    topics = (profile.names.success_topic, profile.names.error_topic)
    return [{"sns": f"{prefix}:{topic}"} for topic in topics if topic]
