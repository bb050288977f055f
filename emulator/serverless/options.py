"""The command line of `python -m meshtwin.emulator.serverless`, and the settings that it makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshtwin.emulator.core.options import add_run_options, checked, folder, new_parser, setting_reader
from meshtwin.emulator.lambda_.settings import HostSettings

if TYPE_CHECKING:
    import argparse

_DESCRIPTION = "Lambda functions, an HTTP API and Bedrock on a port of this machine."
_EXAMPLES = """\
S3, DynamoDB, SNS and SQS are the ones that the environment names, as for every AWS SDK:

  AWS_ENDPOINT_URL=http://localhost:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \\
    python -m meshtwin.emulator.serverless --port 8471 --functions functions.toml

  aws --endpoint-url http://localhost:8471 lambda list-functions

Any setting of docs/functions.md can be given by its name:

  python -m meshtwin.emulator.serverless --functions functions.toml --set concurrency=2
"""
_GIVEN_OTHERWISE = {"functions", "log_dir"}


def parse(argv: list[str] | None) -> tuple[HostSettings, argparse.Namespace]:
    """Settings, and the options that are not settings: `speed` and `exit_with_stdin`.

    Exits with status 2 and a message, as argparse does, where an option is invalid.
    """
    parser = _parser(HostSettings())
    arguments = parser.parse_args(argv)
    return checked(parser, HostSettings, arguments), arguments


def _parser(defaults: HostSettings) -> argparse.ArgumentParser:
    parser = new_parser("meshtwin.emulator.serverless", _DESCRIPTION, _EXAMPLES, defaults)
    parser.add_argument("--functions", type=Path, metavar="FILE", help="the manifest of the functions")
    parser.add_argument("--log-dir", type=folder, help="folder for the functions' output (a temporary one)")
    add_run_options(
        parser,
        setting_reader(defaults, _GIVEN_OTHERWISE),
        speed_help=(
            "run schedules, pauses between retries and ages this many times as fast; 0: they stand still"
        ),
        what="the host",
    )
    return parser
