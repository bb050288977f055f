"""A profile brought up for the length of a command: its services, and its endpoint InService."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.cloud.aws.owned_endpoint import endpoint_in_service
from meshtwin.cloud.cli.console import StartProgress, note, seconds_since_start
from meshtwin.cloud.connection import beside_proxies, use
from meshtwin.cloud.local.stack.stack import Stack, prepare, running
from meshtwin.cloud.local.stack.state import State, noted, only_one
from meshtwin.cloud.scaling import Timing, timing_of
from meshtwin.cloud.spec.endpoint import VARIANT
from meshtwin.cloud.watch import StoreWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


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
    with only_one(profile.name):
        prepare(profile, options, note)
        prepared = seconds_since_start()
        # What waits for services asks them itself, and not through a proxy.
        os.environ.update(beside_proxies())
        with StartProgress() as progress, running(profile, options, progress.show) as stack:
            environment = dict(stack.environment)
            if profile.emulated:
                use(environment)
            else:
                os.environ.update(environment)

            def report(words: str) -> None:
                progress.show(f"{words} (logs: {stack.log_dir})")

            with endpoint_in_service(profile, report, note, keep=keep, scale_to_zero=scale_to_zero):
                progress.stop()
                timing = _timing(profile)
                services = {service.name: service.place for service in stack.services}
                state = State(profile.name, environment, str(stack.log_dir), services)
                watch = StoreWatch(profile, note, scales=timing is not None)
                with noted(state), watch if profile.emulated else nullcontext():
                    yield Serving(stack, seconds_since_start(), prepared, timing)


def _timing(profile: Profile) -> Timing | None:
    try:
        return timing_of(profile.names.endpoint_name, VARIANT)
    except ClientError:
        return None  # who has not let it scale need not be allowed to look
