"""`python -m runtime [serve]`: the container's program."""

from __future__ import annotations

import argparse
import os
import sys

from runtime.server import EXIT_SETTINGS, run
from runtime.settings import Settings, SettingsError, unknown_variables


def main() -> int:
    """Serve until told to stop; 2 when the settings cannot be met."""
    parser = argparse.ArgumentParser(
        prog="python -m runtime",
        description="Serves GET /ping and POST /invocations; settings come from the environment.",
    )
    # SageMaker starts `docker run image serve`.
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.parse_args()
    try:
        settings = Settings.from_environment(os.environ)
        return run(settings, unknown=unknown_variables(os.environ))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS


if __name__ == "__main__":
    sys.exit(main())
