"""The three profiles, as data. No other file knows more than one of them.

Our own code gets a profile as an argument; other programs get the SDK's settings (`AWS_ENDPOINT_URL`, ...).
Service-specific endpoints: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

import os
import secrets
import string
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from meshtwin.cloud.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PROFILE = "embedded"
PROFILE_VARIABLE = "MESHTWIN_PROFILE"

API_URL_VARIABLE = "BUILD_API_URL"
API_TOKEN_VARIABLE = "BUILD_API_TOKEN"  # noqa: S105  # a name
API_PREFIX = "/_api"
"""Where the API Gateway emulator has its routes; on AWS they are at the root of the API's own host."""

_SERVICE_IDS = {
    "sagemaker": "SAGEMAKER",
    "sagemaker-runtime": "SAGEMAKER_RUNTIME",
    "application-autoscaling": "APPLICATION_AUTO_SCALING",
    "lambda": "LAMBDA",
    "bedrock-runtime": "BEDROCK_RUNTIME",
}
"""The SDKs' ids of services that are not at the default endpoint, by boto3's names."""

_ENDPOINT_URL = "AWS_ENDPOINT_URL"
_ENDPOINT_VARIABLES = (_ENDPOINT_URL, *(f"{_ENDPOINT_URL}_{name}" for name in _SERVICE_IDS.values()))
_OF_EMULATOR = ("sagemaker", "sagemaker-runtime", "application-autoscaling")
_OF_SERVERLESS = ("lambda", "bedrock-runtime")

_KEY_LETTERS = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class ResourceNames:
    """Names of resources in the account; each field is read from the variable of its upper-cased name."""

    endpoint_name: str = "hunyuan3d-async-v2"
    model_name: str = "hunyuan3d-model-v2"
    endpoint_config_name: str = "hunyuan3d-async-config-v2"
    ecr_repo: str = "hunyuan3d-sagemaker"
    execution_role_name: str = "hunyuan3d-sagemaker-role"
    instance_type: str = "ml.g5.2xlarge"
    input_bucket: str = ""
    output_bucket: str = ""
    async_io_bucket: str = ""
    job_table: str = "meshtwin-jobs"
    success_topic: str = ""
    error_topic: str = ""
    submit_function: str = "createbuild-submit"
    status_function: str = "createbuild-status"
    worker_function: str = "createbuild-worker"
    text_to_image_function: str = "createbuild-text-to-image"
    glb_to_vox_function: str = "createbuild-glb-to-vox"

    def buckets(self) -> dict[str, str]:
        """The buckets, by the variable that names each."""
        return {
            "INPUT_BUCKET": self.input_bucket,
            "OUTPUT_BUCKET": self.output_bucket,
            "ASYNC_IO_BUCKET": self.async_io_bucket,
        }

    def environment(self) -> dict[str, str]:
        """The names that are set, as the variables they are read from."""
        values = {name.upper(): getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the services and the container are; by default on AWS.

    `store` is what `meshtwin up` starts for S3, DynamoDB, SNS and CloudWatch, `launcher` how the emulator
    starts a container; None on AWS. `credentials` is (access key, secret key), None for the SDK's own chain;
    `account_id` is None where STS has it. `scale_to_zero` is the default for a new endpoint. `endpoints` has
    the URLs of the services, by the SDK's variables; empty for AWS's own.
    """

    name: str
    region: str
    names: ResourceNames
    image: str | None = None
    store: Literal["moto", "localstack"] | None = None
    launcher: Literal["process", "docker"] | None = None
    account_id: str | None = None
    credentials: tuple[str, str] | None = None
    scale_to_zero: bool = True
    endpoints: Mapping[str, str] = field(default_factory=dict)

    def with_new_key(self) -> Profile:
        """The profile with new credentials for one run; its servers refuse callers without them.

        The key ID does not begin as AWS's do: LocalStack would derive an account from it.
        """
        key_id = "MESHTWIN" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(32))
        return replace(self, credentials=(key_id, secrets.token_urlsafe(32)))

    @property
    def emulated(self) -> bool:
        """Whether `meshtwin up` starts services for this profile."""
        return self.store is not None

    @property
    def poll_seconds(self) -> float:
        """The interval between polls: AWS's own waiters poll every 30 s."""
        return 0.1 if self.emulated else 10.0

    def with_endpoints(
        self, *, store: str | None = None, emulator: str | None = None, serverless: str | None = None
    ) -> Profile:
        """The profile with services at these URLs, in addition to those that it has.

        `serverless` is the process that emulates Lambda, API Gateway and Bedrock.
        """
        found = dict(self.endpoints)
        if store is not None:
            found[_ENDPOINT_URL] = store
        for url, services in ((emulator, _OF_EMULATOR), (serverless, _OF_SERVERLESS)):
            if url is not None:
                found |= {_endpoint_variable(service): url for service in services}
        return replace(self, endpoints=found)

    def with_settings(self, settings: Mapping[str, str]) -> Profile:
        """The profile with the endpoints and credentials of `settings`, the opposite of `environment`.

        A profile on AWS is unchanged: there the SDK itself reads its settings.
        """
        if not self.emulated:
            return self
        endpoints = {name: settings[name] for name in _ENDPOINT_VARIABLES if settings.get(name)}
        key = settings.get("AWS_ACCESS_KEY_ID"), settings.get("AWS_SECRET_ACCESS_KEY")
        given = (key[0], key[1]) if key[0] and key[1] else self.credentials
        return replace(self, endpoints=endpoints, credentials=given)

    def endpoint_url(self, service: str) -> str | None:
        """The URL of a service, by boto3's name of it; None for AWS's own endpoint."""
        default = self.endpoints.get(_ENDPOINT_URL)
        return (
            self.endpoints.get(_endpoint_variable(service), default) if service in _SERVICE_IDS else default
        )

    def environment(self) -> dict[str, str]:
        """The variables that configure any AWS SDK or CLI for this profile, and name its resources."""
        settings = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region, **self.endpoints}
        if self.credentials is not None:
            settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"] = self.credentials
        return settings | {PROFILE_VARIABLE: self.name} | self.names.environment()


