"""A profile brought up for the length of a command: its services, and its endpoint InService."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.cloud.aws.owned_endpoint import endpoint_in_service
from meshtwin.cloud.cli.console import StartProgress, note, seconds_since_start
from meshtwin.cloud.client import Client, reach
from meshtwin.cloud.local.stack.stack import Stack, prepare, running
from meshtwin.cloud.scaling import Timing, timing_of
from meshtwin.cloud.spec.endpoint import VARIANT
from meshtwin.cloud.state import State, noted, only_one
from meshtwin.cloud.watch import StoreWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


@dataclass(frozen=True, slots=True)
class Serving:
    """What is up, how it is reached, since when, and how its endpoint scales to zero, where it does.

    `seconds` are those from the start of this process to InService, of which images took `seconds_preparing`.
    """

    stack: Stack
    client: Client
    seconds: float
    seconds_preparing: float
    timing: Timing | None


@contextmanager
def serving(
    profile: Profile, options: StackOptions, *, keep: bool = False, scale_to_zero: bool | None = None
) -> Iterator[Serving]:
    """The profile's services with its endpoint InService, from here to the end of the `with` block."""
    with only_one(profile.name, options.folder):
        prepare(profile, options, note)
        prepared = seconds_since_start()
        with StartProgress() as progress, running(profile, options, progress.show) as stack:
            client = reach(profile, stack.environment, options.shell)

            def report(words: str) -> None:
                progress.show(f"{words} (logs: {stack.log_dir})")

            with endpoint_in_service(client, report, note, keep=keep, scale_to_zero=scale_to_zero):
                progress.stop()
                timing = _timing(client)
                services = {service.name: service.place for service in stack.services}
                state = State(profile.name, dict(stack.environment), str(stack.log_dir), services)
                watch = StoreWatch(client, note, scales=timing is not None)
                with noted(state, options.folder), watch if profile.emulated else nullcontext():
                    yield Serving(stack, client, seconds_since_start(), prepared, timing)


def _timing(client: Client) -> Timing | None:
    try:
        return timing_of(client.aws, client.profile.names.endpoint_name, VARIANT)
    except ClientError:
        return None  # who has not let it scale need not be allowed to look
