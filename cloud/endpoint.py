"""The endpoint's life, one code path for every profile: make it, see how it is, take it away."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cloud import clients
from cloud.errors import UnavailableError
from cloud.resources import ensure_resources, topic_arns
from cloud.scaling import ensure_scaling, remove_scaling

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        AsyncInferenceConfigTypeDef,
        AsyncInferenceOutputConfigTypeDef,
        ContainerDefinitionTypeDef,
        ProductionVariantTypeDef,
    )

    from cloud.profiles import Profile

VARIANT = "AllTraffic"
CONCURRENCY = 1
"""Invocations an instance takes at once: the GPU has room for one."""

PASSED_ON = ("HF_TOKEN",)
"""Variables of this process that the container gets, besides all that begin with RUNTIME_."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What DescribeEndpoint says, as far as a person asks.

    `instances` is None before the first; `desired` is what it is on its way to.
    """

    name: str
    status: str
    instances: int | None
    desired: int | None
    failure_reason: str | None


def ensure_endpoint(
    profile: Profile, report: Callable[[str], None], *, scale_to_zero: bool | None = None
) -> bool:
    """Make the endpoint and what it stands on where they are not there yet, and wait for InService.

    An endpoint that is there keeps the settings it was made with; one that has failed is made anew. Whether
    it scales to zero is the profile's to say for a new one, unless `scale_to_zero` says so for any.

    `report` is told in words what is waited for. True where the endpoint is new.

    Raises:
        UnavailableError: the endpoint has failed, with AWS's reason, or a service cannot be reached.
    """
    try:
        sagemaker = clients.sagemaker()
        existing = describe_endpoint(profile.names.endpoint_name)
        ensure_resources(profile)
        if existing is not None and existing.status == "Failed":
            # Nothing but its deletion is allowed then.
            report(f"endpoint {existing.name} had failed, and is made anew")
            _delete_and_wait(profile)
            existing = None
        if existing is None:
            _create(sagemaker, profile)
        _wait_in_service(profile, report)
        _scale(profile, scale_to_zero, new=existing is None)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"profile {profile.name!r}: {error}") from error
    return existing is None


def _scale(profile: Profile, wanted: bool | None, *, new: bool) -> None:
    """Let the endpoint scale to zero, or not; a new one that cannot be is not left behind to cost money."""
    chosen = profile.scale_to_zero if wanted is None and new else wanted
    if chosen is None or (new and not chosen):
        return
    change = ensure_scaling if chosen else remove_scaling
    try:
        change(profile.names.endpoint_name, VARIANT)
    except ClientError as error:
        if new:
            delete_endpoint(profile)
        raise UnavailableError(
            f"endpoint {profile.names.endpoint_name!r} cannot be made to scale to zero: {error}\n"
            "--no-scale-to-zero leaves it at one instance, at that instance's price"
        ) from error


def delete_endpoint(profile: Profile) -> None:
    """Delete scaling, endpoint, configuration and model; what is not there is passed over. Buckets stay."""
    sagemaker = clients.sagemaker()
    names = profile.names
    try:
        remove_scaling(names.endpoint_name, VARIANT)
    except ClientError as error:
        # Who may not touch scaling has not made any, and the endpoint is to go all the same.
        if error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException"):
            raise
    deletions: tuple[Callable[[], Any], ...] = (
        lambda: sagemaker.delete_endpoint(EndpointName=names.endpoint_name),
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=names.endpoint_config_name),
        lambda: sagemaker.delete_model(ModelName=names.model_name),
    )
    for delete in deletions:
        try:
            delete()
        except ClientError as error:
            if not _is_not_found(error):
                raise


def _delete_and_wait(profile: Profile) -> None:
    delete_endpoint(profile)
    while describe_endpoint(profile.names.endpoint_name) is not None:
        time.sleep(profile.poll_seconds)


def describe_endpoint(name: str) -> EndpointStatus | None:
    """How the endpoint is, or None where there is none of that name."""
    try:
        found = clients.sagemaker().describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _is_not_found(error):
            return None
        raise
    variants = found.get("ProductionVariants") or []
    return EndpointStatus(
        name,
        found["EndpointStatus"],
        sum(variant.get("CurrentInstanceCount", 0) for variant in variants) if variants else None,
        sum(variant.get("DesiredInstanceCount", 0) for variant in variants) if variants else None,
        found.get("FailureReason"),
    )


def _create(sagemaker: SageMakerClient, profile: Profile) -> None:
    names = profile.names
    account, role_arn = _identity(profile)
    container: ContainerDefinitionTypeDef = {
        "Image": _image(profile, account),
        "Environment": container_environment(),
    }
    variant: ProductionVariantTypeDef = {
        "VariantName": VARIANT,
        "ModelName": names.model_name,
        "InstanceType": cast("ProductionVariantInstanceTypeType", names.instance_type),
        "InitialInstanceCount": 1,
    }
    _once(
        lambda: sagemaker.create_model(
            ModelName=names.model_name, ExecutionRoleArn=role_arn, PrimaryContainer=container
        )
    )
    _once(
        lambda: sagemaker.create_endpoint_config(
            EndpointConfigName=names.endpoint_config_name,
            ProductionVariants=[variant],
            AsyncInferenceConfig=_async_config(profile),
        )
    )
    sagemaker.create_endpoint(EndpointName=names.endpoint_name, EndpointConfigName=names.endpoint_config_name)


def _async_config(profile: Profile) -> AsyncInferenceConfigTypeDef:
    bucket = profile.names.async_io_bucket
    output: AsyncInferenceOutputConfigTypeDef = {
        "S3OutputPath": f"s3://{bucket}/async-output",
        "S3FailurePath": f"s3://{bucket}/async-failures",
    }
    if arns := topic_arns(profile):
        output["NotificationConfig"] = arns
    return {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": CONCURRENCY},
        "OutputConfig": output,
    }


def container_environment() -> dict[str, str]:
    """What the container is told of this process's environment."""
    return {
        name: value for name, value in os.environ.items() if name.startswith("RUNTIME_") or name in PASSED_ON
    }


