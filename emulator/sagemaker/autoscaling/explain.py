"""Why an endpoint does or does not scale just now, in sentences with the numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meshtwin.emulator.sagemaker.autoscaling.model import Policy, PolicyType, ScalableTarget, resource_id
from meshtwin.emulator.sagemaker.monitoring.evaluate import AlarmState
from meshtwin.emulator.sagemaker.monitoring.sample import WITHOUT_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
    from meshtwin.emulator.sagemaker.autoscaling.scaler import Variants
    from meshtwin.emulator.sagemaker.control_plane.resources import VariantCapacity
    from meshtwin.emulator.sagemaker.monitoring.alarms import AlarmView
    from meshtwin.emulator.sagemaker.monitoring.sample import EndpointView


class Level(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence."""

    level: Level
    text: str


def explain(
    view: EndpointView, ledger: Ledger, variants: Variants, alarms: Sequence[AlarmView], now: float
) -> list[Finding]:
    """What holds for the endpoint's variant now, the most general first."""
    variant = variants.capacity(view.name, view.variant)
    if variant is None:
        return [Finding(Level.WARNING, f"Endpoint {view.name} has no variant {view.variant}.")]
    found = [_info(_state(view, variant))]
    target = ledger.target(resource_id(view.name, view.variant))
    if target is None:
        text = f"Variant {view.variant} is not registered with Application Auto Scaling: it never scales."
        return [*found, _info(text)]
    found += _bounds(target, variant)
    found += _cooldowns(target, now)
    policies = ledger.policies(target.resource_id)
    if not policies:
        found.append(Finding(Level.WARNING, "The target has no scaling policy: nothing will scale it."))
    for policy in policies:
        found += _policy(policy, alarms, now)
    found += _ways_back(target, policies, alarms, view)
    return found


def _info(text: str) -> Finding:
    return Finding(Level.INFO, text)


def _state(view: EndpointView, variant: VariantCapacity) -> str:
    return (
        f"Endpoint {view.name} is {variant.status} with {variant.current} of {variant.desired} desired "
        f"instances; {view.queued} requests wait and {view.running} are being processed."
    )


def _bounds(target: ScalableTarget, variant: VariantCapacity) -> Iterator[Finding]:
    yield _info(f"It is scaled between {target.minimum} and {target.maximum} instances.")
    if variant.desired >= target.maximum:
        yield _info(f"It is at its maximum of {target.maximum}: nothing scales it out further.")
    if variant.desired <= target.minimum:
        yield _info(f"It is at its minimum of {target.minimum}: nothing scales it in further.")
    for name, direction in (("In", "in"), ("Out", "out")):
        if target.suspended.get(f"DynamicScaling{name}Suspended", False):
            yield Finding(Level.WARNING, f"Scaling {direction} is suspended by the target's SuspendedState.")


def _cooldowns(target: ScalableTarget, now: float) -> Iterator[Finding]:
    cooldown = target.cooldown
    if now < cooldown.out_until:
        left = cooldown.out_until - now
        text = f"The last scale-out cools down for {left:.0f} s more: until then only a larger one acts."
        yield _info(text)
    if now < cooldown.in_until:
        left = cooldown.in_until - now
        yield _info(
            f"The last scale-in cools down for {left:.0f} s more: until then it does not scale in again."
        )


def _policy(policy: Policy, alarms: Sequence[AlarmView], now: float) -> Iterator[Finding]:
    watching = [view for view in alarms if policy.arn in view.alarm.policy_arns]
    if "PredefinedMetricSpecification" in policy.config:
        yield Finding(
            Level.WARNING,
            f"Policy {policy.name} tracks InvocationsPerInstance, which asynchronous endpoints do not "
            "publish: it never fires. Track ApproximateBacklogSizePerInstance instead.",
        )
    if not watching:
        yield Finding(
            Level.WARNING,
            f"Policy {policy.name} ({policy.type}) has no alarm that names it and has been evaluated: put an "
            "alarm with the policy's ARN among its AlarmActions, or wait for the next full minute.",
        )
    for view in watching:
        yield _info(_alarm(policy, view, now))
        yield from _wrong_side(policy, view)
        if not view.alarm.enabled:
            yield Finding(Level.WARNING, f"The actions of alarm {view.alarm.name} are disabled.")


def _alarm(policy: Policy, view: AlarmView, now: float) -> str:
    rule, alarm = view.alarm.rule, view.alarm
    newest = view.points[-1].value if view.points else None
    value = "has no data" if newest is None else f"is {newest:g}"
    state = f"{view.state} for {max(0.0, now - view.since):.0f} s"
    lacking = max(0, rule.needed - view.breaching)
    soonest = (
        "It triggers the policy once a minute."
        if view.state is AlarmState.ALARM
        else f"It can fire in {lacking * max(60, alarm.period)} s at the earliest."
    )
    return (
        f"Policy {policy.name}: alarm {alarm.name} is {state}. {alarm.key.name} ({alarm.statistic}) {value}, "
        f"the threshold is {rule.comparison} {rule.threshold:g}; {view.breaching} of the last "
        f"{rule.periods} datapoints breach it, {rule.needed} are needed. {soonest}"
    )


def _wrong_side(policy: Policy, view: AlarmView) -> Iterator[Finding]:
    if policy.type is not PolicyType.STEP:
        return
    rising = view.alarm.rule.comparison.startswith("Greater")
    steps = policy.config["StepAdjustments"]
    infinity = float("inf")
    reachable = any(
        step.get("MetricIntervalUpperBound", infinity) > 0
        if rising
        else step.get("MetricIntervalLowerBound", -infinity) < 0
        for step in steps
    )
    if not reachable:
        side = "above" if rising else "below"
        yield Finding(
            Level.WARNING,
            f"Policy {policy.name} has no step {side} the threshold, where alarm {view.alarm.name} fires: "
            "it does nothing. Bounds are relative to the alarm's threshold.",
        )


def _ways_back(
    target: ScalableTarget, policies: Sequence[Policy], alarms: Sequence[AlarmView], view: EndpointView
) -> Iterator[Finding]:
    """https://github.com/awsdocs/amazon-sagemaker-developer-guide/issues/203: to zero, and never back."""
    if target.minimum > 0:
        return
    steps = {policy.arn for policy in policies if policy.type is PolicyType.STEP}
    wakes = any(
        one.alarm.key.name == WITHOUT_CAPACITY and steps & set(one.alarm.policy_arns) for one in alarms
    )
    if not wakes:
        goals = [
            float(policy.config["TargetValue"]) for policy in policies if policy.type is PolicyType.TRACKING
        ]
        until = f"until more than {min(goals):g} requests wait" if goals else "at all"
        yield Finding(
            Level.WARNING,
            f"It may go to zero instances, and no step policy has an alarm on {WITHOUT_CAPACITY}: from zero "
            f"it does not scale out {until}. {view.queued} wait now.",
        )
    yield _info(
        "Scaling in may stop an instance that works on a request: the setting on_instance_loss decides what "
        "becomes of that request."
    )
