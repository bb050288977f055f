"""InvokeEndpointAsync through the front door: the answer, and what is refused before anything is queued."""

from __future__ import annotations

import re
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ACCOUNT_ID, make_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from tests.support.emulator import Answer, Made, Running

API = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BODY_LIMIT = 128_000
HEADERS = {
    "ContentType": "X-Amzn-SageMaker-Content-Type",
    "Accept": "X-Amzn-SageMaker-Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "InputLocation": "X-Amzn-SageMaker-InputLocation",
    "RequestTTLSeconds": "X-Amzn-SageMaker-RequestTTLSeconds",
    "InvocationTimeoutSeconds": "X-Amzn-SageMaker-InvocationTimeoutSeconds",
    "S3OutputPathExtension": "X-Amzn-SageMaker-S3OutputPathExtension",
    "Filename": "X-Amzn-SageMaker-Filename",
}


pytestmark = pytest.mark.operation("InvokeEndpointAsync")


def invoke(
    emulator: Running, endpoint: str, params: Mapping[str, str] = MappingProxyType({}), *, body: bytes = b"{}"
) -> Answer:
    """A call with nothing in between; `params` are by their boto3 names."""
    headers = {HEADERS[name]: value.encode() for name, value in params.items()}
    return emulator.send(
        f"/endpoints/{quote(endpoint, safe='')}/async-invocations", body=body, headers=headers
    )


@pytest.mark.botocore_model
def test_the_answer_on_the_wire(emulator: Running, endpoint: Made) -> None:
    answer = invoke(emulator, endpoint.name, {"InferenceId": "mine"})
    assert answer.status == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == b'{"InferenceId":"mine"}'
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.field_report(
    "https://github.com/SuperCowPowers/workbench/blob/main/tests/endpoints/test_async_idempotent.py"
)
def test_output_and_failure_are_named_by_one_uuid_that_is_not_the_inference_id(
    runtime: SageMakerRuntimeClient, endpoint: Made
) -> None:
    inference_id = str(uuid.uuid4())
    answer = runtime.invoke_endpoint_async(EndpointName=endpoint.name, Body=b"{}", InferenceId=inference_id)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == inference_id
    found = re.fullmatch(f"s3://{endpoint.bucket}/out/({UUID.pattern})\\.out", answer["OutputLocation"])
    assert found is not None
    assert found[1] != inference_id
    assert answer["FailureLocation"] == f"s3://{endpoint.bucket}/failed/{found[1]}-error.out"


@pytest.mark.documented(API)
def test_an_inference_id_is_made_where_none_is_given(runtime: SageMakerRuntimeClient, endpoint: Made) -> None:
    answers = [runtime.invoke_endpoint_async(EndpointName=endpoint.name, Body=b"{}") for _ in range(2)]
    ids = [answer["InferenceId"] for answer in answers]
    assert len(set(ids)) == 2
    for answer, inference_id in zip(answers, ids, strict=True):
        assert UUID.fullmatch(inference_id)
        assert inference_id not in answer["OutputLocation"]


@pytest.mark.field_report("https://github.com/aws/sagemaker-python-sdk/pull/3867")
def test_an_endpoint_without_failure_path_names_no_failure_location(
    sagemaker: SageMakerClient, runtime: SageMakerRuntimeClient, moto_url: str, name: str
) -> None:
    made = make_endpoint(sagemaker, moto_url, name, output={"S3OutputPath": f"s3://{name}-bucket"})
    answer = runtime.invoke_endpoint_async(EndpointName=made.name, Body=b"{}")
    assert "FailureLocation" not in dict(answer)
    assert answer["OutputLocation"].startswith(f"s3://{name}-bucket/")


@pytest.mark.assumed
def test_an_endpoint_without_output_path_refuses_calls_and_says_why(
    sagemaker: SageMakerClient, emulator: Running, moto_url: str, name: str
) -> None:
    made = make_endpoint(sagemaker, moto_url, name, output={})
    answer = invoke(emulator, made.name)
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert "S3OutputPath" in answer.json["Message"]


@pytest.mark.assumed
@pytest.mark.parametrize(
    ("params", "output", "failure"),
    [
        ({"S3OutputPathExtension": "a/b"}, r"out/a/b/{uuid}\.out", r"failed/{uuid}-error\.out"),
        ({"S3OutputPathExtension": "/a//b/"}, r"out/a/b/{uuid}\.out", r"failed/{uuid}-error\.out"),
        ({"Filename": "mesh.glb"}, r"out/mesh\.glb", r"failed/mesh-error\.out"),
        ({"Filename": "mesh", "S3OutputPathExtension": "x"}, "out/x/mesh", r"failed/mesh-error\.out"),
    ],
)
def test_where_results_go(
    emulator: Running, endpoint: Made, params: dict[str, str], output: str, failure: str
) -> None:
    answer = invoke(emulator, endpoint.name, params)
    for header, pattern in (("outputlocation", output), ("failurelocation", failure)):
        location = answer.headers[f"x-amzn-sagemaker-{header}"]
        assert re.fullmatch(f"s3://{endpoint.bucket}/" + pattern.replace("{uuid}", UUID.pattern), location)


