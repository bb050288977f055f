"""Environment variables of the image step."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_MODEL = "none"


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The image models and their Region. docs/services/lambda-text-to-image.md lists them."""

    model_id: str = "stability.stable-image-core-v1:1"
    region: str = "us-west-2"
    background_model_id: str = NO_MODEL
    """A Bedrock model, or `none`: the runtime removes backgrounds itself."""

    worker_function: str = ""
    """The function to invoke when the image is written; empty for none."""

    @staticmethod
    def from_environment(environment: Mapping[str, str] | None = None) -> ImageSettings:
        """The settings of the variables that are set and not empty."""
        given = os.environ if environment is None else environment
        default = ImageSettings()
        return ImageSettings(
            given.get("IMAGE_MODEL_ID") or default.model_id,
            given.get("IMAGE_MODEL_REGION") or default.region,
            given.get("IMAGE_BACKGROUND_MODEL_ID") or default.background_model_id,
            given.get("WORKER_FUNCTION") or default.worker_function,
        )
