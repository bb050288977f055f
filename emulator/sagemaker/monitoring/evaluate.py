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


COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}

EXTRA = 2
"""Datapoints that are evaluated beyond EvaluationPeriods where some are missing. AWS says that there are some
and has two in its examples: see `judge`."""


@dataclass(frozen=True, slots=True)
class Datapoint:
    """A period's statistic; `value` None where the period has no data. `at` is the period's begin."""

    at: int
    value: float | None


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When an alarm is in alarm: `needed` of the last `periods` datapoints breach the threshold."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: Missing = Missing.MISSING

    def breaches(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Verdict:
    """An alarm's state, and StateReason."""

    state: AlarmState
    reason: str


def judge(rule: AlarmRule, points: Sequence[Datapoint], before: AlarmState) -> Verdict:
    """The state that the evaluation range, the newest datapoint last, makes of the state before.

    Where the range holds `rule.periods` real datapoints, the newest of them decide, whatever is missing
    between them. Else what is missing is filled in, as few times as possible:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    """
    span = points[-(rule.periods + EXTRA) :]
    known = [point for point in span if point.value is not None][-rule.periods :]
    if not known:
        return _without_data(rule, before)
    breaching = [point for point in known if point.value is not None and rule.breaches(point.value)]
    gaps = rule.periods - len(known)
    assumed = gaps if rule.missing is Missing.BREACHING else 0
    if len(breaching) + assumed >= rule.needed:
        return Verdict(AlarmState.ALARM, _reason(rule, breaching, before, assumed=assumed))
    if gaps and len(breaching) == len(known) and rule.missing in {Missing.MISSING, Missing.IGNORE}:
        # All that is known breaches, and is not enough. `missing` waits until it is so old that no later
        # datapoint could make up for it; AWS calls that avoiding premature transitions.
        age = len(span) - span.index(known[0])
        if rule.missing is Missing.MISSING and age >= rule.needed:
            return Verdict(AlarmState.ALARM, _reason(rule, breaching, before))
        return Verdict(before, f"Unchanged: {gaps} of the last {rule.periods} datapoints are missing")
    held = [point for point in known if point not in breaching]
    return Verdict(AlarmState.OK, _reason(rule, held, before, crossed=False))


def _without_data(rule: AlarmRule, before: AlarmState) -> Verdict:
    was = "was" if rule.periods == 1 else "were"
    gaps = f"{_of(rule.periods, 'missing datapoint')} {was}"
    missing = f"no datapoints were received for {_of(rule.periods, 'period')} and {gaps}"
    match rule.missing:
        case Missing.BREACHING:
            return Verdict(AlarmState.ALARM, f"Threshold Crossed: {missing} treated as [Breaching].")
        case Missing.NOT_BREACHING:
            return Verdict(AlarmState.OK, f"Threshold Crossed: {missing} treated as [NonBreaching].")
        case Missing.IGNORE:
            return Verdict(before, f"Unchanged: {missing} ignored.")
    return Verdict(AlarmState.INSUFFICIENT_DATA, f"Insufficient Data: {missing} treated as [Missing].")


def _reason(
    rule: AlarmRule,
    points: Sequence[Datapoint],
    before: AlarmState,
    *,
    assumed: int = 0,
    crossed: bool = True,
) -> str:
    """StateReason with CloudWatch's text, the newest datapoint first."""
    shown = ", ".join(f"{point.value} ({_time(point.at)})" for point in reversed(points))
    filled = f" and {_of(assumed, 'missing datapoint')}" if assumed else ""
    was = "was" if len(points) + assumed == 1 else "were"
    least = rule.needed if crossed else rule.periods - rule.needed + 1
    change = f"{before} -> {AlarmState.ALARM if crossed else AlarmState.OK}"
    side = f"{'' if crossed else 'not '}{COMPARISONS[rule.comparison][1]}"
    return (
        f"Threshold Crossed: {len(points)} out of the last {_of(rule.periods, 'datapoint')} "
        f"[{shown}]{filled} {was} {side} the threshold ({rule.threshold}) "
        f"(minimum {_of(least, 'datapoint')} for {change} transition)."
    )


def _of(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")
