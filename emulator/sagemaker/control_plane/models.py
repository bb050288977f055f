"""CreateModel, DescribeModel, DeleteModel, ListModels and their siblings for endpoint configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from meshtwin.emulator.core.locations import parse_location
from meshtwin.emulator.core.protocol.errors import ValidationFailedError, constraint_violations
from meshtwin.emulator.sagemaker.control_plane.listing import page
from meshtwin.emulator.sagemaker.control_plane.resources import Kind, Resource, container_of

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateEndpointConfigInputTypeDef,
        CreateModelInputTypeDef,
        DeleteEndpointConfigInputTypeDef,
        DeleteModelInputTypeDef,
        DescribeEndpointConfigInputTypeDef,
        DescribeModelInputTypeDef,
        ListEndpointConfigsInputTypeDef,
        ListModelsInputTypeDef,
        ProductionVariantUnionTypeDef,
        TagTypeDef,
    )

    from meshtwin.emulator.core.clock import Clock
    from meshtwin.emulator.core.protocol.operations import RequestContext
    from meshtwin.emulator.sagemaker.control_plane.registry import Registry

log = structlog.get_logger(__name__)

Result = Mapping[str, Any]

_ENVIRONMENT_BYTES = 32 * 1024
_SERVERLESS_MEMORY = range(1024, 6145, 1024)


def tags_of(given: Iterable[TagTypeDef]) -> dict[str, str]:
    """The Tags of a Create* or AddTags call, by their keys."""
    return {tag["Key"]: tag["Value"] for tag in given}


def without(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """`params` less some members."""
    return {name: value for name, value in params.items() if name not in names}


class Models:
    """What a container is made of."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def create(self, _: RequestContext, params: CreateModelInputTypeDef) -> Result:
        """CreateModel."""
        _refuse_bad_containers(params)
        name = params["ModelName"]
        async with self._registry.lock:
            self._registry.refuse_existing(Kind.MODEL, name)
            model = Resource(
                kind=Kind.MODEL,
                name=name,
                arn=self._registry.arns.of(Kind.MODEL, name),
                created_at=self._clock.now(),
                params=without(params, "Tags"),
                tags=tags_of(params.get("Tags", ())),
            )
            await self._registry.put(model)
        return {"ModelArn": model.arn}

    async def describe(self, _: RequestContext, params: DescribeModelInputTypeDef) -> Result:
        """DescribeModel: all that it was created with, also what the model of the service does not know."""
        model = self._registry.get(Kind.MODEL, params["ModelName"])
        return {
            "EnableNetworkIsolation": False,
            **model.params,
            "ModelArn": model.arn,
            "CreationTime": model.created_at,
        }

    async def delete(self, _: RequestContext, params: DeleteModelInputTypeDef) -> Result:
        """DeleteModel. In use or not: AWS only asks callers not to, and running endpoints have their copy."""
        async with self._registry.lock:
            model = self._registry.get(Kind.MODEL, params["ModelName"])
            users = [
                endpoint.name for endpoint in self._registry.endpoints() if endpoint.model == model.params
            ]
            if users:
                log.warning("model_deleted_in_use", model=model.name, endpoints=users)
            await self._registry.remove(model)
        return {}

    async def list(self, _: RequestContext, params: ListModelsInputTypeDef) -> Result:
        """ListModels."""
        shown, token = page(self._registry.all(Kind.MODEL), params)
        summaries = [
            {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created_at}
            for model in shown
        ]
        return {"Models": summaries, "NextToken": token}


def _refuse_bad_containers(params: CreateModelInputTypeDef) -> None:
    if "PrimaryContainer" in params and "Containers" in params:
        raise ValidationFailedError("PrimaryContainer and Containers exclude each other: give one of them.")
    containers = [*params.get("Containers", ())]
    if "PrimaryContainer" in params:
        containers.append(params["PrimaryContainer"])
    for container in containers:
        environment = container.get("Environment", {})
        size = sum(len((key + value).encode("utf-8", "surrogatepass")) for key, value in environment.items())
        if size > _ENVIRONMENT_BYTES:
            raise ValidationFailedError(
                f"The container's Environment has {size} bytes: at most {_ENVIRONMENT_BYTES} are allowed."
            )


_SERVER_LIMITS = {
    "TS_DEFAULT_RESPONSE_TIMEOUT": "60 s",
    "TS_MAX_REQUEST_SIZE": "6 MB",
    "TS_MAX_RESPONSE_SIZE": "6 MB",
    "MMS_DEFAULT_RESPONSE_TIMEOUT": "60 s",
    "MMS_MAX_REQUEST_SIZE": "6 MB",
    "MMS_MAX_RESPONSE_SIZE": "6 MB",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "60 s",
}
"""Limits of common model servers, at what suits a real-time endpoint unless they are set."""


def _lint_server_limits(model: Resource) -> None:
    """Warn of limits that end long requests inside the container, and are easily overlooked.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-create-endpoint.html and
    https://github.com/aws/sagemaker-python-sdk/issues/1119.
    """
    environment = container_of(model.params).get("Environment", {})
    families = {name.partition("_")[0] for name in environment if name.startswith(("TS_", "MMS_"))}
    if any(name.startswith("SAGEMAKER_") for name in environment):
        families.add("SAGEMAKER")
    left = [
        f"{name} ({default})"
        for name, default in _SERVER_LIMITS.items()
        if name.partition("_")[0] in families and name not in environment
    ]
    if left:
        log.warning("server_limits_left_at_real_time_defaults", model=model.name, variables=left)


