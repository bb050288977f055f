"""The endpoint, in every profile: create it, describe it, delete it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from meshtwin.cloud.aws_errors import aws_errors, error_code
from meshtwin.cloud.errors import UnavailableError
from meshtwin.cloud.resources import ensure_resources, topic_arns
from meshtwin.cloud.scaling import ensure_scaling, remove_scaling
from meshtwin.cloud.spec.endpoint import VARIANT, container_environment, endpoint_spec, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshtwin.cloud.client import Client
    from meshtwin.cloud.clients import Clients
    from meshtwin.cloud.profiles import Profile
    from meshtwin.cloud.spec.endpoint import EndpointSpec

_FIRST_PAUSE = 0.05
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What DescribeEndpoint returns.

    `instances` is None before the first instance; `desired` is the target. `config` is the name of the
    configuration.
    """

    name: str
    status: str
    instances: int | None
    desired: int | None
    failure_reason: str | None
    config: str = ""


def prepare_endpoint(client: Client, notify: Callable[[str], None]) -> bool:
    """Create the endpoint's resources; True where `create_endpoint` has to create the endpoint itself.

    An existing endpoint keeps the settings it was created with, and `notify` is called where the current ones
    differ; a failed one is deleted, as AWS allows nothing else.

    Raises:
        UnavailableError: a service refuses, or cannot be reached.
    """
    with aws_errors(f"profile {client.profile.name!r}"):
        existing = describe_endpoint(client.aws, client.profile.names.endpoint_name)
        ensure_resources(client)
        if existing is None:
            return True
        if existing.status == "Failed":
            notify(f"endpoint {existing.name} had failed, and is created again")
            _delete_and_wait(client)
            return True
        _notify_if_outdated(client, existing, notify)
        return False


def create_endpoint(client: Client) -> bool:
    """Create the endpoint, with a model and a configuration of the current settings.

    False where another process was first: the endpoint is theirs.

    Raises:
        UnavailableError: a service refuses, or cannot be reached; the endpoint may have been created anyway.
    """
    with aws_errors(f"profile {client.profile.name!r}"):
        spec = _spec(client)
        sagemaker = client.aws.sagemaker
        _created(lambda: sagemaker.create_model(**spec.model))
        _created(lambda: sagemaker.create_endpoint_config(**spec.config))
        name = client.profile.names.endpoint_name
        return _created(
            lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=spec.config_name)
        )


def bring_in_service(
    client: Client, report: Callable[[str], None], *, new: bool, scale_to_zero: bool | None = None
) -> None:
    """Wait until the endpoint is InService, and set whether it scales to zero.

    `scale_to_zero` decides; by default, the profile decides for a `new` endpoint, and an existing one stays
    as it is. `report` is called with the status while it waits.

    Raises:
        UnavailableError: the endpoint has failed, with AWS's reason, or a service cannot be reached.
    """
    with aws_errors(f"profile {client.profile.name!r}"):
        _wait_in_service(client, report)
        _scale(client, scale_to_zero, new=new)


def _scale(client: Client, wanted: bool | None, *, new: bool) -> None:
    profile = client.profile
    chosen = profile.scale_to_zero if wanted is None and new else wanted
    if chosen is None or (new and not chosen):
        return
    change = ensure_scaling if chosen else remove_scaling
    try:
        change(client.aws, profile.names.endpoint_name, VARIANT)
    except ClientError as error:
        raise UnavailableError(
            f"endpoint {profile.names.endpoint_name!r} cannot be made to scale to zero: {error}\n"
            "--no-scale-to-zero leaves it at one instance, at that instance's price"
        ) from error


def removal_command(profile: Profile) -> str:
    """The command that deletes the endpoint, once AWS allows that, and so ends its costs."""
    name = f"--endpoint-name {profile.names.endpoint_name} --region {profile.region}"
    return f"aws sagemaker wait endpoint-in-service {name}; aws sagemaker delete-endpoint {name}"


def delete_endpoint(client: Client) -> None:
    """Delete scaling, endpoint, configuration and model, where they exist. Buckets stay.

    Each is tried, even where another is refused.

    Raises:
        UnavailableError: the first refusal, or AWS cannot be reached.
    """
    sagemaker = client.aws.sagemaker
    names = client.profile.names
    refused: list[ClientError] = []

    def attempt(delete: Callable[[], Any], *ignored: str) -> None:
        try:
            delete()
        except ClientError as error:
            if not _is_not_found(error) and error_code(error) not in ignored:
                refused.append(error)

    with aws_errors(f"endpoint {names.endpoint_name!r}"):
        configs, models = _parts_to_delete(client)
        # An identity without access to scaling has not created any.
        attempt(lambda: remove_scaling(client.aws, names.endpoint_name, VARIANT), *_DENIED)
        attempt(lambda: sagemaker.delete_endpoint(EndpointName=names.endpoint_name))
        for config in configs:
            attempt(lambda config=config: sagemaker.delete_endpoint_config(EndpointConfigName=config))  # type: ignore[misc]  # bound early
        for model in models:
            attempt(lambda model=model: sagemaker.delete_model(ModelName=model))  # type: ignore[misc]  # as above
        if refused:
            raise refused[0]