@pytest.mark.assumed
@pytest.mark.parametrize("extension", ["..", "a/../../b", "../" * 8 + "etc", "/", "./a"])
def test_nothing_leads_out_of_the_output_path(emulator: Running, endpoint: Made, extension: str) -> None:
    answer = invoke(emulator, endpoint.name, {"S3OutputPathExtension": extension})
    assert (answer.status, answer.code) == (400, "ValidationError")


@pytest.mark.botocore_model
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContentType", "a" * 1024),
        ("Accept", "a" * 1024),
        ("CustomAttributes", "~" * 1024),
        ("InferenceId", "i"),
        ("InferenceId", "i" * 64),
        ("InferenceId", "an id !~"),
        ("RequestTTLSeconds", "60"),
        ("RequestTTLSeconds", "21600"),
        ("InvocationTimeoutSeconds", "1"),
        ("InvocationTimeoutSeconds", "3600"),
        ("S3OutputPathExtension", "e"),
        ("S3OutputPathExtension", "e" * 512),
        ("S3OutputPathExtension", "aZ09!_.*'()/-"),
        ("Filename", "f"),
        ("Filename", "f" * 32),
        ("Filename", "f-_.x"),
    ],
)
def test_a_parameter_at_its_limit_is_accepted(
    emulator: Running, endpoint: Made, name: str, value: str
) -> None:
    assert invoke(emulator, endpoint.name, {name: value}).status == 202


@pytest.mark.botocore_model
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContentType", "a" * 1025),
        ("ContentType", "text/é"),
        ("Accept", "a" * 1025),
        ("Accept", "é"),
        ("CustomAttributes", "a" * 1025),
        ("CustomAttributes", "é"),
        ("InferenceId", ""),
        ("InferenceId", "i" * 65),
        ("InferenceId", "aé"),
        ("RequestTTLSeconds", "59"),
        ("RequestTTLSeconds", "21601"),
        ("InvocationTimeoutSeconds", "0"),
        ("InvocationTimeoutSeconds", "3601"),
        ("S3OutputPathExtension", ""),
        ("S3OutputPathExtension", "e" * 513),
        ("S3OutputPathExtension", "s3://bucket"),
        ("S3OutputPathExtension", "https://bucket"),
        ("S3OutputPathExtension", "a b"),
        ("Filename", ""),
        ("Filename", "f" * 33),
        ("Filename", "a.b.c"),
        ("Filename", "-a"),
        ("Filename", "a/b"),
        ("Filename", ".."),
    ],
)
def test_a_parameter_beyond_its_limit_is_refused(
    emulator: Running, endpoint: Made, name: str, value: str
) -> None:
    answer = invoke(emulator, endpoint.name, {name: value})
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert f"at '{name[0].lower()}{name[1:]}' failed to satisfy constraint" in answer.json["Message"]


@pytest.mark.botocore_model
@pytest.mark.parametrize(
    "location", ["", "s3://" + "b" * 1020, "ftp://bucket/key", "bucket/key", "s3:///key", "http://bucket/key"]
)
def test_an_input_location_beyond_its_limits_is_refused(
    emulator: Running, endpoint: Made, location: str
) -> None:
    answer = invoke(emulator, endpoint.name, {"InputLocation": location}, body=b"")
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert "at 'inputLocation' failed" in answer.json["Message"]


@pytest.mark.botocore_model
@pytest.mark.parametrize("name", ["bad name", "-a", "a-", "a_b", "a/b", "a" * 64, "é"])
def test_an_endpoint_name_beyond_its_limits_is_refused(emulator: Running, name: str) -> None:
    answer = invoke(emulator, name)
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert "at 'endpointName' failed" in answer.json["Message"]


@pytest.mark.assumed
@pytest.mark.parametrize("value", ["sixty", "60.5", "1_000", "9" * 30])
def test_a_number_that_is_none_can_not_be_read(emulator: Running, endpoint: Made, value: str) -> None:
    answer = invoke(emulator, endpoint.name, {"RequestTTLSeconds": value})
    assert (answer.status, answer.code) == (400, "SerializationException")


