"""The result of one check of `meshtwin doctor` and `meshtwin up`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """Passed, worth knowing, or a reason why `meshtwin up` cannot start."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found; `fix` is the command that fixes it, empty where there is nothing to fix."""

    name: str
    level: Level
    found: str
    fix: str = ""

    @property
    def message(self) -> str:
        """The check as an error message."""
        return f"{self.name}: {self.found}" + (f"\n  fix: {self.fix}" if self.fix else "")


def ok(name: str, found: str) -> Check:
    """A check that passed."""
    return Check(name, Level.OK, found)


def warn(name: str, found: str, fix: str = "") -> Check:
    """Worth knowing; `meshtwin up` works anyway."""
    return Check(name, Level.WARN, found, fix)


def fail(name: str, found: str, fix: str) -> Check:
    """A reason why `meshtwin up` cannot start."""
    return Check(name, Level.FAIL, found, fix)


def refuse(checks: Iterable[Check]) -> None:
    """Raise UnavailableError where a check fails, with the messages of all that do."""
    failed = [check.message for check in checks if check.level is Level.FAIL]
    if failed:
        raise UnavailableError("\n".join([*failed, "`meshtwin doctor --profile local` runs all checks"]))
