"""`python -m emulator.standins`: functions, and other services that a store lacks, on a port."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from emulator.clock import AdjustableClock
from emulator.functions.manifest import ManifestError, load
from emulator.leaving import leave
from emulator.logs import configure_logging
from emulator.server import listen, serve_program
from emulator.standins.options import parse
from emulator.standins.standins import Standins

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from emulator.server import Program


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the process's exit status."""
    settings, arguments = parse(argv)
    configure_logging()
    try:
        functions = load(settings.functions) if settings.functions else ()
        listening = listen(settings)
    except ManifestError as error:
        sys.stderr.write(f"The functions can not be served: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The stand-ins can not listen on {settings.host}:{settings.port}: {error}\n")
        return 1

    def make(url: str) -> tuple[Program, ASGIApp]:
        standins = Standins(functions, settings, AdjustableClock(arguments.speed), url)
        return standins, standins

    with listening:
        serve_program(make, listening, exit_with_stdin=arguments.exit_with_stdin)
    return 0


if __name__ == "__main__":
    leave(main())