def _endpoint_variable(service: str) -> str:
    return f"{_ENDPOINT_URL}_{_SERVICE_IDS[service]}"


PROFILES = ("embedded", "local", "sagemaker")


def profile_name(chosen: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The name of the profile: `chosen`, else MESHTWIN_PROFILE of `environment`, else embedded."""
    variables = os.environ if environment is None else environment
    name = chosen or variables.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
    if name not in PROFILES:
        raise UsageError(f"profile {name!r}: expected one of {', '.join(PROFILES)}")
    return name


def load_profile(chosen: str | None = None, environment: Mapping[str, str] | None = None) -> Profile:
    """The chosen profile, with the names and region that `environment` (default: the process's) sets."""
    variables = os.environ if environment is None else environment
    name = profile_name(chosen, variables)
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    names = _names(variables, _defaults(name))
    if name == "embedded":
        return Profile(
            name,
            region,
            names,
            image="runtime:embedded",
            store="moto",
            launcher="process",
            account_id="123456789012",
            credentials=("test", "test"),
            scale_to_zero=False,  # there is no GPU to release, and waking takes two minutes, as on AWS
        )
    if name == "local":
        return Profile(
            name,
            region,
            names,
            image=f"{names.ecr_repo}:latest",
            store="localstack",
            launcher="docker",
            account_id="000000000000",
            credentials=("test", "test"),
        )
    return Profile(name, region, names)


def _defaults(profile: str) -> Mapping[str, str]:
    """Names without a default on AWS: buckets are global there, and topics need a permission."""
    if profile == "sagemaker":
        return {}
    return {
        "input_bucket": "meshtwin-images",
        "output_bucket": "meshtwin-pipeline",
        "async_io_bucket": "meshtwin-pipeline",
        "success_topic": "meshtwin-success",
        "error_topic": "meshtwin-error",
    }


def _names(variables: Mapping[str, str], defaults: Mapping[str, str]) -> ResourceNames:
    general = ResourceNames()
    values = {
        name: variables.get(name.upper()) or defaults.get(name) or getattr(general, name)
        for name in ResourceNames.__dataclass_fields__
    }
    return ResourceNames(**values)
