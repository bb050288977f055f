"""`meshtwin up`: runs a profile's services and its endpoint until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from meshtwin.cloud.admin import browser_page
from meshtwin.cloud.cli.console import JsonOption, ProfileOption, note, print_json, print_line
from meshtwin.cloud.cli.serving import Serving, serving
from meshtwin.cloud.local.stack.options import StackOptions
from meshtwin.cloud.local.stack.service import wait_until
from meshtwin.cloud.profiles import Profile, load_profile
from meshtwin.cloud.scaling import describe_timing


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
        typer.Option(help="IMAGE=COMMAND: a program that replaces another image; repeatable."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: a setting of the emulator; repeatable.")
    ] = None,
    emulator: Annotated[
        Literal["host", "container"],
        typer.Option(help="local: run the emulator as a process here, or as compose.yaml's service."),
    ] = "host",
    scale_to_zero: Annotated[
        bool | None,
        typer.Option(
            "--scale-to-zero/--no-scale-to-zero",
            help="Scale to zero without work; default: on local and sagemaker.",
        ),
    ] = None,
    build: Annotated[
        bool | None,
        typer.Option("--build/--no-build", help="local: build images, or never; default: missing ones."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="On AWS: keep the endpoint, and exit once it is InService.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the profile's services and its endpoint, and keep them until Ctrl-C.

    Prints the settings with which any AWS SDK or CLI uses them. Ctrl-C stops everything that was started
    here; on AWS it deletes the endpoint, unless it existed before. With --keep, on AWS, the command exits
    once the endpoint is InService, and prints the command that deletes it.

    Examples:

      meshtwin up

      meshtwin up --data .meshtwin/data --port 4599

      meshtwin up --speed 60 --container 'sum:latest=python serve.py'

      meshtwin up --profile local --speed 60

      MESHTWIN_PROFILE=sagemaker meshtwin up --keep
    """
    chosen = load_profile(profile)
    options = StackOptions(
        os.environ,
        data=data,
        port=port,
        speed=speed,
        containers=tuple(container or ()),
        settings=tuple(settings or ()),
        emulator=emulator,
        build=build,
    )
    with serving(chosen, options, keep=keep, scale_to_zero=scale_to_zero) as served:
        # Only now: until everything is up, a signal interrupts the start.
        stop = _stop_event()
        if as_json:
            print_json(_document(served))
        else:
            _print_settings(chosen, served, speed)
        if keep and not chosen.emulated:
            return  # the endpoint needs no local process
        wait_until(stop, served.stack.services)
        note("stopping ...")
    note("everything that was started here is stopped")


def export_lines(environment: dict[str, str]) -> list[str]:
    """The settings as `export` lines for a shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def _document(served: Serving) -> dict[str, object]:
    return {
        "environment": dict(served.stack.environment),
        "log_dir": str(served.stack.log_dir),
        "seconds_to_in_service": round(served.seconds, 2),
        "seconds_preparing": round(served.seconds_preparing, 2),
        "scale_to_zero": asdict(served.timing) if served.timing else None,
    }


def _print_settings(profile: Profile, served: Serving, speed: float) -> None:
    stack = served.stack
    for line in export_lines(dict(stack.environment)):
        print_line(line)
    clock = speed if profile.emulated else 1.0
    note(f"endpoint {profile.names.endpoint_name} is InService, {served.seconds:.1f} s after the start")
    if served.timing:
        note(describe_timing(served.timing, clock))
    note("in another shell:")
    note(f"  meshtwin submit --profile {profile.name} --image image.png --output-prefix out/")
    note(f"or, with the lines above, any AWS SDK or CLI. Logs: {stack.log_dir}")
    if page := browser_page(stack.environment):
        note(f"in a browser: {page}")
    note("Ctrl-C stops everything")


def _stop_event() -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP; a second one interrupts the shutdown."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            sys.exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
    return stop
