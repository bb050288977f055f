"""The command line. Only the module of the command that runs is imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULES = {
    **{name: name for name in ("up", "status", "submit")},
    "wait": "submit",
    **{name: name for name in ("demo", "build", "voxelize", "convert", "queue", "doctor")},
    **dict.fromkeys(("requests", "cancel", "replay", "explain", "instances", "clock", "fault"), "emulator"),
}
"""Each command, in the order of the help, and the module that it is in."""

_OLD_NAMES = {"input": "image", "picture": "image"}
"""Former names of options, still accepted and not shown."""


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line for `arguments`: only with the command that they name, else with all commands.

    Each command's imports are slow, and only one command runs.
    """
    app = typer.Typer(
        name="meshtwin",
        help="Turn images into textured 3D models on a SageMaker asynchronous endpoint: locally or on AWS.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "token_normalize_func": lambda token: _OLD_NAMES.get(token, token),
        },
    )
    app.callback()(_general)
    chosen = arguments[0] if arguments else ""
    for name in [chosen] if chosen in _MODULES else _MODULES:
        found = getattr(import_module(f"meshtwin.cloud.cli.{_MODULES[name]}"), name)
        if isinstance(found, typer.Typer):
            app.add_typer(found)
        else:
            app.command()(found)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  # only --version needs it

        typer.echo(f"meshtwin {version('meshtwin')}")
        raise typer.Exit


def _general(
    version: Annotated[  # its callback does all
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass
