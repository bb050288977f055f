"""`python -m emulator`: SageMaker Asynchronous Inference on a port of this machine."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from emulator.clock import RealClock
from emulator.protocol.errors import UnavailableError
from emulator.queue.table import StoreUnavailableError
from emulator.server import configure_logging, serve
from emulator.settings import Settings

_EXAMPLES = """\
S3, DynamoDB and SNS are the ones that the environment names, as for every AWS SDK:

  AWS_ENDPOINT_URL=http://localhost:4566 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \\
    python -m emulator --port 8470 --command 'my-image:latest=python serve.py --port $PORT'

  aws --endpoint-url http://localhost:8470 sagemaker list-endpoints
"""


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; the process's exit status."""
    defaults = Settings()
    arguments = _parser(defaults).parse_args(argv)
    configure_logging()
    settings = Settings(
        host=arguments.host,
        port=arguments.port,
        region=arguments.region,
        account_id=arguments.account_id,
        table_prefix=arguments.table_prefix,
        commands=dict(arguments.command),
        log_dir=arguments.log_dir,
    )
    try:
        serve(settings, RealClock(arguments.speed), exit_with_stdin=arguments.exit_with_stdin)
    except (UnavailableError, StoreUnavailableError) as error:
        sys.stderr.write(
            f"The emulator can not start without its store: {error}\nIs AWS_ENDPOINT_URL right?\n"
        )
        return 1
    except OSError as error:
        sys.stderr.write(f"The emulator can not listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    return 0


def _parser(defaults: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=defaults.host, help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=defaults.port, help="port; 0, the default, takes a free one"
    )
    parser.add_argument("--region", default=defaults.region, help="AWS region (%(default)s)")
    parser.add_argument("--account-id", default=defaults.account_id, help="AWS account (%(default)s)")
    parser.add_argument(
        "--table-prefix", default=defaults.table_prefix, help="prefix of the DynamoDB tables (%(default)s)"
    )
    parser.add_argument(
        "--command",
        action="append",
        default=[],
        type=_command,
        metavar="IMAGE=CMD",
        help="program that stands for an image (* is every other), $PORT replaced in its words; repeatable",
    )
    parser.add_argument("--log-dir", type=Path, help="folder for the instances' output (a temporary one)")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="run the emulator's clock this many times as fast"
    )
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help="stop when stdin ends: whoever starts the emulator can not leave it behind",
    )
    return parser


def _command(text: str) -> tuple[str, tuple[str, ...]]:
    image, found, command = text.partition("=")
    words = tuple(shlex.split(command))
    if not found or not image or not words:
        raise argparse.ArgumentTypeError(f"'{text}': expected IMAGE=CMD, such as '*=python serve.py $PORT'")
    return image, words


def _speed(text: str) -> float:
    speed = float(text)
    if speed <= 0:
        raise argparse.ArgumentTypeError(f"'{text}': expected more than 0")
    return speed


if __name__ == "__main__":
    sys.exit(main())
