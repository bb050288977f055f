"""The contract between the worker and the two step functions: events, objects, and their names.

Every object of a job is under `jobs/<job id>/` of the pipeline's bucket and depends on the job alone: a step
that runs twice leaves the same objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from meshtwin.minecraft.voxel.export.dimensions import DIMENSION, OVERWORLD
from meshtwin.minecraft.voxel.options import HTTP_NAMES, BuildOptions, OptionError

IMAGE = "image.png"
SHAPE = "shape.glb"
TEXTURED = "textured.glb"
VOXELS = "voxels.json"
"""The summary of a build, written last: its presence marks the build as complete."""

BUILD_DOCUMENT = "build.json.gz"
COMMANDS = "commands/"
"""The folder of the batches of commands: `commands/0001.mcfunction` and so on, to be run in order."""

PREVIEW = "preview.png"
"""Artefacts that have fields of their own in the status response; a build may lack any."""

FAILURE_SUFFIX = ".failure.json"
"""Appended to the name of the object that could not be made."""

MAX_ARTEFACTS = 64
"""The most artefacts of a summary: the status response has a link for each."""


class ContractError(ValueError):
    """A document that breaks the contract; names the field, the value and what was expected."""


def job_prefix(job_id: str) -> str:
    """The key under which all objects of a job lie."""
    return f"jobs/{job_id}/"


def failure_of(location: str) -> str:
    """The failure object of the object at `location`, a key or an `s3://` URI."""
    return f"{location}{FAILURE_SUFFIX}"


def invocation_document(inference_id: str) -> str:
    """The key of the endpoint's input."""
    return f"async-input/{inference_id}.json"


@dataclass(frozen=True, slots=True)
class ImageTask:
    """The event of `text_to_image`: write an image of `prompt`, or one made from `source_s3`.

    `attempt_id` names the attempt; the record of a function that died carries it back to the worker.
    """

    job_id: str
    prompt: str
    seed: int
    output_s3: str
    source_s3: str | None = None
    attempt_id: str = ""

    def to_event(self) -> dict[str, Any]:
        """The event's JSON."""
        values = asdict(self)
        return {"jobId": values.pop("job_id"), **values}

    @classmethod
    def from_event(cls, event: object) -> Self:
        """The task of an event.

        Raises:
            ContractError: the event is invalid.
        """
        return cls(**_checked(cls, event))


