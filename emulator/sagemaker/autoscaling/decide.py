"""How many instances a policy wants. Pure.

Step scaling: https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
ScalableTarget tracking:
https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_COOLDOWN = 300.0
"""https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html"""

_INFINITY = float("inf")


def matching_step(
    steps: Sequence[Mapping[str, Any]], value: float, threshold: float, *, rising: bool
) -> Mapping[str, Any] | None:
    """The step for a metric's value: its bounds are relative to the alarm's threshold.

    On the side of the threshold where values are larger, the lower bound belongs to the step and the upper
    does not; on the other side it is the other way round.
    """
    distance = value - threshold
    for step in steps:
        lower = step.get("MetricIntervalLowerBound", -_INFINITY)
        upper = step.get("MetricIntervalUpperBound", _INFINITY)
        if lower <= distance < upper if rising else lower < distance <= upper:
            return step
    return None


def adjusted(config: Mapping[str, Any], step: Mapping[str, Any], current: int) -> int:
    """The count that a step makes of the current one; below 0 never, otherwise unbounded."""
    adjustment = step["ScalingAdjustment"]
    match config["AdjustmentType"]:
        case "ExactCapacity":
            return max(0, int(adjustment))
        case "PercentChangeInCapacity":
            change = _rounded(current * adjustment / 100)
            least = config.get("MinAdjustmentMagnitude", 0)
            if change and abs(change) < least:
                change = int(math.copysign(least, change))
            return max(0, current + change)
    return max(0, current + int(adjustment))


def _rounded(change: float) -> int:
    """A percentage's rounding: above 1 down, up to 1 to 1; the same below zero, mirrored."""
    if change == 0:
        return 0
    if abs(change) < 1:
        return 1 if change > 0 else -1
    return math.floor(change) if change > 0 else math.ceil(change)


def tracked(current: int, value: float, target: float) -> int:
    """The count that brings a metric per instance to its target.

    At zero instances the metric is the whole backlog, as for one. AWS does not document the formula.
    """
    return max(0, math.ceil(max(1, current) * value / target - 1e-9))


def refusal_of_steps(steps: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with step adjustments; None where nothing is.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html
    """
    if not steps:
        return "at least one step is needed"
    ranges = sorted(
        (step.get("MetricIntervalLowerBound", -_INFINITY), step.get("MetricIntervalUpperBound", _INFINITY))
        for step in steps
    )
    return _refusal_of_one(ranges) or _refusal_of_seams(ranges)


def _refusal_of_one(ranges: Sequence[tuple[float, float]]) -> str | None:
    for lower, upper in ranges:
        if (lower, upper) == (-_INFINITY, _INFINITY):
            return "a step needs a MetricIntervalLowerBound or a MetricIntervalUpperBound"
        if lower >= upper:
            return f"the lower bound {lower:g} is not below the upper bound {upper:g}"
    return None


def _refusal_of_seams(ranges: Sequence[tuple[float, float]]) -> str | None:
    for (_, end), (start, _) in itertools.pairwise(ranges):
        if start != end:
            return f"steps overlap or leave a gap between {min(start, end):g} and {max(start, end):g}"
    if -_INFINITY < ranges[0][0] < 0:
        return "with a negative lower bound, one step must have none"
    if 0 < ranges[-1][1] < _INFINITY:
        return "with a positive upper bound, one step must have none"
    return None
