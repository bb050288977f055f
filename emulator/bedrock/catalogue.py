"""The models that are served, and Bedrock's errors for others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtwin.emulator.core.protocol.errors import ServiceError, ValidationFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Draws:
    """A model that makes images of prompts; `most_seed` is the largest seed that its page names."""

    most_seed: int
    modes: tuple[str, ...] = ("text-to-image",)


@dataclass(frozen=True, slots=True)
class CutsOut:
    """A model that takes the background away; it is reached by an inference profile only."""


MODELS: Mapping[str, Draws | CutsOut] = {
    "stability.stable-image-core-v1:0": Draws(4_294_967_295),
    "stability.stable-image-core-v1:1": Draws(4_294_967_295),
    "stability.stable-image-ultra-v1:0": Draws(4_294_967_294),
    "stability.stable-image-ultra-v1:1": Draws(4_294_967_294),
    "stability.sd3-5-large-v1:0": Draws(4_294_967_294),
    "stability.stable-image-remove-background-v1:0": CutsOut(),
}
"""What is answered, by model id. The pages with the ranges are those of Bedrock's user guide on each model:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html."""

RETIRED = re.compile(
    r"amazon\.titan-image-generator-v[12]:\d|amazon\.nova-canvas-v1:\d|stability\.stable-diffusion-xl-v\d(:\d)?"
    r"|stability\.sd3-large-v1:\d"
)
"""Image models past their end of life: model-lifecycle-legacy.html in the same guide."""

_ARN = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:\d*:(foundation-model|inference-profile)/(.+)")
_PROFILE = re.compile(r"(us|eu|apac|global)\.(?=stability\.)")


def find_model(model_id: str) -> Draws | CutsOut:
    """The model with an id, an ARN, or an inference profile's id.

    Raises:
        ServiceError: ResourceNotFoundException for a model past its end of life, with the text of
            https://github.com/aws-samples/amazon-bedrock-ai-karaoke/issues/21; ValidationException for an
            unknown one, with that of https://github.com/aws-samples/amazon-bedrock-workshop/issues/315,
            or that is only to be had through an inference profile.
    """
    arn = _ARN.fullmatch(model_id)
    name = arn[2] if arn else model_id
    base = _PROFILE.sub("", name, count=1)
    if RETIRED.fullmatch(base):
        raise ServiceError(
            "This model version has reached the end of its life. Please refer to the AWS documentation for "
            "more details.",
            code="ResourceNotFoundException",
        )
    model = MODELS.get(base)
    through_profile = base != name
    if model is None or (through_profile and isinstance(model, Draws)):
        raise ValidationFailedError("The provided model identifier is invalid.")
    if isinstance(model, CutsOut) and not through_profile:
        raise ValidationFailedError(
            f"Invocation of model ID {base} with on-demand throughput isn\u2019t supported. Retry your "
            "request with the ID or ARN of an inference profile that contains this model."
        )
    return model
