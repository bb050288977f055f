"""`meshtwin up`: a profile's services and its endpoint, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.panel import Panel

from cloud.commands.console import JsonOption, ProfileOption, err, out, print_json
from cloud.connection import use
from cloud.endpoint import delete_endpoint, ensure_endpoint
from cloud.errors import UnavailableError
from cloud.profiles import Profile, load_profile
from cloud.stack.child import wait_until
from cloud.stack.stack import Stack, StackOptions, running
from cloud.stack.state import State, read_state, remove_state, write_state

if TYPE_CHECKING:
    from collections.abc import Iterator


def up(
    profile: ProfileOption = None,
    data: Annotated[
        Path | None, typer.Option(help="Keep S3, DynamoDB and SNS in this folder over a restart.")
    ] = None,
    port: Annotated[int, typer.Option(help="The emulator's port; 0: a free one.")] = 0,
    speed: Annotated[
        float, typer.Option(help="Run the service's time this many times as fast; 0: stand still.")
    ] = 1.0,
    container: Annotated[
        list[str] | None,
        typer.Option(help="IMAGE=COMMAND: a program that stands for another image; repeatable."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a setting of the emulator; repeatable."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave an endpoint on AWS in place at the end.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the profile's services and its endpoint, and keep them until Ctrl-C.

    Prints the settings by which any AWS SDK or CLI reaches them. Ctrl-C stops everything that was started
    here; on AWS that is the endpoint, unless it was there before or --keep is given.

    Examples:

      meshtwin up

      meshtwin up --data .meshtwin/data --port 4599

      meshtwin up --speed 60 --container 'sum:latest=python serve.py'

      MESHTWIN_PROFILE=sagemaker meshtwin up --keep
    """
    chosen = load_profile(profile)
    already = read_state(chosen.name)
    if already is not None:
        raise UnavailableError(f"profile {chosen.name!r} is already up, in process {already.pid}")
    options = StackOptions(
        data=data,
        port=port,
        speed=speed,
        containers=tuple(container or ()),
        settings=tuple(settings or ()),
    )
    with serving(chosen, options, keep=keep) as stack:
        # Only now: until everything is up, an interrupt is to end the waiting for it.
        stop = _stop_event()
        if as_json:
            print_json({"environment": dict(stack.environment), "log_dir": str(stack.log_dir)})
        else:
            _print_settings(chosen, stack)
        wait_until(stop, stack.children)
        err.print("stopping ...")
    err.print("everything that was started here is stopped")


@contextmanager
def serving(profile: Profile, options: StackOptions, *, keep: bool = False) -> Iterator[Stack]:
    """The profile's services with its endpoint InService, from here to the end of the `with` block."""
    with running(profile, options) as stack:
        environment = dict(stack.environment)
        use(environment)
        processes = {child.name: child.pid for child in stack.children}
        new = _bring_in_service(profile, stack.log_dir)
        write_state(State(profile.name, os.getpid(), environment, str(stack.log_dir), processes))
        try:
            yield stack
        finally:
            remove_state(profile.name)
            if new and not keep and not profile.emulated:
                delete_endpoint(profile)


def _bring_in_service(profile: Profile, log_dir: Path) -> bool:
    try:
        with err.status("starting") as status:
            return ensure_endpoint(profile, lambda words: status.update(f"{words} (logs: {log_dir})"))
    except KeyboardInterrupt:
        if not profile.emulated:
            name = profile.names.endpoint_name
            err.print(
                f"endpoint {name} may go on being created on AWS, and cost money: "
                f"`aws sagemaker delete-endpoint --endpoint-name {name}` ends it once it is InService"
            )
        raise


def export_lines(environment: dict[str, str]) -> list[str]:
    """The settings as lines for a shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def _print_settings(profile: Profile, stack: Stack) -> None:
    for line in export_lines(dict(stack.environment)):
        out.print(line, soft_wrap=True)
    err.print(
        Panel.fit(
            f"endpoint [bold]{profile.names.endpoint_name}[/bold] is InService\n"
            f"In another shell: [bold]meshtwin submit --input picture.png --output-prefix out/[/bold]\n"
            f"or, with the lines above, any AWS SDK or CLI. Logs: {stack.log_dir}\n"
            "Ctrl-C stops everything.",
            title=f"meshtwin: profile {profile.name} is up",
        )
    )


def _stop_event() -> threading.Event:
    """Set by the first SIGINT or SIGTERM; a second one interrupts the stopping."""
    stop = threading.Event()

    def handle(signum: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        signal.signal(signum, handle)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop
