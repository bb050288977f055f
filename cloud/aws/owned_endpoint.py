"""An endpoint for the length of a command; on AWS, where it costs money, it is deleted at the end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshtwin.cloud.endpoint import (
    bring_in_service,
    create_endpoint,
    delete_endpoint,
    prepare_endpoint,
    removal_command,
)
from meshtwin.cloud.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshtwin.cloud.client import Client
    from meshtwin.cloud.profiles import Profile


@contextmanager
def endpoint_in_service(
    client: Client,
    report: Callable[[str], None],
    notify: Callable[[str], None],
    *,
    keep: bool = False,
    scale_to_zero: bool | None = None,
) -> Iterator[None]:
    """The profile's endpoint, InService, from here to the end of the `with` block.

    On AWS, an endpoint that this created is deleted at the end, whatever the reason: a signal, expired
    credentials, a lost network. Where it cannot be deleted, or is kept, `notify` gets its name and the
    command that deletes it. An emulator's endpoint ends with the emulator.

    Raises:
        UnavailableError: the endpoint has failed, or a service cannot be reached.
        CloudError: it could not be deleted.
    """
    profile = client.profile
    new = prepare_endpoint(client, notify)
    ours = new and not profile.emulated
    served = False
    if ours:
        notify(_announcement(profile, keep=keep))
    try:
        if new:
            new = create_endpoint(client)
            ours = ours and new
        bring_in_service(client, report, new=new, scale_to_zero=scale_to_zero)
        served = True
        yield
    except BaseException:
        if ours:
            _delete_or_keep(client, notify, keep=keep and served)
        raise
    if ours and not _delete_or_keep(client, notify, keep=keep):
        raise CloudError(f"endpoint {profile.names.endpoint_name} still exists: see above")


def _delete_or_keep(client: Client, notify: Callable[[str], None], *, keep: bool) -> bool:
    """Delete the endpoint, unless it is kept; False where that fails, with the reason and the command."""
    profile = client.profile
    name = f"endpoint {profile.names.endpoint_name} in {profile.region}"
    if keep:
        notify(f"{name} is kept, and costs money until it is deleted:\n  {removal_command(profile)}")
        return True
    notify(f"deleting {name}")
    try:
        delete_endpoint(client)
    except BaseException as error:
        reason = str(error) or "interrupted"
        notify(
            f"{name} could not be deleted ({reason}); if it exists, it costs money until this has run:\n"
            f"  {removal_command(profile)}"
        )
        if isinstance(error, CloudError):
            return False
        raise
    return True


def _announcement(profile: Profile, *, keep: bool) -> str:
    names = profile.names
    end = (
        "with --keep, it stays"
        if keep
        else "Ctrl-C, SIGTERM and a closed terminal delete it; buckets and their contents stay"
    )
    return (
        f"creating endpoint {names.endpoint_name} on AWS in {profile.region}: one "
        f"{names.instance_type}, billed by the hour while an instance runs (the price is not known here: "
        f"https://aws.amazon.com/sagemaker/pricing/). At the end: {end}.\n"
        f"If this process is killed, this command deletes it:\n  {removal_command(profile)}"
    )
