"""All commands under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cloud.commands.build import build
from cloud.commands.demo import demo
from cloud.commands.doctor import doctor
from cloud.commands.emulator import cancel, clock, explain, fault, instances, replay, requests
from cloud.commands.parity import parity
from cloud.commands.queue import queue
from cloud.commands.status import status
from cloud.commands.submit import submit, wait
from cloud.commands.up import up
from cloud.commands.voxelize import voxelize

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="meshtwin",
    help="A picture becomes a textured 3D model, through SageMaker's asynchronous contract: here or on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(up, status, submit, wait, demo, build, voxelize, doctor),
    *(requests, cancel, replay, explain, instances, clock, fault, parity),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(queue)
