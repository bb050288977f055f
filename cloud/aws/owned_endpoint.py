"""An endpoint on AWS costs money: whoever made one deletes it, or says which it is and what removes it."""

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
    say: Callable[[str], None],
    *,
    keep: bool = False,
    scale_to_zero: bool | None = None,
) -> Iterator[None]:
    """The profile's endpoint, InService, from here to the end of the `with` block.

    On AWS, one that was made here is deleted at the end, however that comes: a signal, credentials that have
    expired, a lost network. Where it cannot be deleted, or is to be kept, `say` is told its name and the
    command. An emulator's goes with the emulator.

    Raises:
        UnavailableError: it has failed, or a service cannot be reached; or it could not be deleted.
    """
    profile = client.profile
    new = prepare_endpoint(client, say)
    ours = new and not profile.emulated
    served = False
    if ours:
        say(_announcement(profile, keep=keep))
    try:
        if new:
            new = create_endpoint(client)
            ours = ours and new
        bring_in_service(client, report, new=new, scale_to_zero=scale_to_zero)
        served = True
        yield
    except BaseException:
        if ours:
            _release(client, say, keep=keep and served)
        raise
    if ours and not _release(client, say, keep=keep):
        raise CloudError(f"endpoint {profile.names.endpoint_name} is still there: see above")


def _release(client: Client, say: Callable[[str], None], *, keep: bool) -> bool:
    """Delete the endpoint, unless it is kept; False, and in words why and what to do, where that fails."""
    profile = client.profile
    name = f"endpoint {profile.names.endpoint_name} in {profile.region}"
    if keep:
        say(f"{name} is kept, and costs money until it is deleted:\n  {removal_command(profile)}")
        return True
    say(f"deleting {name}")
    try:
        delete_endpoint(client)
    except BaseException as error:
        reason = str(error) or "interrupted"
        say(
            f"{name} could not be deleted ({reason}); where it is there, it costs money until this has run:\n"
            f"  {removal_command(profile)}"
        )
        if isinstance(error, CloudError):
            return False
        raise
    return True


def _announcement(profile: Profile, *, keep: bool) -> str:
    names = profile.names
    end = (
        "with --keep, it is left in place"
        if keep
        else "Ctrl-C, SIGTERM and a closed terminal delete it; buckets and their contents stay"
    )
    return (
        f"endpoint {names.endpoint_name} is made on AWS in {profile.region}: one "
        f"{names.instance_type}, billed by the hour while an instance runs (the price is not known here: "
        f"https://aws.amazon.com/sagemaker/pricing/). At the end: {end}.\n"
        f"Should this process be killed, this removes it:\n  {removal_command(profile)}"
    )
