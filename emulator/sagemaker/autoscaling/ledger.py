"""Targets, policies and activities, kept beyond the emulator's life."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from meshtwin.emulator.core.write_through import WriteThroughMap
from meshtwin.emulator.sagemaker.autoscaling.model import Activity, Policy, ScalableTarget, resource_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshtwin.emulator.core.write_through import Documents

_MOST_ACTIVITIES = 200
"""Activities that are kept for each target."""

_ACTIVITY_SECONDS = 42 * 24 * 3600.0
"""https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingActivities.html: those
of the previous six weeks."""

_Activities = tuple[Activity, ...]
"""The activities of one target, the oldest first; never empty."""


class Ledger:
    """Targets, policies and activities. Changes raise UnavailableError where they cannot be stored.

    Check-then-change of a target or its policies is done under `lock`.
    """

    def __init__(self, documents: Documents) -> None:
        self.lock = asyncio.Lock()
        self._targets: WriteThroughMap[ScalableTarget] = WriteThroughMap(
            documents,
            "scalable-target",
            name_of=lambda target: target.resource_id,
            dump=ScalableTarget.document,
            parse=ScalableTarget.parse,
        )
        self._policies: WriteThroughMap[Policy] = WriteThroughMap(
            documents,
            "scaling-policy",
            name_of=lambda policy: policy.key,
            dump=Policy.document,
            parse=Policy.parse,
        )
        self._activities: WriteThroughMap[_Activities] = WriteThroughMap(
            documents,
            "scaling-activities",
            name_of=lambda activities: activities[0].resource_id,
            dump=lambda activities: json.dumps([asdict(activity) for activity in activities]),
            parse=_parse_activities,
        )

    async def load(self, now: float) -> None:
        """Read what an earlier emulator left; activities that are too old to be shown are removed."""
        for values in (self._targets, self._policies, self._activities):
            await values.load()
        await self._expire_activities(now)

    def targets(self) -> list[ScalableTarget]:
        """All targets, in the order of their resource ids."""
        return self._targets.all()

    def target(self, resource_id: str) -> ScalableTarget | None:
        """The target of a resource."""
        return self._targets.get(resource_id)

    def is_registered(self, endpoint_name: str, variant_name: str) -> bool:
        """Whether a variant is a scalable target."""
        return self.target(resource_id(endpoint_name, variant_name)) is not None

    async def put_target(self, target: ScalableTarget) -> None:
        """Keep a target, new or changed."""
        await self._targets.put(target)

    async def change_target(
        self, resource_id: str, change: Callable[[ScalableTarget], ScalableTarget]
    ) -> None:
        """Change a target as it is when its turn comes; nothing where it is gone by then."""
        await self._targets.change(resource_id, lambda found: None if found is None else change(found))

    async def remove_target(self, target: ScalableTarget) -> None:
        """Remove a target, with its policies."""
        for policy in self.policies(target.resource_id):
            await self.remove_policy(policy)
        await self._targets.remove(target.resource_id)

    def policies(self, resource_id: str | None = None) -> list[Policy]:
        """The policies of a resource, or all, in the order of their names."""
        return [policy for policy in self._policies.all() if resource_id in {None, policy.resource_id}]

    def policy(self, resource_id: str, name: str) -> Policy | None:
        """One policy of a resource."""
        return self._policies.get(f"{resource_id}#{name}")

    def policy_of(self, arn: str) -> Policy | None:
        """The policy of an ARN."""
        return next((policy for policy in self._policies.all() if policy.arn == arn), None)

    async def put_policy(self, policy: Policy) -> None:
        """Keep a policy, new or changed."""
        await self._policies.put(policy)

    async def remove_policy(self, policy: Policy) -> None:
        """Remove a policy."""
        await self._policies.remove(policy.key)

    def activities(self, resource_id: str | None = None) -> list[Activity]:
        """Activities of a resource, or of all, the newest first."""
        if resource_id is not None:
            return list(reversed(self._activities.get(resource_id) or ()))
        found = [activity for kept in self._activities.all() for activity in kept]
        return sorted(found, key=lambda activity: activity.started_at, reverse=True)

    def shown_activities(self, resource_id: str | None, now: float) -> list[Activity]:
        """As `activities`, without those that are too old to be shown."""
        return [one for one in self.activities(resource_id) if not _is_expired(one, now)]

    async def put_activity(self, activity: Activity, now: float) -> None:
        """Keep an activity, new or changed; the oldest are dropped, of every resource there has been."""

        def added(kept: _Activities | None) -> _Activities:
            by_id = {found.activity_id: found for found in kept or ()}
            by_id[activity.activity_id] = activity
            return tuple(by_id.values())[-_MOST_ACTIVITIES:]

        await self._activities.change(activity.resource_id, added)
        await self._expire_activities(now)

    async def _expire_activities(self, now: float) -> None:
        await self._activities.remove_where(lambda activities: _is_expired(activities[-1], now))

    async def write_again(self) -> None:
        """Put all that is known into a table that has lost it. UnavailableError where that fails."""
        for values in (self._targets, self._policies, self._activities):
            await values.write_again()


def _is_expired(activity: Activity, now: float) -> bool:
    return activity.started_at < now - _ACTIVITY_SECONDS


def _parse_activities(document: str) -> _Activities:
    found = tuple(Activity.parse(activity) for activity in json.loads(document))
    if not found:
        raise ValueError("no activity")
    return found
