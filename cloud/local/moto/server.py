"""The embedded profile's S3, DynamoDB, SNS, SQS and CloudWatch: moto's server, as a process of its own.

    python -m meshtwin.cloud.local.moto.server --port 0 --data DIR --exit-with-stdin

Prints one line, `{"url": ...}`, when it serves. With `--data` its data outlives it, see `journal`. With
`--require-key` it serves only callers with its own AWS_ACCESS_KEY_ID.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

from meshtwin.cloud.local.moto.access import AccessGuard
from meshtwin.cloud.local.moto.app import moto_app
from meshtwin.cloud.local.moto.handler import Handler
from meshtwin.cloud.local.moto.journal import Journal
from meshtwin.emulator.core.leaving import leave
from meshtwin.emulator.core.protocol.access import AccessKeyError, own_key

if TYPE_CHECKING:
    from types import FrameType
    from wsgiref.types import WSGIApplication

    from meshtwin.emulator.core.protocol.access import AccessKey

JOURNAL_NAME = "journal.jsonl"


def main() -> None:
    """Serve until SIGTERM, SIGINT or, with --exit-with-stdin, the end of standard input."""
    arguments, key = _arguments()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app: WSGIApplication = moto_app()
    journal = Journal(app, arguments.data / JOURNAL_NAME) if arguments.data else None
    if journal is not None:
        count = journal.replay()
        sys.stderr.write(f"{count} changes replayed from {arguments.data}\n")
    guard = AccessGuard(journal or app, key)
    server = make_server("127.0.0.1", arguments.port, guard, threaded=True, request_handler=Handler)
    _stop_on_signals(server)
    if arguments.exit_with_stdin:
        _stop_with_stdin(server)
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
    if journal is not None:
        journal.close()


def _arguments() -> tuple[argparse.Namespace, AccessKey | None]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--data", type=Path, help="a folder to keep all data in")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input does")
    parser.add_argument(
        "--require-key", action="store_true", help="serve only callers with this AWS_ACCESS_KEY_ID"
    )
    arguments = parser.parse_args()
    try:
        return arguments, own_key(required=arguments.require_key)
    except AccessKeyError as error:
        parser.error(str(error))


def _stop_on_signals(server: BaseWSGIServer) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the loop that this very thread runs.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _stop_with_stdin(server: BaseWSGIServer) -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        server.shutdown()

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
    leave(0)
