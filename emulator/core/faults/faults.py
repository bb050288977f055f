"""The rules in force, and which of them strikes."""

from __future__ import annotations

import os
import random
import signal
import threading
import uuid
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.faults.rules import FaultPoint, Rule, Stage, parse_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)


class _Active:
    """A rule with its dice and its counts."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.asked = 0
        self.struck = 0
        self._dice = random.Random(rule.seed)  # noqa: S311  # to be repeated, not to be secret

    def strikes(self) -> bool:
        if self.rule.times is not None and self.struck >= self.rule.times:
            return False
        self.asked += 1
        if self._dice.random() >= self.rule.probability:
            return False
        self.struck += 1
        return True

    def concerns(
        self, place: FaultPoint, endpoint: str | None, operation: str | None, stage: Stage | None
    ) -> bool:
        rule = self.rule
        return (
            rule.place is place
            and rule.stage is stage
            and rule.endpoint in {None, endpoint}
            and rule.operation in {None, "*", operation}
        )


class Faults:
    """What goes wrong on purpose. May be called from any thread; costs nothing while there is no rule."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: tuple[_Active, ...] = ()

    def add(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Put a rule in force; the rule as it is listed.

        Raises:
            BadRuleError: the document describes none.
        """
        active = _Active(parse_rule(document, document.get("id") or f"f-{uuid.uuid4().hex[:8]}"))
        with self._lock:
            rest = tuple(one for one in self._active if one.rule.id != active.rule.id)
            self._active = (*rest, active)
        log.info("fault_added", **active.rule.document())
        return _listed(active)

    def list(self) -> list[dict[str, Any]]:
        """All rules, with how often each was asked and has struck."""
        return [_listed(active) for active in self._active]

    def remove(self, rule_id: str) -> bool:
        """Take a rule out of force; whether there was one."""
        with self._lock:
            rest = tuple(one for one in self._active if one.rule.id != rule_id)
            found = len(rest) < len(self._active)
            self._active = rest
        return found

    def clear(self) -> None:
        """Take every rule out of force."""
        with self._lock:
            self._active = ()

    def draw(
        self,
        place: FaultPoint,
        *,
        endpoint: str | None = None,
        operation: str | None = None,
        stage: Stage | None = None,
    ) -> Rule | None:
        """The first rule that strikes here and now."""
        if not self._active:
            return None
        with self._lock:
            for active in self._active:
                if active.concerns(place, endpoint, operation, stage) and active.strikes():
                    log.warning("fault_strikes", **active.rule.document())
                    return active.rule
        return None

    def reach(self, stage: Stage, endpoint: str) -> None:
        """A request has reached this stage: the emulator kills itself where a rule matches."""
        if self._active and self.draw(FaultPoint.EMULATOR, endpoint=endpoint, stage=stage) is not None:
            os.kill(os.getpid(), signal.SIGKILL)


def _listed(active: _Active) -> dict[str, Any]:
    return {**active.rule.document(), "asked": active.asked, "struck": active.struck}
