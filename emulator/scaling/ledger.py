"""Targets, policies and activities: in memory to be read, in DynamoDB to be kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from emulator.scaling.model import Activity, Policy, Target

if TYPE_CHECKING:
    from emulator.documents import DocumentTable

_TARGETS, _POLICIES, _ACTIVITIES = "scalable-target", "scaling-policy", "scaling-activities"
_MOST_ACTIVITIES = 200
"""Activities that are kept for each target; AWS keeps six weeks of them."""


class Ledger:
    """What there is. Calls that change something raise UnavailableError where it can not be kept."""

    def __init__(self, documents: DocumentTable) -> None:
        self._documents = documents
        self._targets: dict[str, Target] = {}
        self._policies: dict[str, Policy] = {}
        self._activities: dict[str, list[Activity]] = {}
        self._writing = asyncio.Lock()
        """The table and the memory change together."""

    async def load(self) -> None:
        """Read what an earlier emulator left."""
        for document in await self._documents.load(_TARGETS):
            target = Target.parse(document)
            self._targets[target.resource_id] = target
        for document in await self._documents.load(_POLICIES):
            policy = Policy.parse(document)
            self._policies[policy.key] = policy
        for document in await self._documents.load(_ACTIVITIES):
            activities = [Activity.parse(found) for found in json.loads(document)]
            if activities:
                self._activities[activities[0].resource_id] = activities

    def targets(self) -> list[Target]:
        """All targets, in the order of their resource ids."""
        return [self._targets[key] for key in sorted(self._targets)]

    def target(self, resource_id: str) -> Target | None:
        """The target of a resource."""
        return self._targets.get(resource_id)

    async def put_target(self, target: Target) -> None:
        """Keep a target, new or changed."""
        async with self._writing:
            await self._documents.put(_TARGETS, target.resource_id, target.document())
            self._targets[target.resource_id] = target

    async def remove_target(self, target: Target) -> None:
        """Forget a target, with its policies."""
        for policy in self.policies(target.resource_id):
            await self.remove_policy(policy)
        async with self._writing:
            await self._documents.delete(_TARGETS, target.resource_id)
            self._targets.pop(target.resource_id, None)

    def policies(self, resource_id: str | None = None) -> list[Policy]:
        """The policies of a resource, or all, in the order of their names."""
        found = [self._policies[key] for key in sorted(self._policies)]
        return [policy for policy in found if resource_id in {None, policy.resource_id}]

    def policy(self, resource_id: str, name: str) -> Policy | None:
        """One policy of a resource."""
        return self._policies.get(f"{resource_id}#{name}")

    def policy_of(self, arn: str) -> Policy | None:
        """The policy of an ARN."""
        return next((policy for policy in self._policies.values() if policy.arn == arn), None)

    async def put_policy(self, policy: Policy) -> None:
        """Keep a policy, new or changed."""
        async with self._writing:
            await self._documents.put(_POLICIES, policy.key, policy.document())
            self._policies[policy.key] = policy

    async def remove_policy(self, policy: Policy) -> None:
        """Forget a policy."""
        async with self._writing:
            await self._documents.delete(_POLICIES, policy.key)
            self._policies.pop(policy.key, None)

    def activities(self, resource_id: str | None = None) -> list[Activity]:
        """Activities of a resource, or of all, the newest first."""
        if resource_id is not None:
            return list(reversed(self._activities.get(resource_id, [])))
        found = [activity for kept in self._activities.values() for activity in kept]
        return sorted(found, key=lambda activity: activity.started_at, reverse=True)

    async def put_activity(self, activity: Activity) -> None:
        """Keep an activity, new or changed; the oldest are forgotten."""
        kept = self._activities.setdefault(activity.resource_id, [])
        for place, found in enumerate(kept):
            if found.activity_id == activity.activity_id:
                kept[place] = activity
                break
        else:
            kept.append(activity)
            del kept[:-_MOST_ACTIVITIES]
        async with self._writing:
            await self._put_activities(activity.resource_id)

    async def _put_activities(self, resource_id: str) -> None:
        document = json.dumps([asdict(found) for found in self._activities[resource_id]])
        await self._documents.put(_ACTIVITIES, resource_id, document)

    async def write_again(self) -> None:
        """Put all that is known into a table that has lost it. UnavailableError where that fails."""
        async with self._writing:
            for target in self._targets.values():
                await self._documents.put(_TARGETS, target.resource_id, target.document())
            for policy in self._policies.values():
                await self._documents.put(_POLICIES, policy.key, policy.document())
            for resource_id in list(self._activities):
                await self._put_activities(resource_id)
