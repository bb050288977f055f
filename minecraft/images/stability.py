"""Stability's text-to-image models on Bedrock, and its background remover."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from meshtwin.minecraft.images.bedrock import invoke

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

    from meshtwin.minecraft.images.provider import Outcome, PngImage

MAX_SEED = 4_294_967_294
"""The largest seed that all of them take; 0 stands for a random one."""

MAX_PROMPT = 10_000

_TAKE_NEGATIVE = ("stable-image-core", "stable-image-ultra", "sd3-5-large")


class StabilityImages:
    """Images of 1024 x 1024 pixels by Stable Image Core, Stable Image Ultra or Stable Diffusion 3.5.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html
    """

    def __init__(self, client: BedrockRuntimeClient, model_id: str) -> None:
        self._client = client
        self._model_id = model_id

    def make(self, prompt: str, negative_prompt: str, seed: int) -> Outcome:
        """One image; the same for the same arguments and model.

        Args:
            prompt: what the image shows.
            negative_prompt: what it does not show; ignored by models that take none.
            seed: any whole number; it is reduced to the model's range.
        """
        body: dict[str, Any] = {
            "prompt": prompt[:MAX_PROMPT],
            "mode": "text-to-image",
            "aspect_ratio": "1:1",
            "output_format": "png",
            "seed": 1 + seed % MAX_SEED,
        }
        if negative_prompt and takes_negative_prompt(self._model_id):
            body["negative_prompt"] = negative_prompt[:MAX_PROMPT]
        return invoke(self._client, self._model_id, body, "IMAGE_MODEL_ID")


class StabilityBackgroundRemover:
    """Stable Image Remove Background, by its inference profile.

    https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html
    """

    def __init__(self, client: BedrockRuntimeClient, model_id: str) -> None:
        self._client = client
        self._model_id = model_id

    def remove(self, image: PngImage) -> Outcome:
        """The image's subject on a transparent background."""
        body = {"image": base64.b64encode(image.png).decode("ascii"), "output_format": "png"}
        return invoke(self._client, self._model_id, body, "IMAGE_BACKGROUND_MODEL_ID")


def takes_negative_prompt(model_id: str) -> bool:
    """Whether a model takes `negative_prompt`: one that does not would reject the request."""
    return any(family in model_id for family in _TAKE_NEGATIVE)
