"""Options that the programs of this package share: where to listen, any setting by its name, the clock."""

from __future__ import annotations

import argparse
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from meshtwin.emulator.core.bounds import TYPE_WORDS
from meshtwin.emulator.core.protocol.access import own_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshtwin.emulator.core.settings import ProgramSettings

_BOOLEANS = {"true": True, "false": False}

T = TypeVar("T", bound="ProgramSettings")


def new_parser(program: str, about: str, examples: str, defaults: ProgramSettings) -> argparse.ArgumentParser:
    """A parser with options: where a program listens, and which region and account of AWS it emulates."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default=defaults.host, help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=defaults.port, help="port; 0, the default, is a free one")
    parser.add_argument("--region", default=defaults.region, help="AWS region (%(default)s)")
    parser.add_argument("--account-id", default=defaults.account_id, help="AWS account (%(default)s)")
    return parser


def add_run_options(
    parser: argparse.ArgumentParser,
    read_setting: Callable[[str], tuple[str, Any]],
    *,
    speed_help: str,
    what: str,
) -> None:
    """Options: any setting by its name, the clock's speed, and stopping with the parent process."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=read_setting,
        metavar="NAME=VALUE",
        help="any other setting; repeatable",
    )
    parser.add_argument("--speed", type=speed, default=1.0, help=speed_help)
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help=f"stop when stdin ends: {what} then ends with the process that started it",
    )


def checked(parser: argparse.ArgumentParser, make: type[T], arguments: argparse.Namespace) -> T:
    """The settings among the arguments, and those given by `--set`.

    Where one is out of its bounds, or the key that is required is missing, the process ends as `parser` ends
    it.
    """
    names = {field.name for field in fields(make)}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    try:
        settings = make(**given | dict(arguments.set))
        own_key(required=settings.require_key)
    except ValueError as error:
        parser.error(str(error))
    return settings


def folder(text: str) -> Path:
    """A folder, there or not, from an option."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a file: expected a folder")
    return path


def setting_reader(
    defaults: ProgramSettings, except_for: Collection[str]
) -> Callable[[str], tuple[str, Any]]:
    """What reads `NAME=VALUE` of an option, for the fields of a settings class."""
    known = [field.name for field in fields(defaults) if field.name not in except_for]
    hints = get_type_hints(type(defaults), localns={"Mapping": dict, "Path": Path})

    def read(text: str) -> tuple[str, Any]:
        name, _, value = text.partition("=")
        if name not in known:
            raise argparse.ArgumentTypeError(f"'{name}': expected one of {', '.join(known)}")
        wanted = hints[name]
        try:
            return name, _BOOLEANS[value] if wanted is bool else wanted(value)
        except (ValueError, KeyError):
            raise argparse.ArgumentTypeError(
                f"'{text}': {name} expects {_expectation(wanted)}, such as {getattr(defaults, name)}"
            ) from None

    return read


def _expectation(wanted: type) -> str:
    if issubclass(wanted, Enum):
        return "one of " + ", ".join(str(member.value) for member in wanted)
    return TYPE_WORDS[wanted]


def speed(text: str) -> float:
    """How many times as fast as real time, from an option."""
    chosen = float(text)
    if not 0 <= chosen < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}': expected 0 or more")
    return chosen