def _identity(profile: Profile) -> tuple[str, str]:
    """The account, and the ARN of the role that the container runs under."""
    role = profile.names.execution_role_name
    if profile.account_id is not None:
        return profile.account_id, f"arn:aws:iam::{profile.account_id}:role/{role}"
    account = boto3.client("sts").get_caller_identity()["Account"]
    return account, boto3.client("iam").get_role(RoleName=role)["Role"]["Arn"]


def _image(profile: Profile, account: str) -> str:
    registry = f"{account}.dkr.ecr.{profile.region}.amazonaws.com"
    return profile.image or f"{registry}/{profile.names.ecr_repo}:latest"


def _wait_in_service(profile: Profile, report: Callable[[str], None]) -> None:
    name = profile.names.endpoint_name
    while True:
        found = describe_endpoint(name)
        if found is None:
            raise UnavailableError(f"endpoint {name!r} was deleted while it was waited for")
        if found.status == "InService":
            return
        if found.status in ("Failed", "UpdateRollbackFailed"):
            raise UnavailableError(
                f"endpoint {name!r} is {found.status}: {found.failure_reason}\n"
                "Start again once the cause is mended: a failed endpoint is made anew."
            )
        report(f"endpoint {name} is {found.status}")
        time.sleep(profile.poll_seconds)


def _once(create: Callable[[], Any]) -> None:
    """Call `create`; that the thing is there already is as good."""
    try:
        create()
    except ClientError as error:
        if "already existing" not in str(error):
            raise


def _is_not_found(error: ClientError) -> bool:
    details = error.response.get("Error", {})
    return details.get("Code") == "ValidationException" and "Could not find" in details.get("Message", "")
