"""The endpoint as data: the requests of CreateModel and CreateEndpointConfig."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from meshtwin.cloud.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        AsyncInferenceConfigTypeDef,
        AsyncInferenceNotificationConfigTypeDef,
        AsyncInferenceOutputConfigTypeDef,
        CreateEndpointConfigInputTypeDef,
        CreateModelInputTypeDef,
    )

    from meshtwin.cloud.profiles import ResourceNames

VARIANT = "AllTraffic"
CONCURRENCY = 1
"""Invocations an instance takes at once: the GPU has room for one."""

_LONGEST_NAME = 63
_HASH_CHARACTERS = 8
_SECRET = re.compile(r"_(TOKEN|SECRET|PASSWORD|KEY|CREDENTIALS)(_|$)")


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """The model and the configuration of an endpoint.

    Their names end in a hash of their content: an existing one has the same content.
    """

    model: CreateModelInputTypeDef
    config: CreateEndpointConfigInputTypeDef

    @property
    def config_name(self) -> str:
        """The configuration's name; its hash covers the whole endpoint."""
        return self.config["EndpointConfigName"]


def endpoint_spec(
    names: ResourceNames,
    *,
    image: str,
    role_arn: str,
    environment: Mapping[str, str],
    topics: AsyncInferenceNotificationConfigTypeDef,
) -> EndpointSpec:
    """The endpoint of one instance that runs `image`, with its results in the pipeline bucket."""
    model: CreateModelInputTypeDef = {
        "ModelName": "",
        "ExecutionRoleArn": role_arn,
        "PrimaryContainer": {"Image": image, "Environment": dict(environment)},
    }
    model["ModelName"] = content_name(names.model_name, model)
    config: CreateEndpointConfigInputTypeDef = {
        "EndpointConfigName": "",
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": model["ModelName"],
                "InstanceType": cast("ProductionVariantInstanceTypeType", names.instance_type),
                "InitialInstanceCount": 1,
            }
        ],
        "AsyncInferenceConfig": _async_config(names.async_io_bucket, topics),
    }
    config["EndpointConfigName"] = content_name(names.endpoint_config_name, config)
    return EndpointSpec(model, config)


def content_name(base: str, content: object) -> str:
    """`base` and a hash of `content`, within AWS's 63 characters."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{base[: _LONGEST_NAME - _HASH_CHARACTERS - 1].rstrip('-')}-{digest}"


def is_ours(base: str, name: str) -> bool:
    """Whether `name` is one that `content_name` makes of `base`."""
    return name[:-_HASH_CHARACTERS] == content_name(base, None)[:-_HASH_CHARACTERS]


def container_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of `settings` for the container: those that begin with RUNTIME_.

    Raises:
        UsageError: the name of one says that it is a secret. Anyone who may describe the model can read it.
    """
    found = {name: value for name, value in settings.items() if name.startswith("RUNTIME_")}
    for name in found:
        if _SECRET.search(name):
            raise UsageError(
                f"{name} would be readable by anyone who may call DescribeModel: `unset {name}`, and let the "
                "container read its secret from Secrets Manager with its execution role"
            )
    return found


def _async_config(
    bucket: str, topics: AsyncInferenceNotificationConfigTypeDef
) -> AsyncInferenceConfigTypeDef:
    output: AsyncInferenceOutputConfigTypeDef = {
        "S3OutputPath": f"s3://{bucket}/async-output",
        "S3FailurePath": f"s3://{bucket}/async-failures",
    }
    if topics:
        output["NotificationConfig"] = topics
    return {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": CONCURRENCY}, "OutputConfig": output}
