"""From an alarm that names a policy to a change of capacity, and the record of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from meshtwin.emulator.core.protocol.errors import ServiceError
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.core.supervised import Supervised
from meshtwin.emulator.sagemaker.autoscaling.decide import DEFAULT_COOLDOWN, adjusted, matching_step, tracked
from meshtwin.emulator.sagemaker.autoscaling.model import (
    Activity,
    ActivityStatus,
    Cooldown,
    NotScaled,
    Policy,
    PolicyType,
    ScalableTarget,
)
from meshtwin.emulator.sagemaker.monitoring.evaluate import AlarmState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
    from meshtwin.emulator.sagemaker.control_plane.resources import VariantCapacity
    from meshtwin.emulator.sagemaker.monitoring.alarms import AlarmView
    from meshtwin.emulator.sagemaker.monitoring.monitoring import AlarmAction, Monitoring

log = structlog.get_logger(__name__)


class Variants(Protocol):
    """The control plane, which has the instances."""

    def capacity(self, endpoint_name: str, variant_name: str) -> VariantCapacity | None:
        """The variant as it is now."""
        ...

    async def set_desired(self, endpoint_name: str, count: int) -> None:
        """Change the desired count; ServiceError where that cannot be now."""
        ...

    async def wait_until_stable(self, endpoint_name: str) -> None:
        """Return when nothing is on its way for the endpoint."""
        ...


class Scaler:
    """Acts on one target at a time, each once at a time."""

    def __init__(self, ledger: Ledger, variants: Variants, monitoring: Monitoring, clock: Clock) -> None:
        self._ledger = ledger
        self._variants = variants
        self._monitoring = monitoring
        self._clock = clock
        self._in_progress: set[str] = set()
        """Resources whose change is on its way; their activities are the record of it, which may be late."""
        self._tasks = Supervised()

    def resume(self) -> None:
        """Follow the activities that an earlier emulator left in progress."""
        for activity in self._ledger.activities():
            if activity.status is ActivityStatus.IN_PROGRESS:
                self._follow(activity)

    async def close(self) -> None:
        """Follow nothing any more; what is in progress is found again."""
        await self._tasks.close()

    async def on_action(self, action: AlarmAction) -> None:
        """Do what an alarm triggers, or record that it was not done."""
        policy = self._ledger.policy_of(action.policy_arn)
        target = self._ledger.target(policy.resource_id) if policy is not None else None
        if policy is None or target is None:
            log.warning("alarm_names_an_unknown_policy", alarm=action.alarm_name, policy=action.policy_arn)
            return
        variant = self._variants.capacity(target.endpoint_name, target.variant_name)
        if variant is None or target.resource_id in self._in_progress:
            return
        wanted = self._wanted(policy, target, action, variant.desired)
        if wanted is None:
            return
        cause = f"monitor alarm {action.alarm_name} in state ALARM triggered policy {policy.name}"
        await self._scale(target, policy, wanted, variant.desired, cause)

    async def set_within_bounds(self, target: ScalableTarget, cause: str) -> None:
        """Bring a target's count within its bounds, as registering it does."""
        variant = self._variants.capacity(target.endpoint_name, target.variant_name)
        if variant is not None and target.clamped(variant.desired) != variant.desired:
            await self._apply(target, target.clamped(variant.desired), cause)

    def _wanted(
        self, policy: Policy, target: ScalableTarget, action: AlarmAction, current: int
    ) -> int | None:
        """The count that the policy computes, before bounds; None where it computes none."""
        if action.value is None:
            return None
        if policy.type is PolicyType.TRACKING:
            return self._tracked(policy, target, action, current)
        rising = _is_high(action.comparison)
        step = matching_step(policy.config["StepAdjustments"], action.value, action.threshold, rising=rising)
        if step is None:
            log.warning(
                "no_step_for_value", policy=policy.name, value=action.value, threshold=action.threshold
            )
            return None
        wanted = adjusted(policy.config, step, current)
        if self._clock.now() < target.cooldown.out_until and wanted > current:
            # What the scale-out that is cooling down has added counts as part of this one.
            wanted = adjusted(policy.config, step, target.cooldown.out_base)
            return wanted if wanted > current else None
        return wanted

    def _tracked(
        self, policy: Policy, target: ScalableTarget, action: AlarmAction, current: int
    ) -> int | None:
        assert action.value is not None
        wanted = tracked(current, action.value, float(policy.config["TargetValue"]))
        if _is_high(action.comparison):
            return max(wanted, current)
        if wanted >= current:
            return None
        # Several policies: in only where all agree, and then to the largest count.
        for other in self._ledger.policies(target.resource_id):
            if other.type is not PolicyType.TRACKING or other.name == policy.name:
                continue
            view = self._low_alarm(other)
            if view is None or view.state is not AlarmState.ALARM or view.points[-1].value is None:
                return None
            wanted = max(wanted, tracked(current, view.points[-1].value, float(other.config["TargetValue"])))
        return wanted if wanted < current else None

    def _low_alarm(self, policy: Policy) -> AlarmView | None:
        names = {name for name, _ in policy.alarms}
        return next(
            (
                view
                for view in self._monitoring.alarms()
                if view.alarm.name in names and not _is_high(view.alarm.rule.comparison)
            ),
            None,
        )

    async def _scale(
        self, target: ScalableTarget, policy: Policy, wanted: int, current: int, cause: str
    ) -> None:
        bounded = target.clamped(wanted)
        if bounded == current:
            await self._not_scaled(target, cause, _at_bound(target, wanted, current))
            return
        outward = bounded > current
        suspended = "DynamicScalingOutSuspended" if outward else "DynamicScalingInSuspended"
        now = self._clock.now()
        # That a scale-in waits for the cooldown of a scale-out, too, is undocumented: else an endpoint that
        # was just woken would be sent to sleep by the alarm that did so before.
        cools = not outward and now < max(target.cooldown.in_until, target.cooldown.out_until)
        if target.suspended.get(suspended, False) or cools:
            return
        cooldown = cooldown_of(policy, outward=outward)
        if await self._apply(target, bounded, cause):
            # A scale-out ends the cooldown of a scale-in.
            after = (
                Cooldown(out_until=now + cooldown, out_base=current)
                if outward
                else replace(target.cooldown, in_until=now + cooldown)
            )
            await self._write_or_retry(
                "scaling_cooldown",
                lambda: self._ledger.change_target(
                    target.resource_id, lambda found: replace(found, cooldown=after)
                ),
            )

    async def _apply(self, target: ScalableTarget, count: int, cause: str) -> bool:
        """Set the count, with an activity; False where the endpoint refused."""
        description = f"Setting desired instance count to {count}."
        activity = Activity(
            activity_id=new_uuid(),
            resource_id=target.resource_id,
            description=description,
            cause=cause,
            started_at=self._clock.now(),
            status=ActivityStatus.IN_PROGRESS,
            wanted=count,
        )
        try:
            await self._variants.set_desired(target.endpoint_name, count)
        except ServiceError as error:
            message = f"Failed to set desired instance count to {count}. Reason: {error.message}"
            await self._try_to_record(self._ended(activity, ActivityStatus.FAILED, message))
            return False
        message = f"Successfully set desired instance count to {count}. Waiting for change to be fulfilled by"
        activity = replace(activity, message=f"{message} sagemaker.")
        self._follow(activity)
        await self._try_to_record(activity)
        log.info("scaling", resource=target.resource_id, desired=count, cause=cause)
        return True

    def _follow(self, activity: Activity) -> None:
        self._in_progress.add(activity.resource_id)
        self._tasks.run("scaling_activity", lambda: self._until_ended(activity))

    async def _until_ended(self, activity: Activity) -> None:
        """End an activity when its endpoint is stable."""
        _, endpoint_name, _, variant_name = activity.resource_id.split("/")
        await self._variants.wait_until_stable(endpoint_name)
        ended = self._end_of(activity, self._variants.capacity(endpoint_name, variant_name))
        self._in_progress.discard(activity.resource_id)
        await self._write_or_retry("scaling_activity_end", lambda: self._put_activity(ended))

    def _end_of(self, activity: Activity, variant: VariantCapacity | None) -> Activity:
        count = activity.wanted
        if variant is None:
            return self._ended(activity, ActivityStatus.FAILED, "The endpoint was deleted.")
        if variant.desired != count:
            reason = variant.failure_reason or "another change came before it."
            message = f"Failed to set desired instance count to {count}. Reason: {reason}"
            return self._ended(activity, ActivityStatus.FAILED, message)
        message = f"Successfully set desired instance count to {count}. Change successfully fulfilled by"
        return self._ended(activity, ActivityStatus.SUCCESSFUL, f"{message} sagemaker.")

    def _ended(self, activity: Activity, status: ActivityStatus, message: str) -> Activity:
        return replace(activity, status=status, message=message, ended_at=self._clock.now())

    async def _put_activity(self, activity: Activity) -> None:
        await self._ledger.put_activity(activity, self._clock.now())

    async def _try_to_record(self, activity: Activity) -> None:
        try:
            await self._put_activity(activity)
        except ServiceError as error:
            log.warning("activity_not_kept", activity=activity.activity_id, reason=error.message)

    async def _write_or_retry(self, what: str, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Write now; where that fails, in the background until it succeeds: no caller could do it again."""
        try:
            await write()
        except ServiceError as error:
            log.warning("not_kept_yet", what=what, reason=error.message)
            self._tasks.run(what, write)

    async def _not_scaled(self, target: ScalableTarget, cause: str, reason: NotScaled) -> None:
        """Recorded once, not every minute that it stays so."""
        now = self._clock.now()
        last = next(iter(self._ledger.shown_activities(target.resource_id, now)), None)
        if last is not None and last.cause == cause and last.not_scaled == (reason,):
            return
        await self._try_to_record(
            Activity(
                activity_id=new_uuid(),
                resource_id=target.resource_id,
                description="Attempting to scale due to alarm triggered",
                cause=cause,
                started_at=now,
                status=ActivityStatus.FAILED,
                message=f"Not scaled: {reason.code}",
                ended_at=now,
                not_scaled=(reason,),
            )
        )


def _is_high(comparison: str) -> bool:
    """Whether an alarm of this comparison fires above its threshold."""
    return comparison.startswith("Greater")


def cooldown_of(policy: Policy, *, outward: bool) -> float:
    """How long a policy's change lasts before the next one of its direction."""
    if policy.type is PolicyType.STEP:
        return float(policy.config.get("Cooldown", DEFAULT_COOLDOWN))
    name = "ScaleOutCooldown" if outward else "ScaleInCooldown"
    return float(policy.config.get(name, DEFAULT_COOLDOWN))


def _at_bound(target: ScalableTarget, wanted: int, current: int) -> NotScaled:
    if wanted > current:
        return NotScaled("AlreadyAtMaxCapacity", current, maximum=target.maximum)
    if wanted < current:
        return NotScaled("AlreadyAtMinCapacity", current, minimum=target.minimum)
    return NotScaled("AlreadyAtDesiredCapacity", current)
