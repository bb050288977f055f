"""One thing that was looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """How a thing is: as it should be, worth knowing, or in the way."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one thing; `fix` is the command that fixes it, empty where nothing is to be done."""

    name: str
    level: Level
    found: str
    fix: str = ""

    @property
    def words(self) -> str:
        """All of it, for an error message."""
        return f"{self.name}: {self.found}" + (f"\n  fix: {self.fix}" if self.fix else "")


def ok(name: str, found: str) -> Check:
    """As it should be."""
    return Check(name, Level.OK, found)


def warn(name: str, found: str, fix: str = "") -> Check:
    """Worth knowing; `meshtwin up` works all the same."""
    return Check(name, Level.WARN, found, fix)


def fail(name: str, found: str, fix: str) -> Check:
    """In the way."""
    return Check(name, Level.FAIL, found, fix)


def refuse(checks: Iterable[Check]) -> None:
    """Raise UnavailableError where one of the checks fails, with the words of all that do."""
    failed = [check.words for check in checks if check.level is Level.FAIL]
    if failed:
        raise UnavailableError("\n".join([*failed, "`meshtwin doctor --profile local` looks at everything"]))
