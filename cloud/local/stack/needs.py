"""A stack is refused by the checks of `meshtwin doctor`, and in their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.local.doctor.check import Check, Level

if TYPE_CHECKING:
    from collections.abc import Iterable


def refuse(checks: Iterable[Check]) -> None:
    """Raise UnavailableError where one of the checks fails, with the words of all that do."""
    failed = [check.words for check in checks if check.level is Level.FAIL]
    if failed:
        raise UnavailableError("\n".join([*failed, "`meshtwin doctor --profile local` looks at everything"]))
