"""The endpoint's life, one code path for every profile: make it, see how it is, take it away."""

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
    """What DescribeEndpoint says, as far as a person asks.

    `instances` is None before the first; `desired` is what it is on its way to. `config` is the name of its
    configuration.
    """

    name: str
    status: str
    instances: int | None
    desired: int | None
    failure_reason: str | None
    config: str = ""


def prepare_endpoint(client: Client, say: Callable[[str], None]) -> bool:
    """Make what the endpoint stands on; True where it is still to be made itself, by `create_endpoint`.

    An endpoint that is there keeps the settings it was made with, and `say` is told where these are not
    those of now; one that has failed is deleted, since nothing else is allowed then.

    Raises:
        UnavailableError: a service refuses, or cannot be reached.
    """
    with aws_errors(f"profile {client.profile.name!r}"):
        existing = describe_endpoint(client.aws, client.profile.names.endpoint_name)
        ensure_resources(client)
        if existing is None:
            return True
        if existing.status == "Failed":
            say(f"endpoint {existing.name} had failed, and is made anew")
            _delete_and_wait(client)
            return True
        _say_if_other(client, existing, say)
        return False


def create_endpoint(client: Client) -> bool:
    """Make the endpoint, of a model and a configuration with the settings of now.

    False where somebody else was first: it is theirs.

    Raises:
        UnavailableError: a service refuses, or cannot be reached; it may have been made all the same.
    """
    with aws_errors(f"profile {client.profile.name!r}"):
        spec = _spec(client)
        sagemaker = client.aws.sagemaker
        _made(lambda: sagemaker.create_model(**spec.model))
        _made(lambda: sagemaker.create_endpoint_config(**spec.config))
        name = client.profile.names.endpoint_name
        return _made(
            lambda: sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=spec.config_name)
        )


def bring_in_service(
    client: Client, report: Callable[[str], None], *, new: bool, scale_to_zero: bool | None = None
) -> None:
    """Wait until the endpoint is InService, and let it scale to zero or not.

    That is the profile's to say for a `new` one, unless `scale_to_zero` says so for any. `report` is told in
    words what is waited for.

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
    """The command that deletes the endpoint, and with it what it costs; once AWS lets it be deleted."""
    name = f"--endpoint-name {profile.names.endpoint_name} --region {profile.region}"
    return f"aws sagemaker wait endpoint-in-service {name}; aws sagemaker delete-endpoint {name}"


def delete_endpoint(client: Client) -> None:
    """Delete scaling, endpoint, configuration and model; what is not there is passed over. Buckets stay.

    Each is tried, whatever is refused of the others.

    Raises:
        UnavailableError: one was refused, the first of them, or AWS cannot be reached.
    """
    sagemaker = client.aws.sagemaker
    names = client.profile.names
    refused: list[ClientError] = []

    def attempt(delete: Callable[[], Any], *passed_over: str) -> None:
        try:
            delete()
        except ClientError as error:
            if not _is_not_found(error) and error_code(error) not in passed_over:
                refused.append(error)

    with aws_errors(f"endpoint {names.endpoint_name!r}"):
        configs, models = _made_of(client)
        # Who may not touch scaling has not made any.
        attempt(lambda: remove_scaling(client.aws, names.endpoint_name, VARIANT), *_DENIED)
        attempt(lambda: sagemaker.delete_endpoint(EndpointName=names.endpoint_name))
        for config in configs:
            attempt(lambda config=config: sagemaker.delete_endpoint_config(EndpointConfigName=config))  # type: ignore[misc]  # bound early
        for model in models:
            attempt(lambda model=model: sagemaker.delete_model(ModelName=model))  # type: ignore[misc]  # as above
        if refused:
            raise refused[0]


def _made_of(client: Client) -> tuple[list[str], list[str]]:
    """The endpoint's configuration and models, by name, as far as they were made here."""
    names = client.profile.names
    try:
        found = describe_endpoint(client.aws, names.endpoint_name)
        if found is None or not is_ours(names.endpoint_config_name, found.config):
            return [], []
        config = client.aws.sagemaker.describe_endpoint_config(EndpointConfigName=found.config)
    except ClientError:
        return [], []  # the endpoint costs money, these do not: it is deleted all the same
    models = [variant.get("ModelName", "") for variant in config["ProductionVariants"]]
    return [found.config], [model for model in models if is_ours(names.model_name, model)]


def _delete_and_wait(client: Client) -> None:
    delete_endpoint(client)
    pauses = _pauses(client.profile)
    while describe_endpoint(client.aws, client.profile.names.endpoint_name) is not None:
        time.sleep(next(pauses))


def describe_endpoint(aws: Clients, name: str) -> EndpointStatus | None:
    """How the endpoint is, or None where there is none of that name."""
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


def _say_if_other(client: Client, existing: EndpointStatus, say: Callable[[str], None]) -> None:
    """Nobody is to take an old model for the one that was asked for."""
    try:
        wanted = _spec(client).config_name
    except ClientError:
        return  # who may not ask for role and account may use the endpoint all the same
    if existing.config != wanted:
        say(
            f"endpoint {existing.name} keeps the model, image and settings that it was made with "
            f"(configuration {existing.config}; from here it would be {wanted}). "
            f"To have it made anew: `{removal_command(client.profile)}`, then start again"
        )


def _identity(client: Client) -> tuple[str, str]:
    """The account, and the ARN of the role that the container runs under."""
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
            raise UnavailableError(f"endpoint {name!r} was deleted while it was waited for")
        if found.status == "InService":
            return
        if found.status in ("Failed", "UpdateRollbackFailed"):
            raise UnavailableError(
                f"endpoint {name!r} is {found.status}: {found.failure_reason}\n"
                "Start again once the cause is fixed: a failed endpoint is made anew."
            )
        report(f"endpoint {name} is {found.status}")
        time.sleep(next(pauses))


def _pauses(profile: Profile) -> Iterator[float]:
    """Seconds between two looks: often at first, then as often as is worth asking on this profile."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, profile.poll_seconds)


def _made(create: Callable[[], Any]) -> bool:
    """Call `create`; False where the thing is there already. The name of a part says what is in it."""
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
