"""`python -m meshtwin.runtime [serve | weights]`: the container's program."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from meshtwin.runtime import logs
from meshtwin.runtime.http.server import EXIT_SETTINGS, run
from meshtwin.runtime.privileges import drop_to
from meshtwin.runtime.settings import Settings, SettingsError, unknown_variables
from meshtwin.runtime.weights.fetch import fetch
from meshtwin.runtime.weights.hub import WeightsError

MODEL_FOLDER = Path("/opt/ml/model")
"""Where SageMaker puts a model's files, and backends read them."""


def main() -> int:
    """Run the command; 2 for invalid settings, 1 when weights cannot be fetched."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "weights":
            fetch(Settings.from_environment(os.environ), arguments.to, os.environ)
            return 0
        return serve()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    except WeightsError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def serve() -> int:
    """Serve until a signal.

    Raises:
        SettingsError: the settings are invalid.
    """
    logs.configure()
    settings = Settings.from_environment(os.environ)
    if settings.user is not None and drop_to(settings.user):
        # Some folders that root may write to, this user may not.
        settings = Settings.from_environment(os.environ)
    return run(settings, unknown=unknown_variables(os.environ))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m meshtwin.runtime",
        description="Settings come from the environment: docs/container.md.",
    )
    commands = parser.add_subparsers(dest="command", metavar="serve | weights")
    # SageMaker starts `docker run image serve`.
    commands.add_parser("serve", help="serve GET /ping and POST /invocations; so does no command at all")
    weights = commands.add_parser("weights", help="fetch the weights of the hunyuan backend, with HF_TOKEN")
    weights.add_argument("--to", type=Path, default=MODEL_FOLDER, help="folder (%(default)s)")
    return parser
