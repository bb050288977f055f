"""The operations of Application Auto Scaling that concern SageMaker's variants."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from meshtwin.emulator.core.partitions import arn_of
from meshtwin.emulator.core.protocol.errors import ServiceError, ValidationFailedError
from meshtwin.emulator.core.protocol.gateway import Service
from meshtwin.emulator.core.protocol.ids import new_uuid
from meshtwin.emulator.sagemaker.autoscaling.describe import (
    describe_activity,
    describe_policy,
    describe_target,
    page,
)
from meshtwin.emulator.sagemaker.autoscaling.model import (
    DIMENSION,
    NAMESPACE,
    Policy,
    PolicyType,
    ScalableTarget,
    parse_resource_id,
    resource_id,
)
from meshtwin.emulator.sagemaker.autoscaling.policies import (
    CONFIG_OF,
    config_of,
    policy_type,
    refuse_bad_config,
    warn_of_silent_metric,
)

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling.type_defs import (
        DeleteScalingPolicyRequestTypeDef,
        DeregisterScalableTargetRequestTypeDef,
        DescribeScalableTargetsRequestTypeDef,
        DescribeScalingActivitiesRequestTypeDef,
        DescribeScalingPoliciesRequestTypeDef,
        ListTagsForResourceRequestTypeDef,
        PutScalingPolicyRequestTypeDef,
        RegisterScalableTargetRequestTypeDef,
        TagResourceRequestTypeDef,
        UntagResourceRequestTypeDef,
    )

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.protocol.operations import Handler, RequestContext
    from meshtwin.emulator.sagemaker.autoscaling.ledger import Ledger
    from meshtwin.emulator.sagemaker.autoscaling.scaler import Scaler, Variants
    from meshtwin.emulator.sagemaker.autoscaling.tracking_alarms import TrackingAlarms
    from meshtwin.emulator.sagemaker.settings import Settings

    _OfResource = (
        RegisterScalableTargetRequestTypeDef
        | DeregisterScalableTargetRequestTypeDef
        | PutScalingPolicyRequestTypeDef
        | DeleteScalingPolicyRequestTypeDef
    )
    _OfNamespace = (
        _OfResource
        | DescribeScalableTargetsRequestTypeDef
        | DescribeScalingPoliciesRequestTypeDef
        | DescribeScalingActivitiesRequestTypeDef
    )

Result = Mapping[str, Any]

_MOST_POLICIES = 50
"""https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-quotas.html"""

_ROLE = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
_ROLE += "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


class _Handlers(TypedDict):
    RegisterScalableTarget: Handler[RegisterScalableTargetRequestTypeDef]
    DescribeScalableTargets: Handler[DescribeScalableTargetsRequestTypeDef]
    DeregisterScalableTarget: Handler[DeregisterScalableTargetRequestTypeDef]
    PutScalingPolicy: Handler[PutScalingPolicyRequestTypeDef]
    DescribeScalingPolicies: Handler[DescribeScalingPoliciesRequestTypeDef]
    DeleteScalingPolicy: Handler[DeleteScalingPolicyRequestTypeDef]
    DescribeScalingActivities: Handler[DescribeScalingActivitiesRequestTypeDef]
    TagResource: Handler[TagResourceRequestTypeDef]
    UntagResource: Handler[UntagResourceRequestTypeDef]
    ListTagsForResource: Handler[ListTagsForResourceRequestTypeDef]


class Scaling:
    """Targets and policies; what they do is the scaler's."""

    def __init__(  # the operations stand between all of them
        self,
        ledger: Ledger,
        scaler: Scaler,
        variants: Variants,
        alarms: TrackingAlarms,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._ledger = ledger
        self._scaler = scaler
        self._variants = variants
        self._alarms = alarms
        self._clock = clock
        self._settings = settings

    def service(self) -> Service:
        """Application Auto Scaling's API, for a gateway."""
        handlers: _Handlers = {
            "RegisterScalableTarget": self.register,
            "DescribeScalableTargets": self.describe_targets,
            "DeregisterScalableTarget": self.deregister,
            "PutScalingPolicy": self.put_policy,
            "DescribeScalingPolicies": self.describe_policies,
            "DeleteScalingPolicy": self.delete_policy,
            "DescribeScalingActivities": self.describe_activities,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }
        return Service("application-autoscaling", handlers)

    async def register(self, _: RequestContext, params: RegisterScalableTargetRequestTypeDef) -> Result:
        """RegisterScalableTarget: creates or changes; the count is brought within the bounds at once."""
        endpoint, variant = _resource(params)
        async with self._ledger.lock:
            found = self._ledger.target(params["ResourceId"])
            if self._variants.capacity(endpoint, variant) is None:
                raise ValidationFailedError(
                    f"ResourceId {params['ResourceId']}: there is no such endpoint with this variant."
                )
            target = self._registered(found, params, endpoint, variant)
            if found is None:
                await self._ledger.put_target(target)
            else:
                await self._ledger.change_target(
                    target.resource_id, lambda now: replace(target, cooldown=now.cooldown)
                )
        bound = "minimum" if found is None or target.minimum != found.minimum else "maximum"
        value = target.minimum if bound == "minimum" else target.maximum
        await self._scaler.set_within_bounds(target, f"{bound} capacity was set to {value}")
        return {"ScalableTargetARN": target.arn}

    def _registered(
        self,
        found: ScalableTarget | None,
        params: RegisterScalableTargetRequestTypeDef,
        endpoint: str,
        variant: str,
    ) -> ScalableTarget:
        minimum = params.get("MinCapacity", found.minimum if found else None)
        maximum = params.get("MaxCapacity", found.maximum if found else None)
        if minimum is None or maximum is None:
            raise ValidationFailedError(
                "MinCapacity and MaxCapacity are both needed where a scalable target is registered first."
            )
        if minimum < 0 or maximum < minimum:
            raise ValidationFailedError(
                f"MinCapacity {minimum}, MaxCapacity {maximum}: expected 0 <= MinCapacity <= MaxCapacity."
            )
        suspended: Mapping[str, Any] = params.get("SuspendedState", {})
        if found is not None:
            return replace(
                found, minimum=minimum, maximum=maximum, suspended={**found.suspended, **suspended}
            )
        return ScalableTarget(
            endpoint_name=endpoint,
            variant_name=variant,
            arn=self._arn("application-autoscaling", f"scalable-target/{uuid.uuid4().hex}"),
            minimum=minimum,
            maximum=maximum,
            role_arn=params.get("RoleARN") or self._arn("iam", f"role/{_ROLE}", regional=False),
            created_at=self._clock.now(),
            suspended=suspended,
            tags=params.get("Tags", {}),
        )

    async def describe_targets(
        self, _: RequestContext, params: DescribeScalableTargetsRequestTypeDef
    ) -> Result:
        """DescribeScalableTargets."""
        _refuse_foreign(params)
        wanted = params.get("ResourceIds")
        targets = [
            target for target in self._ledger.targets() if wanted is None or target.resource_id in wanted
        ]
        shown, token = page(targets, params, lambda target: target.resource_id)
        return {"ScalableTargets": [describe_target(target) for target in shown], "NextToken": token}

    async def deregister(self, _: RequestContext, params: DeregisterScalableTargetRequestTypeDef) -> Result:
        """DeregisterScalableTarget: its policies go with it, and the alarms that were made for them."""
        _resource(params)
        await self._remove(self._target(params["ResourceId"]))
        return {}

    async def _remove(self, target: ScalableTarget) -> None:
        async with self._ledger.lock:
            for policy in self._ledger.policies(target.resource_id):
                await self._alarms.delete(policy)
            await self._ledger.remove_target(target)

    async def put_policy(self, _: RequestContext, params: PutScalingPolicyRequestTypeDef) -> Result:
        """PutScalingPolicy: creates a policy, or changes it where there is one of its name."""
        _resource(params)
        async with self._ledger.lock:
            target = self._target(params["ResourceId"])
            found = self._ledger.policy(target.resource_id, params["PolicyName"])
            kind = policy_type(params, found)
            config = config_of(params, kind) or (found.config if found else None)
            if config is None:
                raise ValidationFailedError(f"PolicyType {kind} needs {CONFIG_OF[kind]}.")
            refuse_bad_config(kind, config)
            if found is None and len(self._ledger.policies(target.resource_id)) >= _MOST_POLICIES:
                raise ServiceError(
                    f"{target.resource_id} has {_MOST_POLICIES} scaling policies, which is the limit.",
                    code="LimitExceededException",
                    status=400,
                )
            policy = (
                replace(found, config=config)
                if found
                else Policy(
                    name=params["PolicyName"],
                    arn=self._policy_arn(target, params["PolicyName"]),
                    type=kind,
                    resource_id=target.resource_id,
                    config=config,
                    created_at=self._clock.now(),
                )
            )
            if kind is PolicyType.TRACKING:
                policy = replace(policy, alarms=await self._alarms.put(policy))
                warn_of_silent_metric(policy)
            try:
                await self._ledger.put_policy(policy)
            except ServiceError:
                if found is None:
                    # Nobody would ever find its alarms again.
                    self._alarms.delete_soon(policy)
                raise
        alarms = [{"AlarmName": name, "AlarmARN": arn} for name, arn in policy.alarms]
        return {"PolicyARN": policy.arn, "Alarms": alarms}

    def _policy_arn(self, target: ScalableTarget, name: str) -> str:
        resource = f"resource/{NAMESPACE}/{target.resource_id}:policyName/{name}"
        return self._arn("autoscaling", f"scalingPolicy:{new_uuid()}:{resource}")

    def _arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        settings = self._settings
        return arn_of(service, settings.region, settings.account_id, resource, regional=regional)

    async def describe_policies(
        self, _: RequestContext, params: DescribeScalingPoliciesRequestTypeDef
    ) -> Result:
        """DescribeScalingPolicies."""
        _refuse_foreign(params)
        names = params.get("PolicyNames")
        policies = [
            policy
            for policy in self._ledger.policies(params.get("ResourceId"))
            if names is None or policy.name in names
        ]
        shown, token = page(policies, params, lambda policy: policy.key)
        steps = [policy.arn for policy in shown if policy.type is PolicyType.STEP]
        alarms = await self._alarms.naming(steps) if steps else {}
        described = [describe_policy(policy, alarms.get(policy.arn, policy.alarms)) for policy in shown]
        return {"ScalingPolicies": described, "NextToken": token}

    async def delete_policy(self, _: RequestContext, params: DeleteScalingPolicyRequestTypeDef) -> Result:
        """DeleteScalingPolicy: its own alarms go; of others only the action that names it."""
        _resource(params)
        async with self._ledger.lock:
            policy = self._ledger.policy(params["ResourceId"], params["PolicyName"])
            if policy is None:
                raise _not_found(f"scaling policy {params['PolicyName']}", params["ResourceId"])
            await self._alarms.delete(policy)
            await self._ledger.remove_policy(policy)
        return {}

    async def describe_activities(
        self, _: RequestContext, params: DescribeScalingActivitiesRequestTypeDef
    ) -> Result:
        """DescribeScalingActivities of the previous six weeks, the newest first."""
        _refuse_foreign(params)
        everything = params.get("IncludeNotScaledActivities", False)
        activities = [
            activity
            for activity in self._ledger.shown_activities(params.get("ResourceId"), self._clock.now())
            if everything or not activity.not_scaled
        ]
        shown, token = page(activities, params, lambda activity: activity.activity_id)
        return {"ScalingActivities": [describe_activity(activity) for activity in shown], "NextToken": token}

    async def tag(self, _: RequestContext, params: TagResourceRequestTypeDef) -> Result:
        """TagResource, on a scalable target."""
        async with self._ledger.lock:
            target = self._tagged(params["ResourceARN"])
            tags = {**target.tags, **params["Tags"]}
            if len(tags) > 50:  # noqa: PLR2004  # the limit of the API's page
                raise ServiceError(
                    f"{target.arn} would have {len(tags)} tags, at most 50 are allowed.",
                    code="TooManyTagsException",
                    status=400,
                )
            await self._ledger.change_target(target.resource_id, lambda now: replace(now, tags=tags))
        return {}

    async def untag(self, _: RequestContext, params: UntagResourceRequestTypeDef) -> Result:
        """UntagResource; keys that are not there do not matter."""
        async with self._ledger.lock:
            target = self._tagged(params["ResourceARN"])
            tags = {key: value for key, value in target.tags.items() if key not in params["TagKeys"]}
            await self._ledger.change_target(target.resource_id, lambda now: replace(now, tags=tags))
        return {}

    async def list_tags(self, _: RequestContext, params: ListTagsForResourceRequestTypeDef) -> Result:
        """ListTagsForResource."""
        return {"Tags": dict(self._tagged(params["ResourceARN"]).tags)}

    def _tagged(self, arn: str) -> ScalableTarget:
        for target in self._ledger.targets():
            if target.arn == arn:
                return target
        raise ServiceError(
            f"No scalable target has the ARN {arn}.", code="ResourceNotFoundException", status=400
        )

    def _target(self, wanted: str) -> ScalableTarget:
        target = self._ledger.target(wanted)
        if target is None:
            raise _not_found("scalable target", wanted)
        return target


async def deregister_endpoint(
    endpoint_name: str, variant_name: str, ledger: Ledger, alarms: TrackingAlarms
) -> None:
    """Deregister a deleted endpoint's variant, as DeleteEndpoint does.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete.html. UnavailableError where that cannot
    be kept; alarms that cannot be deleted name a policy that is gone, and do nothing.
    """
    async with ledger.lock:
        target = ledger.target(resource_id(endpoint_name, variant_name))
        if target is None:
            return
        for policy in ledger.policies(target.resource_id):
            alarms.delete_soon(policy)
        await ledger.remove_target(target)


def _resource(params: _OfResource) -> tuple[str, str]:
    """Endpoint and variant of a request, or a ValidationFailedError that says what is served."""
    _refuse_foreign(params)
    found = parse_resource_id(params["ResourceId"])
    if found is None:
        raise ValidationFailedError(
            f"ResourceId {params['ResourceId']}: expected endpoint/<endpoint name>/variant/<variant name>."
        )
    return found


def _refuse_foreign(params: _OfNamespace) -> None:
    namespace = params["ServiceNamespace"]
    if namespace != NAMESPACE:
        raise ValidationFailedError(f"ServiceNamespace {namespace} is not served here: expected {NAMESPACE}.")
    dimension = params.get("ScalableDimension", DIMENSION)
    if dimension != DIMENSION:
        raise ValidationFailedError(
            f"ScalableDimension {dimension} is not served here: expected {DIMENSION}."
        )


def _not_found(what: str, wanted: str) -> ServiceError:
    return ServiceError(
        f"No {what} registered for service namespace: {NAMESPACE}, resource ID: {wanted}, scalable "
        f"dimension: {DIMENSION}",
        code="ObjectNotFoundException",
        status=400,
    )
