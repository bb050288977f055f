"""The embedded profile's S3, DynamoDB, SNS, SQS and CloudWatch: moto's server, as a process of its own.

    python -m cloud.stack.moto_server --port 0 --data DIR --exit-with-stdin

Prints one line, `{"url": ...}`, when it serves. With `--data` it remembers what it was told, see `journal`.
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
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from cloud.stack.atomic import make_items_atomic
from cloud.stack.hosted_elsewhere import leave_functions_alone
from cloud.stack.journal import Journal

if TYPE_CHECKING:
    from types import FrameType
    from wsgiref.types import WSGIApplication

JOURNAL_NAME = "journal.jsonl"


class _Handler(MotoRequestHandler):
    """moto's, less a line of log for each request: a job is a dozen of them."""

    def log_request(self, *_: Any) -> None:  # noqa: ANN401  # the base class's signature
        """Say nothing."""


def main() -> None:
    """Serve until SIGTERM, SIGINT or, where asked, the end of standard input."""
    arguments = _arguments()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_items_atomic()
    leave_functions_alone()
    app: WSGIApplication = DomainDispatcherApplication(create_backend_app)
    journal = Journal(app, arguments.data / JOURNAL_NAME) if arguments.data else None
    if journal is not None:
        count = journal.replay()
        sys.stderr.write(f"{count} changes replayed from {arguments.data}\n")
    server = make_server("127.0.0.1", arguments.port, journal or app, threaded=True, request_handler=_Handler)
    _stop_on_signals(server)
    if arguments.exit_with_stdin:
        _stop_with_stdin(server)
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
    if journal is not None:
        journal.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--data", type=Path, help="a folder to remember everything in")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input does")
    return parser.parse_args()


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
