"""The `meshtwin` command: its subcommands, and what an error looks like from outside."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from cloud.commands.console import err
from cloud.commands.demo import demo
from cloud.commands.status import status
from cloud.commands.submit import submit, wait
from cloud.commands.up import up
from cloud.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

app = typer.Typer(
    name="meshtwin",
    help="A picture becomes a textured 3D model, through SageMaker's asynchronous contract: here or on AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: tuple[Callable[..., None], ...] = (up, status, submit, wait, demo)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; exit codes are those of `cloud.errors`."""
    try:
        app(standalone_mode=True)
    except CloudError as error:
        err.print("[red]meshtwin:[/red]", str(error), markup=True, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output went away: leave quietly, as `head` expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
