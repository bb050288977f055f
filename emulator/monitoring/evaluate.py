"""Whether an alarm is in alarm. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class AlarmState(StrEnum):
    """StateValue."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """TreatMissingData."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


_COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (
        operator.ge,
        "greater than or equal to",
    ),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
COMPARISONS = frozenset(_COMPARISONS)


@dataclass(frozen=True, slots=True)
class Datapoint:
    """A period's statistic; `value` None where the period has no data. `at` is the period's begin."""

    at: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alarm looks for: `needed` of the last `periods` datapoints breach the threshold."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: Missing = Missing.MISSING

    def breaches(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        return _COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An alarm's state, and StateReason."""

    state: AlarmState
    reason: str


def judge(rule: Rule, points: Sequence[Datapoint], before: AlarmState) -> Verdict:
    """The state that the newest `rule.periods` datapoints, the newest last, make of the state before."""
    window = points[-rule.periods :]
    known = [point for point in window if point.value is not None]
    breaching = [point for point in known if point.value is not None and rule.breaches(point.value)]
    gaps = rule.periods - len(known)
    if not known:
        return _without_data(rule, before)
    assumed = gaps if rule.missing is Missing.BREACHING else 0
    if len(breaching) + assumed >= rule.needed:
        return Verdict(AlarmState.ALARM, _reason(rule, breaching, rule.needed))
    # What is missing might tip the balance: with `missing` and `ignore` the state stays until it can not.
    undecided = rule.missing in {Missing.MISSING, Missing.IGNORE} and len(breaching) + gaps >= rule.needed
    if undecided:
        return Verdict(before, f"Unchanged: {gaps} of the last {rule.periods} datapoints are missing")
    return Verdict(AlarmState.OK, _reason(rule, known, len(known), crossed=False))


def _without_data(rule: Rule, before: AlarmState) -> Verdict:
    missing = f"no datapoints were received for {rule.periods} periods and {rule.periods} missing datapoints"
    match rule.missing:
        case Missing.BREACHING:
            return Verdict(AlarmState.ALARM, f"Threshold Crossed: {missing} were treated as [Breaching].")
        case Missing.NOT_BREACHING:
            return Verdict(AlarmState.OK, f"Threshold Crossed: {missing} were treated as [NonBreaching].")
        case Missing.IGNORE:
            return Verdict(before, f"Unchanged: {missing} were ignored.")
    return Verdict(AlarmState.INSUFFICIENT_DATA, f"Insufficient Data: {missing} were treated as [Missing].")


def _reason(rule: Rule, points: Sequence[Datapoint], count: int, *, crossed: bool = True) -> str:
    shown = ", ".join(f"{point.value} ({_time(point.at)})" for point in reversed(points[-rule.periods :]))
    was = "was" if len(points) == 1 else "were"
    side = _COMPARISONS[rule.comparison][1]
    word = "datapoint" if rule.periods == 1 else "datapoints"
    return (
        f"Threshold Crossed: {count} out of the last {rule.periods} {word} [{shown}] {was} "
        f"{'' if crossed else 'not '}{side} the threshold ({rule.threshold})"
        + ("." if crossed else " (minimum 1 datapoint for ALARM -> OK transition).")
    )


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")