class EndpointConfigs:
    """How models are to be hosted."""

    def __init__(self, registry: Registry, clock: Clock, s3_endpoint: str, refused_images: str = "") -> None:
        self._registry = registry
        self._clock = clock
        self._s3_endpoint = s3_endpoint
        self._refused_images = re.compile(refused_images) if refused_images else None

    async def create(self, _: RequestContext, params: CreateEndpointConfigInputTypeDef) -> Result:
        """CreateEndpointConfig."""
        name = params["EndpointConfigName"]
        self._refuse_bad_locations(params)
        async with self._registry.lock:
            self._registry.refuse_existing(Kind.CONFIG, name)
            self._refuse_bad_variants(params)
            config = Resource(
                kind=Kind.CONFIG,
                name=name,
                arn=self._registry.arns.of(Kind.CONFIG, name),
                created_at=self._clock.now(),
                params=without(params, "Tags"),
                tags=tags_of(params.get("Tags", ())),
            )
            await self._registry.put(config)
        return {"EndpointConfigArn": config.arn}

    def _refuse_bad_locations(self, params: CreateEndpointConfigInputTypeDef) -> None:
        if "AsyncInferenceConfig" not in params:
            return
        output = params["AsyncInferenceConfig"]["OutputConfig"]
        locations = {"S3OutputPath": output.get("S3OutputPath"), "S3FailurePath": output.get("S3FailurePath")}
        for name, given in locations.items():
            if given is None:
                continue
            if not given.isascii():
                # It comes back in a header, which SDKs decode as Latin-1: the object would not be found.
                raise ValidationFailedError(f"{name} {given!r}: use ASCII characters only.")
            try:
                parse_location(given, self._s3_endpoint)
            except ValueError as error:
                raise ValidationFailedError(f"{name}: {error}.") from None

    def _refuse_bad_variants(self, params: CreateEndpointConfigInputTypeDef) -> None:
        variants = params["ProductionVariants"]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) != len(names):
            raise ValidationFailedError(f"VariantName {names}: each production variant needs its own.")
        is_async = "AsyncInferenceConfig" in params
        for number, variant in enumerate(variants, start=1):
            _refuse_bad_variant(variant, number, is_async=is_async)
            if "ModelName" in variant:
                model = self._registry.get(Kind.MODEL, variant["ModelName"])
                if is_async:
                    self._refuse_image(container_of(model.params).get("Image", ""))
                    _lint_server_limits(model)

    def _refuse_image(self, image: str) -> None:
        """https://github.com/aws/sagemaker-python-sdk/issues/3969 has the text."""
        if self._refused_images is not None and self._refused_images.search(image):
            raise ValidationFailedError(
                "Marketplace images are not supported when specifying an AsyncInferenceConfig. "
                f"({image!r} matches the setting refused_images)"
            )

    async def describe(self, _: RequestContext, params: DescribeEndpointConfigInputTypeDef) -> Result:
        """DescribeEndpointConfig: all that it was created with."""
        config = self._registry.get(Kind.CONFIG, params["EndpointConfigName"])
        variants = [{"InitialVariantWeight": 1.0, **given} for given in config.params["ProductionVariants"]]
        return {
            **config.params,
            "ProductionVariants": variants,
            "EndpointConfigArn": config.arn,
            "CreationTime": config.created_at,
        }

    async def delete(self, _: RequestContext, params: DeleteEndpointConfigInputTypeDef) -> Result:
        """DeleteEndpointConfig, in use or not, as with models."""
        async with self._registry.lock:
            config = self._registry.get(Kind.CONFIG, params["EndpointConfigName"])
            users = [
                endpoint.name for endpoint in self._registry.endpoints() if endpoint.config == config.params
            ]
            if users:
                log.warning("endpoint_config_deleted_in_use", endpoint_config=config.name, endpoints=users)
            await self._registry.remove(config)
        return {}

    async def list(self, _: RequestContext, params: ListEndpointConfigsInputTypeDef) -> Result:
        """ListEndpointConfigs."""
        shown, token = page(self._registry.all(Kind.CONFIG), params)
        summaries = [
            {
                "EndpointConfigName": config.name,
                "EndpointConfigArn": config.arn,
                "CreationTime": config.created_at,
            }
            for config in shown
        ]
        return {"EndpointConfigs": summaries, "NextToken": token}


def _refuse_bad_variant(variant: ProductionVariantUnionTypeDef, number: int, *, is_async: bool) -> None:
    serverless = variant.get("ServerlessConfig")
    if serverless is not None and is_async:
        # https://github.com/aws/aws-cdk-rfcs/pull/433: asynchronous means a single instance-based variant.
        # AWS's text is unknown.
        raise ValidationFailedError(
            f"ServerlessConfig of variant {variant['VariantName']} is not supported when specifying an "
            "AsyncInferenceConfig."
        )
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
    if serverless is not None and serverless["MemorySizeInMB"] not in _SERVERLESS_MEMORY:
        rule = f"Member must satisfy enum value set: {list(_SERVERLESS_MEMORY)}"
        where = f"productionVariants.{number}.member.serverlessConfig.memorySizeInMB"
        raise constraint_violations([
            f"Value '{serverless['MemorySizeInMB']}' at '{where}' failed to satisfy constraint: {rule}"
        ])  # fmt: skip
    if "ManagedInstanceScaling" in variant and "ModelName" in variant:
        # https://github.com/hashicorp/terraform-provider-aws/pull/45926 has the text.
        raise ValidationFailedError(
            "ManagedInstanceScaling is only supported for inference component endpoints."
        )
