"""A profile brought up for the length of a command: its services, and its endpoint InService."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cloud.commands.console import StartProgress, err, seconds_since_start
from cloud.connection import use
from cloud.endpoint import VARIANT, delete_endpoint, ensure_endpoint
from cloud.scaling import Timing, timing_of
from cloud.stack.stack import Stack, prepare, running
from cloud.stack.state import State, remove_state, write_state
from cloud.watch import StoreWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud.profiles import Profile
    from cloud.stack.options import StackOptions


@dataclass(frozen=True, slots=True)
class Serving:
    """What is up, since when, and how its endpoint scales to zero, where it does.

    `seconds` are those from the start of this process to InService, of which images took `seconds_preparing`.
    """

    stack: Stack
    seconds: float
    seconds_preparing: float
    timing: Timing | None


@contextmanager
def serving(
    profile: Profile, options: StackOptions, *, keep: bool = False, scale_to_zero: bool | None = None
) -> Iterator[Serving]:
    """The profile's services with its endpoint InService, from here to the end of the `with` block."""
    prepare(profile, options, _say)
    prepared = seconds_since_start()
    with StartProgress() as progress, running(profile, options, progress.show) as stack:
        environment = dict(stack.environment)
        use(environment)

        def report(words: str) -> None:
            progress.show(f"{words} (logs: {stack.log_dir})")

        new = _bring_in_service(profile, report, scale_to_zero)
        progress.stop()
        services = {service.name: service.place for service in stack.services}
        write_state(State(profile.name, os.getpid(), environment, str(stack.log_dir), services))
        try:
            timing = _timing(profile)
            with StoreWatch(profile, _say, scales=timing is not None) if profile.emulated else nullcontext():
                yield Serving(stack, seconds_since_start(), prepared, timing)
        finally:
            remove_state(profile.name)
            if new and not keep and not profile.emulated:
                delete_endpoint(profile)


def _timing(profile: Profile) -> Timing | None:
    try:
        return timing_of(profile.names.endpoint_name, VARIANT)
    except ClientError:
        return None  # who has not let it scale need not be allowed to look


def _say(words: str) -> None:
    err.print(words, markup=False, soft_wrap=True)


def _bring_in_service(profile: Profile, report: Callable[[str], None], scale_to_zero: bool | None) -> bool:
    try:
        return ensure_endpoint(profile, report, scale_to_zero=scale_to_zero)
    except KeyboardInterrupt:
        if not profile.emulated:
            name = profile.names.endpoint_name
            err.print(
                f"endpoint {name} may go on being created on AWS, and cost money: "
                f"`aws sagemaker delete-endpoint --endpoint-name {name}` ends it once it is InService"
            )
        raise
