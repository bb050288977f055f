"""The player's message for each error code of a failed step: the container's codes and our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.contract import StepFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
WORKER_CRASHED = "worker_crashed"

PLATFORM = "platform"
"""The endpoint itself failed the job: it waited or ran too long, or its instance was lost."""

PASSING = frozenset({"busy", "not_ready", "storage_unavailable"})
"""Codes of the container that mean: try again later."""

FUNCTION_FAILED = "function_failed"
"""A step's function died, or raised an error, without a failure object."""

DEADLINE = "deadline"
UNAVAILABLE = "unavailable"
NOT_SET_UP = "not_set_up"
BAD_RESULT = "bad_result"

SHAPE_ONLY_NOTE = (
    "The model was too large to be painted, so this build has its shape alone, in one colour. "
    "A simpler prompt may be painted."
)

_ANOTHER_IMAGE = "Try other words, or another image."
_OPERATOR = "Tell the server's operator"

MESSAGES: Mapping[str, str] = {
    "invalid_image": f"The image could not be read. {_ANOTHER_IMAGE}",
    "image_too_large": "The image is too large. Send a smaller one.",
    "object_too_large": "The image is too large. Send a smaller one.",
    "empty_subject": "The image shows nothing but its background. Name one object.",
    "invalid_mesh": f"No model could be made of the image. {_ANOTHER_IMAGE}",
    "mesh_too_large": "The model came out too detailed. Try a simpler object.",
    OUT_OF_GPU_MEMORY: "The model needs more memory than the graphics card has. Try a simpler object.",
    "out_of_memory": "The model needs more memory than the modelling service has. Try a simpler object.",
    WORKER_CRASHED: "The modelling service crashed repeatedly. Try later, or a simpler object.",
    "busy": "The modelling service is busy. Try again in some minutes.",
    "not_ready": "The modelling service is not ready yet. Try again in some minutes.",
    "storage_unavailable": "The storage could not be reached. Try again in some minutes.",
    "deadline_exceeded": "The model took too long to make. Try a simpler object.",
    "object_not_found": f"A file of this build is gone. Try again; if it happens again: {_OPERATOR}.",
    "access_denied": f"The modelling service may not read this build's files. {_OPERATOR}.",
    PLATFORM: "The modelling service stopped this build. Try again in some minutes.",
    FUNCTION_FAILED: "A part of the build service failed. Try again in some minutes.",
    DEADLINE: "This took too long and was stopped. Try again in some minutes.",
    UNAVAILABLE: "A part of the build service could not be reached. Try again in some minutes.",
    NOT_SET_UP: f"A part of the build service is missing, or may not be used. {_OPERATOR}.",
    BAD_RESULT: f"The blocks of this build cannot be read. Try again; if it happens again: {_OPERATOR}.",
}


def failure(code: str, *, retryable: bool) -> StepFailure:
    """A failure with its message for the player; an unknown code is named in the message."""
    other = f"The model could not be made ({code[:40]}). Try again; if it happens again: {_OPERATOR}."
    return StepFailure(code, MESSAGES.get(code, other), retryable)