def _parts_to_delete(client: Client) -> tuple[list[str], list[str]]:
    """The names of the endpoint's configuration and models, where meshtwin created them."""
    names = client.profile.names
    try:
        found = describe_endpoint(client.aws, names.endpoint_name)
        if found is None or not is_ours(names.endpoint_config_name, found.config):
            return [], []
        config = client.aws.sagemaker.describe_endpoint_config(EndpointConfigName=found.config)
    except ClientError:
        return [], []  # the endpoint costs money, these do not: delete it anyway
    models = [variant.get("ModelName", "") for variant in config["ProductionVariants"]]
    return [found.config], [model for model in models if is_ours(names.model_name, model)]


def _delete_and_wait(client: Client) -> None:
    delete_endpoint(client)
    pauses = _pauses(client.profile)
    while describe_endpoint(client.aws, client.profile.names.endpoint_name) is not None:
        time.sleep(next(pauses))


def describe_endpoint(aws: Clients, name: str) -> EndpointStatus | None:
    """The endpoint's status, or None where it does not exist."""
    try:
        found = aws.sagemaker.describe_endpoint(EndpointName=name)
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
        found.get("EndpointConfigName", ""),
    )


def _spec(client: Client) -> EndpointSpec:
    profile = client.profile
    account, role_arn = _identity(client)
    registry = f"{account}.dkr.ecr.{profile.region}.amazonaws.com"
    return endpoint_spec(
        profile.names,
        image=profile.image or f"{registry}/{profile.names.ecr_repo}:latest",
        role_arn=role_arn,
        environment=container_environment(client.settings),
        topics=topic_arns(client),
    )


def _notify_if_outdated(client: Client, existing: EndpointStatus, notify: Callable[[str], None]) -> None:
    """Say where an existing endpoint has other settings than the current ones."""
    try:
        wanted = _spec(client).config_name
    except ClientError:
        return  # an identity without access to role and account may use the endpoint anyway
    if existing.config != wanted:
        notify(
            f"endpoint {existing.name} keeps the model, image and settings that it was created with "
            f"(configuration {existing.config}; the current settings would give {wanted}). "
            f"To create it again: `{removal_command(client.profile)}`, then start again"
        )


def _identity(client: Client) -> tuple[str, str]:
    """The account, and the ARN of the container's execution role."""
    profile, aws = client.profile, client.aws
    role = profile.names.execution_role_name
    if profile.account_id is not None:
        return profile.account_id, f"arn:aws:iam::{profile.account_id}:role/{role}"
    account: str = aws.other("sts").get_caller_identity()["Account"]
    return account, aws.other("iam").get_role(RoleName=role)["Role"]["Arn"]


def _wait_in_service(client: Client, report: Callable[[str], None]) -> None:
    name = client.profile.names.endpoint_name
    pauses = _pauses(client.profile)
    while True:
        found = describe_endpoint(client.aws, name)
        if found is None:
            raise UnavailableError(f"endpoint {name!r} was deleted while `meshtwin` waited for it")
        if found.status == "InService":
            return
        if found.status in ("Failed", "UpdateRollbackFailed"):
            raise UnavailableError(
                f"endpoint {name!r} is {found.status}: {found.failure_reason}\n"
                "Start again once the cause is fixed: a failed endpoint is then created again."
            )
        report(f"endpoint {name} is {found.status}")
        time.sleep(next(pauses))


def _pauses(profile: Profile) -> Iterator[float]:
    """Seconds between two polls: short at first, growing to the profile's `poll_seconds`."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, profile.poll_seconds)


def _created(create: Callable[[], Any]) -> bool:
    """Call `create`; False where the resource exists. Names have a hash of the content: it is the same."""
    try:
        create()
    except ClientError as error:
        if "already existing" not in str(error):
            raise
        return False
    return True


def _is_not_found(error: ClientError) -> bool:
    details = error.response.get("Error", {})
    return details.get("Code") == "ValidationException" and "Could not find" in details.get("Message", "")
