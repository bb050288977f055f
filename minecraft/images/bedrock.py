"""One call of a Stability model on Bedrock, and its outcome.

Errors: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html. A filtered
response is a 200 with `finish_reasons` and without an image,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-diffusion-3-5-large.html.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from meshtwin.minecraft.images.provider import Busy, Failed, PngImage, Refused
from meshtwin.minecraft.logs import log
from meshtwin.minecraft.timeouts import MODEL
from meshtwin.whole_answers import refuse_cut_answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

    from meshtwin.minecraft.images.provider import Outcome

RETIRED = re.compile(r"(?:\w+\.)?amazon\.(?:titan-image-generator|nova-canvas)\b.*")
"""Amazon's own image models: Titan's ended on 2026-06-30, Nova Canvas on 2026-09-30."""

_RETRYABLE = frozenset({
    "ThrottlingException", "ModelTimeoutException", "ModelNotReadyException", "ModelErrorException",
    "ServiceUnavailableException", "InternalServerException", "ServiceQuotaExceededException",
    "TooManyRequestsException", "RequestTimeout",
})  # fmt: skip
_NOT_FOUND = "ResourceNotFoundException"
_PNG = b"\x89PNG\r\n\x1a\n"


def bedrock_client(region: str) -> BedrockRuntimeClient:
    """A client with a timeout for the slowest of these models, and two attempts."""
    return refuse_cut_answers(boto3.client("bedrock-runtime", region_name=region, config=MODEL.config()))


def invoke(client: BedrockRuntimeClient, model_id: str, body: Mapping[str, Any], setting: str) -> Outcome:
    """The image that a model makes of a request body, or why there is none.

    Args:
        client: of the Region that has the model.
        model_id: or an inference profile's.
        body: the model's parameters.
        setting: the variable that names the model, for advice.
    """
    if RETIRED.fullmatch(model_id):
        return retired(model_id, setting)
    try:
        answer = client.invoke_model(
            modelId=model_id,
            body=json.dumps(body).encode("ascii"),
            contentType="application/json",
            accept="application/json",
        )
        document = json.loads(answer["body"].read())
    except ClientError as error:
        return _of_error(error, model_id, setting, client.meta.region_name)
    except (BotoCoreError, ValueError) as error:
        log("model_unavailable", model=model_id, reason=str(error))
        return Busy("The image model cannot be reached just now.")
    return _of_answer(document, model_id)


def retired(model_id: str, setting: str) -> Failed:
    """The failure of a model past its end of life."""
    return Failed(
        f"The image model {model_id} is retired: the server's operator must set {setting} to a current "
        "model, such as stability.stable-image-core-v1:1."
    )


def _of_error(error: ClientError, model_id: str, setting: str, region: str) -> Outcome:
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    log("model_refused", model=model_id, code=code, reason=message)
    if code in _RETRYABLE:
        return Busy("The image model is busy just now.")
    if code == "AccessDeniedException":
        return Failed(
            f"This server may not use the image model {model_id}: its operator must allow its role "
            f"bedrock:InvokeModel on it in {region}, and have access to the model in that account."
        )
    if code == _NOT_FOUND and "end of its life" in message:
        return retired(model_id, setting)
    if code == _NOT_FOUND or "model identifier is invalid" in message or "on-demand throughput" in message:
        return Failed(
            f"There is no image model {model_id} in {region}: the server's operator must set {setting} "
            "and IMAGE_MODEL_REGION to a model and a Region that has it."
        )
    return Failed(f"The image model {model_id} rejected this request ({code}): the server's log has more.")


def _of_answer(document: object, model_id: str) -> Outcome:
    if not isinstance(document, dict):
        return _unexpected(model_id)
    reason = next(iter(document.get("finish_reasons") or [None]), None)
    if reason is not None:
        log("model_finished", model=model_id, reason=str(reason))
        return _of_reason(str(reason))
    images = document.get("images")
    try:
        data = base64.b64decode(images[0], validate=True) if isinstance(images, list) and images else b""
    except (binascii.Error, TypeError, ValueError):
        data = b""
    return PngImage(data) if data.startswith(_PNG) else _unexpected(model_id)


def _of_reason(reason: str) -> Outcome:
    if reason == "Filter reason: prompt":
        return Refused("The image model's filter does not allow these words: try others.")
    if reason.startswith("Filter reason"):
        return Refused("The image model's filter does not allow the image: try again, or use other words.")
    return Busy("The image model could not finish this image.")


def _unexpected(model_id: str) -> Failed:
    return Failed(
        f"The image model {model_id} answered without a PNG image: this server does not support it."
    )