@pytest.mark.field_report("https://github.com/aws/aws-sdk-js/issues/4203")
def test_all_that_is_wrong_is_in_one_message(emulator: Running, endpoint: Made) -> None:
    answer = invoke(
        emulator,
        endpoint.name,
        {"Filename": "a b", "CustomAttributes": "geheim" * 200},
        body=b"x" * (BODY_LIMIT + 1),
    )
    message = answer.json["Message"]
    assert message.startswith("3 validation errors detected: ")
    assert "Value 'a b' at 'filename' failed to satisfy constraint: Member must satisfy regular" in message
    assert "Value at 'body' failed to satisfy constraint: Member must have length less than" in message
    assert "geheim" not in message


@pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html"
)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * BODY_LIMIT, 202),
        (b"x" * (BODY_LIMIT + 1), 400),
        (("é" * (BODY_LIMIT // 2)).encode(), 202),
        (("é" * (BODY_LIMIT // 2 + 1)).encode(), 400),
    ],
)
def test_an_inline_body_is_counted_in_bytes(
    emulator: Running, endpoint: Made, body: bytes, status: int
) -> None:
    assert invoke(emulator, endpoint.name, body=body).status == status


@pytest.mark.documented(
    "https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html"
)
@pytest.mark.parametrize(
    ("params", "accepted"),
    [
        ({"Body": b"{}"}, True),
        ({"InputLocation": "s3://b/k"}, True),
        ({"Body": b"", "InputLocation": "s3://b/k"}, True),
        ({"Body": b"{}", "InputLocation": "s3://b/k"}, False),
        ({"Body": b""}, False),
        ({}, False),
    ],
)
def test_exactly_one_of_body_and_input_location(
    runtime: SageMakerRuntimeClient, endpoint: Made, params: dict[str, Any], accepted: bool
) -> None:
    if accepted:
        assert runtime.invoke_endpoint_async(EndpointName=endpoint.name, **params)["InferenceId"]
        return
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint_async(EndpointName=endpoint.name, **params)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.field_report("https://github.com/aws/aws-sdk-php/issues/2761")
@pytest.mark.parametrize(
    ("location", "status"),
    [
        ("https://bucket.s3.amazonaws.com/key", 202),
        ("https://s3.eu-west-1.amazonaws.com/bucket/key", 202),
        ("https://example.com/bucket/key", 400),
    ],
)
def test_https_locations_are_those_of_s3(
    emulator: Running, endpoint: Made, location: str, status: int
) -> None:
    assert invoke(emulator, endpoint.name, {"InputLocation": location}, body=b"").status == status


@pytest.mark.field_report("https://github.com/aws/amazon-sagemaker-examples/issues/559")
def test_an_unknown_endpoint_is_not_found(runtime: SageMakerRuntimeClient) -> None:
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint_async(EndpointName="nowhere", Body=b"{}")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert error["Message"] == f"Endpoint nowhere of account {ACCOUNT_ID} not found."


@pytest.mark.documented("https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html")
def test_the_case_of_an_endpoint_name_matters(emulator: Running, endpoint: Made) -> None:
    assert endpoint.name != endpoint.name.lower()
    assert invoke(emulator, endpoint.name.lower()).json["Message"].endswith("not found.")


@pytest.mark.field_report("https://github.com/strands-agents/harness-sdk/issues/1969")
@pytest.mark.operation("InvokeEndpoint", "InvokeEndpointWithResponseStream")
@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
def test_an_asynchronous_endpoint_refuses_synchronous_calls(
    runtime: SageMakerRuntimeClient, endpoint: Made, operation: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(runtime, operation)(EndpointName=endpoint.name, Body=b"{}")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert "InvokeEndpointAsync" in str(caught.value)


@pytest.mark.botocore_model
def test_a_real_time_endpoint_refuses_asynchronous_calls(
    sagemaker: SageMakerClient, runtime: SageMakerRuntimeClient, moto_url: str, name: str
) -> None:
    made = make_endpoint(sagemaker, moto_url, name, is_async=False)
    with pytest.raises(ClientError, match="AsyncInferenceConfig") as caught:
        runtime.invoke_endpoint_async(EndpointName=made.name, Body=b"{}")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.botocore_model
def test_an_error_on_the_wire(emulator: Running) -> None:
    answer = invoke(emulator, "nowhere")
    assert answer.headers["x-amzn-errortype"] == "ValidationError"
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json) == ["Message"]
    assert UUID.fullmatch(answer.headers["x-amzn-requestid"])


@pytest.mark.assumed
def test_a_huge_body_is_refused_without_being_kept(emulator: Running, endpoint: Made) -> None:
    memory = psutil.Process(emulator.process.pid).memory_info
    before = memory().rss
    answer = invoke(emulator, endpoint.name, body=bytes(200 * 1024 * 1024))
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert memory().rss - before < 20 * 1024 * 1024
