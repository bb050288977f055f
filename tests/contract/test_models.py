"""Every operation that is served, held to its model: each constraint enforced, no member lost."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import botocore.loaders
import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.shapes import broken, valid

if TYPE_CHECKING:
    from botocore.model import StructureShape
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Made, Running

CONTROL_PLANE = [
    *("CreateModel", "DescribeModel", "DeleteModel", "ListModels"),
    *("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig", "ListEndpointConfigs"),
    *("CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint", "ListEndpoints"),
    *("UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    *("AddTags", "DeleteTags", "ListTags"),
]
AUTOSCALING = [
    *("RegisterScalableTarget", "DescribeScalableTargets", "DeregisterScalableTarget"),
    *("PutScalingPolicy", "DescribeScalingPolicies", "DeleteScalingPolicy", "DescribeScalingActivities"),
    *("TagResource", "UntagResource", "ListTagsForResource"),
]
RUNTIME = ["InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"]
LOADER = botocore.loaders.Loader()
MODELS = {
    name: ServiceModel(LOADER.load_service_model(name, "service-2"), name)
    for name in ("sagemaker", "sagemaker-runtime", "application-autoscaling")
}

pytestmark = [
    pytest.mark.botocore_model,
    pytest.mark.operation(*CONTROL_PLANE, *AUTOSCALING, *RUNTIME),
]

examples = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


def input_of(service: str, operation: str) -> StructureShape:
    shape = MODELS[service].operation_model(operation).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize("operation", CONTROL_PLANE)
def test_each_constraint_of_the_control_plane_is_enforced(emulator: Running, operation: str) -> None:
    for path, params in broken(input_of("sagemaker", operation)):
        answer = emulator.call(operation, params)
        assert (answer.status, answer.code) == (400, "ValidationException"), (path, params)
        assert f"at '{path}' failed to satisfy constraint" in answer.json["message"], (path, params)


@pytest.mark.parametrize("operation", AUTOSCALING)
def test_each_constraint_of_autoscaling_is_enforced(emulator: Running, operation: str) -> None:
    for path, params in broken(input_of("application-autoscaling", operation)):
        answer = emulator.call(operation, params, prefix="AnyScaleFrontendService")
        assert (answer.status, answer.code) == (400, "ValidationException"), (path, params)
        assert f"at '{path}' failed to satisfy constraint" in answer.json["message"], (path, params)


@pytest.mark.parametrize("operation", RUNTIME)
def test_each_constraint_of_the_runtime_is_enforced(emulator: Running, operation: str) -> None:
    shape = input_of("sagemaker-runtime", operation)
    uri = MODELS["sagemaker-runtime"].operation_model(operation).http["requestUri"]
    for path, params in broken(shape):
        if not params.get("EndpointName") or any("\n" in str(value) for value in params.values()):
            continue  # no such path, and no such header, can be sent
        headers = {
            member.serialization["name"]: str(params[name]).encode()
            for name, member in shape.members.items()
            if member.serialization.get("location") == "header" and name in params
        }
        target = uri.replace("{EndpointName}", quote(params["EndpointName"], safe=""))
        answer = emulator.send(target, headers=headers, body=str(params.get("Body", "")).encode())
        assert (answer.status, answer.code) == (400, "ValidationError"), (path, params)
        assert f"at '{path}' failed to satisfy constraint" in answer.json["Message"], (path, params)


CALLED_AS = {
    **dict.fromkeys(CONTROL_PLANE, ("sagemaker", "SageMaker")),
    **dict.fromkeys(AUTOSCALING, ("application-autoscaling", "AnyScaleFrontendService")),
}
REFUSALS = {
    "InvalidNextTokenException",
    "ValidationException",
    "ObjectNotFoundException",
    "ResourceNotFoundException",
}


@pytest.mark.parametrize("operation", CALLED_AS)
@given(data=st.data())
@settings(examples, max_examples=10)
def test_an_answer_loses_no_member_on_its_way_through_botocore(
    emulator: Running, operation: str, data: st.DataObject
) -> None:
    service, prefix = CALLED_AS[operation]
    model = MODELS[service].operation_model(operation)
    params = data.draw(valid(input_of(service, operation)))
    answer = emulator.call(operation, jsonable(params), prefix=prefix)
    parsed = create_parser(model.service_model.metadata["protocol"]).parse(
        {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body},
        model.output_shape,  # type: ignore[arg-type]  # None is what operations without an answer have
    )
    if answer.status == 200:
        sent = json.loads(answer.body) if answer.body else {}
        assert parsed.keys() - {"ResponseMetadata"} == sent.keys()
    else:
        assert parsed["Error"]["Code"] in REFUSALS, (params, parsed)
        assert parsed["Error"]["Message"]


def jsonable(value: Any) -> Any:
    """Parameters as an SDK puts them into JSON."""
    if isinstance(value, dict):
        return {name: jsonable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return value.timestamp() if isinstance(value, dt.datetime) else value


@pytest.mark.operation("CreateModel", "DescribeModel", "DeleteModel")
@examples
@given(params=valid(input_of("sagemaker", "CreateModel")))
def test_no_member_of_a_model_is_lost(sagemaker: SageMakerClient, params: dict[str, Any]) -> None:
    if "PrimaryContainer" in params:
        params.pop("Containers", None)
    names = {model["ModelName"].lower() for model in sagemaker.list_models(MaxResults=100)["Models"]}
    if params["ModelName"].lower() in names:
        sagemaker.delete_model(ModelName=params["ModelName"])
    arn = sagemaker.create_model(**params)["ModelArn"]
    found: dict[str, Any] = dict(sagemaker.describe_model(ModelName=params["ModelName"]))
    tags = {tag["Key"]: tag["Value"] for tag in params.pop("Tags", [])}
    assert {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]} == tags
    assert {name: found[name] for name in params} == params
    assert found["CreationTime"] <= dt.datetime.now(dt.UTC)
    sagemaker.delete_model(ModelName=params["ModelName"])


@pytest.mark.operation("CreateEndpointConfig", "DescribeEndpointConfig", "DeleteEndpointConfig")
@examples
@given(params=valid(input_of("sagemaker", "CreateEndpointConfig")))
def test_no_member_of_a_configuration_is_lost(
    sagemaker: SageMakerClient, endpoint: Made, params: dict[str, Any]
) -> None:
    for number, variant in enumerate(params["ProductionVariants"]):
        variant["VariantName"] = f"v{number}"
        variant.setdefault("InitialVariantWeight", 1.0)
        if "ModelName" in variant:
            variant["ModelName"] = endpoint.name
            variant.pop("ManagedInstanceScaling", None)
        if "ServerlessConfig" in variant:
            variant["ServerlessConfig"]["MemorySizeInMB"] = 2048
        if "AsyncInferenceConfig" in params:
            variant.pop("ServerlessConfig", None)
    name = params["EndpointConfigName"] = params["EndpointConfigName"][:40] + "-of-random"
    params.pop("Tags", None)
    output = params.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    for path in {"S3OutputPath", "S3FailurePath"} & output.keys():
        output[path] = output[path].replace("https://", "s3://")
    sagemaker.create_endpoint_config(**params)
    found: dict[str, Any] = dict(sagemaker.describe_endpoint_config(EndpointConfigName=name))
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    assert {key: found[key] for key in params} == params


header = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


@pytest.mark.operation("InvokeEndpointAsync")
@examples
@given(
    params=st.fixed_dictionaries(
        {},
        optional={
            "ContentType": header,
            "Accept": header,
            "CustomAttributes": header,
            "InferenceId": header,
            "RequestTTLSeconds": st.integers(60, 21_600),
            "InvocationTimeoutSeconds": st.integers(1, 3_600),
            "S3OutputPathExtension": st.from_regex(r"[a-z]([a-z!_*'()/-]*[a-z])?", fullmatch=True),
            "Filename": st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}(\.[a-z]{1,8})?", fullmatch=True),
        },
    ),
    body=st.binary(min_size=1, max_size=64),
)
def test_no_member_of_an_invocation_is_lost(
    runtime: SageMakerRuntimeClient, endpoint: Made, params: dict[str, Any], body: bytes
) -> None:
    answer: dict[str, Any] = dict(
        runtime.invoke_endpoint_async(EndpointName=endpoint.name, Body=body, **params)
    )
    assert answer.keys() == {"InferenceId", "OutputLocation", "FailureLocation", "ResponseMetadata"}
    assert answer["InferenceId"] == params.get("InferenceId", answer["InferenceId"])
    assert answer["OutputLocation"].endswith(params.get("Filename", ".out"))
    assert answer["OutputLocation"].startswith(f"s3://{endpoint.bucket}/out/")