@dataclass(frozen=True, slots=True)
class VoxelTask:
    """The event of `glb_to_vox`: build the model at `glb_s3` from blocks, objects under `output_prefix_s3`.

    `anchor` is the block that the build stands on, {"x", "y", "z"} in `dimension`; `attempt_id` as
    `ImageTask`'s. In the event the options are beside the other fields.
    """

    job_id: str
    glb_s3: str
    output_prefix_s3: str
    options: BuildOptions = field(default_factory=BuildOptions)
    anchor: dict[str, int] | None = None
    dimension: str = OVERWORLD
    attempt_id: str = ""

    def to_event(self) -> dict[str, Any]:
        """The event's JSON."""
        values = asdict(self)
        del values["options"]
        return {"jobId": values.pop("job_id"), **values, **self.options.to_dict()}

    @classmethod
    def from_event(cls, event: object) -> Self:
        """The task of an event.

        Raises:
            ContractError: the event is invalid.
        """
        _expect(isinstance(event, dict), "event", event, "a JSON object")
        assert isinstance(event, dict)
        own = {name: value for name, value in event.items() if name not in HTTP_NAMES}
        try:
            options = BuildOptions.from_dict(event)
        except OptionError as error:
            raise ContractError(str(error)) from error
        return cls(**_checked(cls, own), options=options)


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why a step failed: `message` tells the player what to do."""

    code: str
    message: str
    retryable: bool

    def to_json(self) -> str:
        """As the failure object holds it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The opposite of `to_json`.

        Raises:
            ContractError: the text is not a failure.
        """
        return cls(**_checked(cls, _document(text)))


@dataclass(frozen=True, slots=True)
class VoxelSummary:
    """The content of `voxels.json`: numbers of blocks and commands, the size, and each artefact's key.

    `materials` has the number of blocks of each kind, `notes` sentences for the player.
    """

    blocks: int
    size: tuple[int, int, int]
    commands: int
    artefacts: dict[str, str] = field(default_factory=dict)
    materials: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """As `voxels.json` holds it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The opposite of `to_json`; unknown fields are ignored.

        Raises:
            ContractError: the text is not a summary.
        """
        document = _document(text)
        known = {name.name for name in fields(cls)}
        given = {name: value for name, value in document.items() if name in known}
        summary = cls(**_arguments(cls, given))
        numbers = [summary.blocks, summary.commands, *_three(summary.size)]
        _expect(all(_is_whole(number) for number in numbers), "summary", numbers, "whole numbers")
        _expect(isinstance(summary.artefacts, dict), "artefacts", summary.artefacts, "a key for each name")
        count = len(summary.artefacts)
        _expect(count <= MAX_ARTEFACTS, "artefacts", count, f"at most {MAX_ARTEFACTS}")
        return replace(summary, size=_three(summary.size))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _three(value: object) -> tuple[int, int, int]:
    _expect(isinstance(value, list | tuple), "size", value, "[x, y, z]")
    numbers = tuple(value) if isinstance(value, list | tuple) else ()
    _expect(len(numbers) == 3, "size", value, "[x, y, z]")  # noqa: PLR2004  # x, y, z
    return numbers[0], numbers[1], numbers[2]


def _document(text: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ContractError(f"{text[:80]!r}: expected JSON, {error}") from error
    _expect(isinstance(document, dict), "document", document, "a JSON object")
    return dict(document)


def _arguments(cls: type, event: object) -> dict[str, Any]:
    """The fields of an event, `jobId` as `job_id`; no more and no fewer than the class has."""
    _expect(isinstance(event, dict), "event", event, "a JSON object")
    assert isinstance(event, dict)
    given = {"job_id" if name == "jobId" else str(name): value for name, value in event.items()}
    known = {entry.name for entry in fields(cls)}
    for name, value in given.items():
        _expect(name in known, name, value, f"one of {', '.join(sorted(known))}")
    try:
        cls(**given)
    except TypeError as error:
        raise ContractError(f"{cls.__name__}: {error}") from error
    return given


def _checked(cls: type, event: object) -> dict[str, Any]:
    """The fields of an event, each of the kind that `_KINDS` says."""
    given = _arguments(cls, event)
    for name, value in given.items():
        is_one, expected = _KINDS[name]
        _expect(is_one(value), "jobId" if name == "job_id" else name, value, expected)
    return given


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_position(value: object) -> bool:
    return (
        isinstance(value, dict) and set(value) == set("xyz") and all(type(n) is int for n in value.values())
    )


_Kind = tuple[Callable[[object], bool], str]

_TEXT: _Kind = (_is_text, "a non-empty string")
_ANY_TEXT: _Kind = (lambda value: isinstance(value, str), "a string")


def _or_null(kind: _Kind) -> _Kind:
    return (lambda value: value is None or kind[0](value), f"{kind[1]}, or null")


_KINDS: Mapping[str, _Kind] = {
    "job_id": _TEXT,
    "attempt_id": _ANY_TEXT,
    "prompt": _ANY_TEXT,
    "seed": (lambda value: type(value) is int, "a whole number"),
    "output_s3": _TEXT,
    "source_s3": _or_null(_TEXT),
    "glb_s3": _TEXT,
    "output_prefix_s3": (
        lambda value: isinstance(value, str) and value.endswith("/"),
        "a location that ends with /",
    ),
    "anchor": _or_null((_is_position, "x, y and z, whole numbers")),
    "dimension": (
        lambda value: isinstance(value, str) and DIMENSION.fullmatch(value) is not None,
        "an identifier such as minecraft:the_end",
    ),
    "code": _TEXT,
    "message": _TEXT,
    "retryable": (lambda value: isinstance(value, bool), "true or false"),
}
"""What each field of an event or a failure may hold."""


def _expect(met: bool, name: str, value: object, expected: str) -> None:
    if not met:
        raise ContractError(f"{name} {str(value)[:80]!r}: expected {expected}")
