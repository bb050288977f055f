"""Runs a profile for the length of a command: its services, and its endpoint InService."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from meshtwin.cloud.aws.owned_endpoint import endpoint_in_service
from meshtwin.cloud.cli.console import StartProgress, note, seconds_since_start
from meshtwin.cloud.client import Client, client_of
from meshtwin.cloud.local.stack.stack import Stack, prepare, running
from meshtwin.cloud.reconciler import ResourceReconciler
from meshtwin.cloud.scaling import Timing, timing_of
from meshtwin.cloud.spec.endpoint import VARIANT
from meshtwin.cloud.state import State, profile_lock, state_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.cloud.local.stack.options import StackOptions
    from meshtwin.cloud.profiles import Profile


@dataclass(frozen=True, slots=True)
class Serving:
    """A running profile: its services, its client, and the timing of its endpoint's scaling, where it scales.

    `seconds` are from the start of this process to InService; pulling and building images took
    `seconds_preparing` of them.
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
    """Run the profile's services, with its endpoint InService, for the length of a `with` block."""
    with profile_lock(profile.name, options.folder):
        prepare(profile, options, note)
        prepared = seconds_since_start()
        with StartProgress() as progress, running(profile, options, progress.show) as stack:
            client = client_of(profile, stack.environment, options.shell)

            def report(text: str) -> None:
                progress.show(f"{text} (logs: {stack.log_dir})")

            with endpoint_in_service(client, report, note, keep=keep, scale_to_zero=scale_to_zero):
                progress.stop()
                timing = _timing(client)
                services = {service.name: service.location for service in stack.services}
                state = State(profile.name, dict(stack.environment), str(stack.log_dir), services)
                reconciler = ResourceReconciler(client, note, scales=timing is not None)
                with state_file(state, options.folder), reconciler if profile.emulated else nullcontext():
                    yield Serving(stack, client, seconds_since_start(), prepared, timing)


def _timing(client: Client) -> Timing | None:
    try:
        return timing_of(client.aws, client.profile.names.endpoint_name, VARIANT)
    except ClientError:
        return None  # an identity that did not set up scaling need not have access to it
