"""What the player is told when a step fails, by the error's code: the container's codes and our own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from meshtwin.minecraft.contract import StepFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
WORKER_CRASHED = "worker_crashed"

PLATFORM = "platform"
"""The endpoint itself gave the job up: it waited or took too long, or its instance was lost."""

PASSING = frozenset({"busy", "not_ready", "storage_unavailable"})
"""Codes of the container that say: not just now."""

FUNCTION_FAILED = "function_failed"
"""A step's function died, or raised an error, and has left nothing."""

DEADLINE = "deadline"
UNAVAILABLE = "unavailable"
NOT_SET_UP = "not_set_up"
BAD_RESULT = "bad_result"

SHAPE_ONLY_NOTE = (
    "The model was too large to be painted, so this build has its shape alone, in one colour. "
    "A simpler prompt may be painted."
)

_ANOTHER_PICTURE = "Try other words, or another picture."
_OPERATOR = "Tell the server's operator"

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "invalid_image": f"The picture could not be read. {_ANOTHER_PICTURE}",
        "image_too_large": "The picture is too large. Send a smaller one.",
        "object_too_large": "The picture is too large. Send a smaller one.",
        "empty_subject": "There is nothing to be seen in the picture but its background. Name one object.",
        "invalid_mesh": f"No model could be made of the picture. {_ANOTHER_PICTURE}",
        "mesh_too_large": "The model came out too detailed. Try a simpler object.",
        OUT_OF_GPU_MEMORY: "The model needs more memory than the graphics card has. Try a simpler object.",
        "out_of_memory": "The model needs more memory than the modelling service has. Try a simpler object.",
        WORKER_CRASHED: "The modelling service broke down again and again. Try later, or a simpler object.",
        "busy": "The modelling service is busy. Try again in some minutes.",
        "not_ready": "The modelling service is not ready yet. Try again in some minutes.",
        "storage_unavailable": "The storage could not be reached. Try again in some minutes.",
        "deadline_exceeded": "The model took too long to make. Try a simpler object.",
        "object_not_found": f"A file of this build is gone. Try again; if it happens again: {_OPERATOR}.",
        "access_denied": f"The modelling service may not read this build's files. {_OPERATOR}.",
        PLATFORM: "The modelling service gave this build up. Try again in some minutes.",
        FUNCTION_FAILED: "A part of the build service broke down. Try again in some minutes.",
        DEADLINE: "This took too long, and was given up. Try again in some minutes.",
        UNAVAILABLE: "A part of the build service could not be reached. Try again in some minutes.",
        NOT_SET_UP: f"A part of the build service is missing, or may not be used. {_OPERATOR}.",
        BAD_RESULT: f"The blocks of this build cannot be read. Try again; if it happens again: {_OPERATOR}.",
    }
)


def failure(code: str, *, retryable: bool) -> StepFailure:
    """A failure in words for the player; those of an unknown code name the code."""
    other = f"The model could not be made ({code[:40]}). Try again; if it happens again: {_OPERATOR}."
    return StepFailure(code, WORDS.get(code, other), retryable)
