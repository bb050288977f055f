"""`meshtwin doctor`: checks what a profile needs, with a fix for each problem."""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape

from meshtwin.cloud.check import Check, Level
from meshtwin.cloud.cli.console import JsonOption, ProfileOption, note, out, print_json, print_line
from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.doctor.doctor import checks
from meshtwin.cloud.profiles import load_profile

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """Check what a profile needs, and print a command that fixes each problem.

    Exit codes: 0 `meshtwin up` can start, 7 it cannot.

    Examples:

      meshtwin doctor --profile local

      meshtwin doctor --profile sagemaker --json
    """
    chosen = load_profile(profile)
    found: list[Check] = []
    for check in checks(chosen):
        found.append(check)
        if not as_json:
            _print(check)
    if as_json:
        print_json({"profile": chosen.name, "checks": [asdict(check) for check in found]})
    failed = [check.name for check in found if check.level is Level.FAIL]
    if failed:
        raise UnavailableError(f"profile {chosen.name!r} cannot be started: {', '.join(failed)}")
    if not as_json:
        note(f"`meshtwin up --profile {chosen.name}` can start")


def _print(check: Check) -> None:
    level = f"[{_STYLES[check.level]}]{check.level.upper():<4}[/]"
    out.print(f"{level}  [bold]{escape(check.name)}[/]: {escape(check.found)}", soft_wrap=True)
    if check.fix:
        print_line(f"      fix: {check.fix}")
