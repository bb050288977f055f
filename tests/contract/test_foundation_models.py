"""InvokeModel of `bedrock-runtime`: what Bedrock's image models take and answer."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from tests.support.foundation_models import FakeBedrock, foundation_models_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

pytestmark = pytest.mark.operation("InvokeModel")

GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
CORE_PAGE = f"{GUIDE}model-parameters-diffusion-stable-image-core-text-image-request-response.html"
SD3_PAGE = f"{GUIDE}model-parameters-diffusion-3-5-large.html"
CORE = "stability.stable-image-core-v1:1"
SD3 = "stability.sd3-5-large-v1:0"
ULTRA = "stability.stable-image-ultra-v1:1"
REMOVER = "us.stability.stable-image-remove-background-v1:0"


@pytest.fixture(scope="module")
def fake_bedrock() -> Iterator[FakeBedrock]:
    with foundation_models_server() as running:
        yield running


@pytest.fixture
def bedrock(fake_bedrock: FakeBedrock) -> Iterator[BedrockRuntimeClient]:
    client = fake_bedrock.client()
    yield client
    client.close()
    fake_bedrock.faults.clear()


def invoke(client: BedrockRuntimeClient, model: str, body: object) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.invoke_model(modelId=model, body=data)
    assert answer["contentType"] == "application/json"
    with answer["body"] as stream:
        found: dict[str, Any] = json.loads(stream.read())
    return found


def picture(answer: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(answer["images"][0], validate=True)))


def refusal(client: BedrockRuntimeClient, model: str, body: object) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        invoke(client, model, body)
    answer = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.documented(CORE_PAGE)
@pytest.mark.parametrize("model", [CORE, SD3, ULTRA, f"arn:aws:bedrock:us-west-2::foundation-model/{CORE}"])
def test_a_prompt_becomes_one_picture_with_its_seed(bedrock: BedrockRuntimeClient, model: str) -> None:
    answer = invoke(bedrock, model, {"prompt": "a red dragon", "seed": 7})
    assert answer.keys() == {"seeds", "finish_reasons", "images"}
    assert (answer["seeds"], answer["finish_reasons"], len(answer["images"])) == ([7], [None], 1)
    assert picture(answer).size == (1024, 1024)
    assert picture(answer).format == "PNG"


@pytest.mark.documented(CORE_PAGE)
def test_without_a_seed_one_is_found_and_told(bedrock: BedrockRuntimeClient) -> None:
    for body in ({"prompt": "a cat"}, {"prompt": "a cat", "seed": 0}):
        assert invoke(bedrock, CORE, body)["seeds"][0] > 0


@pytest.mark.documented(CORE_PAGE)
@pytest.mark.parametrize("ratio", ["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"])
def test_the_aspect_ratio_is_kept(bedrock: BedrockRuntimeClient, ratio: str) -> None:
    wide, high = picture(invoke(bedrock, CORE, {"prompt": "a tower", "aspect_ratio": ratio})).size
    across, down = map(int, ratio.split(":"))
    assert wide / high == pytest.approx(across / down, rel=0.04)
    assert 640 <= min(wide, high) <= max(wide, high) <= 1536


@pytest.mark.documented(CORE_PAGE)
def test_a_jpeg_may_be_asked_for(bedrock: BedrockRuntimeClient) -> None:
    answer = invoke(bedrock, SD3, {"prompt": "a tower", "output_format": "jpeg", "mode": "text-to-image"})
    assert picture(answer).format == "JPEG"


@pytest.mark.documented(SD3_PAGE)
def test_a_hit_of_the_filter_is_a_success_without_a_picture(bedrock: BedrockRuntimeClient) -> None:
    assert invoke(bedrock, SD3, {"prompt": "a NAKED statue"}) == {"finish_reasons": ["Filter reason: prompt"]}


@pytest.mark.documented(SD3_PAGE)
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"prompt": "x" * 10_001}, "#/prompt: expected maxLength: 10000, actual: 10001"),
        ({"prompt": "x", "seed": 4_294_967_295}, "#/seed: 4294967295 is not less or equal to 4294967294"),
        ({"prompt": "x", "seed": -1}, "#/seed: -1 is not greater or equal to 0"),
        ({"prompt": "x", "aspect_ratio": "2:1"}, "#/aspect_ratio: 2:1 is not a valid enum value"),
        ({"prompt": "x", "output_format": "gif"}, "#/output_format: gif is not a valid enum value"),
        ({"prompt": "x", "seed": "1"}, "#/seed: expected type: Integer, found: String"),
        ({"prompt": None}, "#/prompt: expected type: String, found: Null"),
    ],
)
def test_a_body_outside_of_the_ranges_is_refused(
    bedrock: BedrockRuntimeClient, body: object, complaint: str
) -> None:
    status, code, message = refusal(bedrock, SD3, body)
    assert (status, code) == (400, "ValidationException")
    assert message == f"Malformed input request: {complaint}, please reformat your input and try again."


@pytest.mark.field_report("https://github.com/BerriAI/litellm/issues/6722")
def test_a_body_without_a_prompt_is_refused_in_these_words(bedrock: BedrockRuntimeClient) -> None:
    complaint = "#: required key [prompt] not found"
    assert refusal(bedrock, ULTRA, {}) == (
        400,
        "ValidationException",
        f"Malformed input request: {complaint}, please reformat your input and try again.",
    )


@pytest.mark.field_report("https://github.com/aws-samples/serverless-pdf-chat/issues/35")
def test_an_unknown_key_is_refused(bedrock: BedrockRuntimeClient) -> None:
    message = refusal(bedrock, CORE, {"prompt": "x", "taskType": "TEXT_IMAGE"})[2]
    assert "#: extraneous key [taskType] is not permitted" in message


@pytest.mark.assumed
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"a"', b"1" * 5_000, b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(bedrock: BedrockRuntimeClient, body: bytes) -> None:
    assert refusal(bedrock, CORE, body)[:2] == (400, "ValidationException")


@pytest.mark.field_report("https://github.com/aws-samples/amazon-bedrock-ai-karaoke/issues/21")
@pytest.mark.parametrize("model", ["amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"])
def test_a_retired_model_says_so(bedrock: BedrockRuntimeClient, model: str) -> None:
    status, code, message = refusal(bedrock, model, {"prompt": "x"})
    assert (status, code) == (404, "ResourceNotFoundException")
    assert message.startswith("This model version has reached the end of its life.")


@pytest.mark.field_report("https://github.com/aws-samples/amazon-bedrock-workshop/issues/315")
@pytest.mark.parametrize("model", ["stability.stable-image-core-v9:1", f"us.{CORE}", "anthropic.claude-v2"])
def test_a_model_that_is_not_there_is_an_invalid_identifier(
    bedrock: BedrockRuntimeClient, model: str
) -> None:
    assert refusal(bedrock, model, {"prompt": "x"}) == (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
    )


@pytest.mark.documented(f"{GUIDE}stable-image-services.html")
def test_a_background_is_taken_away(bedrock: BedrockRuntimeClient) -> None:
    drawn = invoke(bedrock, CORE, {"prompt": "a white swan", "seed": 3})["images"][0]
    cut = picture(invoke(bedrock, REMOVER, {"image": drawn}))
    assert (cut.mode, cut.size) == ("RGBA", (1024, 1024))
    alpha = cut.getchannel("A")
    assert [alpha.getpixel(corner) for corner in ((0, 0), (1023, 0), (0, 1023), (1023, 1023))] == [0] * 4
    assert 0.2 < sum(alpha.histogram()[128:]) / 1024**2 < 0.6


@pytest.mark.documented(f"{GUIDE}stable-image-services.html")
@pytest.mark.parametrize("size", [(63, 64), (4000, 3000), (1000, 390)])
def test_a_picture_of_another_size_is_refused(bedrock: BedrockRuntimeClient, size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, "PNG")
    image = base64.b64encode(buffer.getvalue()).decode()
    assert refusal(bedrock, REMOVER, {"image": image})[:2] == (400, "ValidationException")


@pytest.mark.assumed
@pytest.mark.parametrize(
    "image", ["%%%", "", "aGVsbG8=", base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 99).decode()]
)
def test_what_is_no_picture_is_refused(bedrock: BedrockRuntimeClient, image: str) -> None:
    assert refusal(bedrock, REMOVER, {"image": image})[:2] == (400, "ValidationException")


@pytest.mark.assumed
def test_the_remover_is_only_there_through_its_profile(bedrock: BedrockRuntimeClient) -> None:
    message = refusal(bedrock, REMOVER.removeprefix("us."), {"image": ""})[2]
    assert "on-demand throughput" in message


@pytest.mark.botocore_model
def test_throttling_can_be_injected(fake_bedrock: FakeBedrock, bedrock: BedrockRuntimeClient) -> None:
    fake_bedrock.faults.add({"place": "api", "effect": "throttle", "operation": "InvokeModel", "times": 1})
    assert refusal(bedrock, CORE, {"prompt": "x"})[:2] == (429, "ThrottlingException")
    assert invoke(bedrock, CORE, {"prompt": "x"})["images"]


@pytest.mark.botocore_model
def test_a_path_that_is_no_operation_is_refused(fake_bedrock: FakeBedrock) -> None:
    assert httpx.post(f"{fake_bedrock.url}/model/{CORE}/converse", content=b"{}").status_code == 404


@pytest.mark.botocore_model
def test_an_error_has_its_message_under_the_services_own_name(fake_bedrock: FakeBedrock) -> None:
    answer = httpx.post(f"{fake_bedrock.url}/model/nobody.knows/invoke", content=b"{}")
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    assert answer.json() == {"message": "The provided model identifier is invalid."}
