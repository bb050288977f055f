"""The command line of `python -m meshtwin.emulator`, and the settings that it makes."""

from __future__ import annotations

import argparse
import shlex

from meshtwin.emulator.core.options import add_run_options, checked, folder, new_parser, setting_reader
from meshtwin.emulator.sagemaker.settings import Settings

_DESCRIPTION = "SageMaker Asynchronous Inference on a port of this machine."
_EXAMPLES = """\
S3, DynamoDB and SNS are the ones that the environment names, as for every AWS SDK:

  AWS_ENDPOINT_URL=http://localhost:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \\
    python -m meshtwin.emulator --port 8470 --command 'my-image:latest=python serve.py --port $PORT'

  aws --endpoint-url http://localhost:8470 sagemaker list-endpoints

Any setting of docs/emulator.md can be given by its name:

  python -m meshtwin.emulator --set on_instance_loss=fail --set stop_grace=5
"""
_GIVEN_OTHERWISE = {"commands", "log_dir"}


def parse(argv: list[str] | None) -> tuple[Settings, argparse.Namespace]:
    """Settings, and the options that are not settings: `speed` and `exit_with_stdin`.

    Exits with status 2 and a message, as argparse does, where an option is invalid.
    """
    parser = _parser(Settings())
    arguments = parser.parse_args(argv)
    arguments.commands = dict(arguments.command)
    return checked(parser, Settings, arguments), arguments


def _parser(defaults: Settings) -> argparse.ArgumentParser:
    parser = new_parser("meshtwin.emulator", _DESCRIPTION, _EXAMPLES, defaults)
    parser.add_argument(
        "--table-prefix", default=defaults.table_prefix, help="prefix of the DynamoDB tables (%(default)s)"
    )
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        type=_command,
        metavar="IMAGE=CMD",
        help="program to run in place of an image (*: every other); $PORT is replaced; repeatable",
    )
    parser.add_argument("--log-dir", type=folder, help="folder for the instances' output (a temporary one)")
    add_run_options(
        parser,
        setting_reader(defaults, _GIVEN_OTHERWISE),
        speed_help="run the emulator's clock this many times as fast; 0: it stands until it is moved",
        what="the emulator",
    )
    return parser


def _command(text: str) -> tuple[str, tuple[str, ...]]:
    image, found, command = text.partition("=")
    argv = tuple(shlex.split(command))
    if not found or not image or not argv:
        raise argparse.ArgumentTypeError(f"'{text}': expected IMAGE=CMD, such as '*=python serve.py $PORT'")
    return image, argv
