"""`python -m meshtwin.emulator.serverless`: functions, and other services that a store lacks, on a port."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from meshtwin.emulator.core.clock import AdjustableClock
from meshtwin.emulator.core.leaving import leave
from meshtwin.emulator.core.logs import configure_logging
from meshtwin.emulator.core.server import listen, serve
from meshtwin.emulator.lambda_.manifest import ManifestError, load
from meshtwin.emulator.serverless.options import parse
from meshtwin.emulator.serverless.serverless import Serverless

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from meshtwin.emulator.core.server import Program


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the process's exit status."""
    settings, arguments = parse(argv)
    configure_logging()
    try:
        functions = load(settings.functions) if settings.functions else ()
        listening = listen(settings)
    except ManifestError as error:
        sys.stderr.write(f"The functions cannot be served: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(
            f"The serverless emulator cannot listen on {settings.host}:{settings.port}: {error}\n"
        )
        return 1

    def make(url: str) -> tuple[Program, ASGIApp]:
        serverless = Serverless(functions, settings, AdjustableClock(arguments.speed), url)
        return serverless, serverless

    with listening:
        serve(make, listening, exit_with_stdin=arguments.exit_with_stdin)
    return 0


if __name__ == "__main__":
    leave(main())
